//! Properties of the decoder over arbitrary bytes: it never panics, it says where and what, it agrees with an independent
//! reader about what JSON is, and it reads back whatever the encoder writes.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use ledger_schema::domain::{MAX_QUANTITY, MAX_SAFE_INTEGER, parse_timestamp};
use ledger_schema::wire::{DecodeError, Event, decode, encode};
use ledger_schema::{
    AdjustmentNote, CancelNote, Channel, Currency, Delta, EventId, HoldSeconds, Line, LineDecision, LineEvent, LineNo,
    LineStep, LineTarget, Movement, MovementId, MovementKind, Order, OrderId, OrderRequest, ParkReason, Position,
    ProductId, Quantity, RejectionReason, RequestKind, Terms, UnitPrice, UserId,
};
use proptest::prelude::*;
use serde::de::IgnoredAny;

const SAMPLES: [&str; 13] = [
    include_str!("../golden/order_placed.v1.json"),
    include_str!("../golden/order_placed.v2.json"),
    include_str!("../golden/stock_received.v1.json"),
    include_str!("../golden/stock_adjusted.v1.json"),
    include_str!("../golden/order_placed.v3.json"),
    include_str!("../golden/order_confirm_requested.v1.json"),
    include_str!("../golden/order_cancel_requested.v1.json"),
    include_str!("../golden/hold_expired.v1.json"),
    include_str!("../golden/line_requested.v1.json"),
    include_str!("../golden/line_decided.v1.json"),
    include_str!("../golden/line_decided_rejected.v1.json"),
    include_str!("../golden/line_released.v1.json"),
    include_str!("../golden/line_confirmed.v1.json"),
];
const MEMBERS: [&str; 22] = [
    "type",
    "version",
    "order_id",
    "user_id",
    "product_id",
    "quantity",
    "unit_price",
    "total_price",
    "placed_at",
    "channel",
    "movement_id",
    "delta",
    "reason",
    "occurred_at",
    "lines",
    "line_no",
    "currency",
    "hold_seconds",
    "note",
    "cause",
    "home_product_id",
    "status",
];

/// What a refusal must be, whatever it refuses: it begins with the member or says that it is about the whole value; it is
/// short; nothing in it is invisible; no type of Rust and no library speaks from it.
fn well_said(error: &DecodeError) -> Result<(), TestCaseError> {
    let detail = &error.detail;
    // What is wrong with a line of an order names the line first.
    let of_line = detail.strip_prefix("line ").map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    let said = of_line.and_then(|rest| rest.strip_prefix(": ")).unwrap_or(detail);
    let whole = ["not JSON at byte ", "the value ", "the record has no value", "type `", "version "];
    let begins = whole.iter().any(|begins| said.starts_with(begins))
        || of_line.is_some_and(|_| said.starts_with("must be an object, found "))
        || MEMBERS.iter().any(|member| said.strip_prefix(member).is_some_and(|rest| rest.starts_with(' ')));
    prop_assert!(begins, "{detail}");
    prop_assert!(detail.chars().count() < 1000, "{detail}");
    prop_assert!(
        !detail.chars().any(|c| c.is_control()
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')),
        "{detail:?}"
    );
    for word in ["i64", "u32", "&str", "struct", "column", "serde", "invalid type"] {
        prop_assert!(!detail.replace('`', " ` ").split(" ` ").step_by(2).any(|ours| ours.contains(word)), "{detail}");
    }
    Ok(())
}

/// What an independent reader says: names of the outermost object are texts, everything in it has the structure of JSON.
fn is_json(bytes: &[u8]) -> bool {
    let first = bytes.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    if first == Some(&b'{') {
        serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(bytes).is_ok()
    } else {
        serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
    }
}

fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    let answer = decode(Some(bytes));
    prop_assert_eq!(&answer, &decode(Some(bytes)), "the same answer twice");
    if let Err(error) = &answer {
        well_said(error)?;
        let refused_as_json = error.detail.starts_with("not JSON");
        prop_assert_eq!(!refused_as_json, is_json(bytes) || error.reason == ParkReason::EmptyValue, "{}", error.detail);
    } else {
        prop_assert!(is_json(bytes));
    }
    Ok(())
}

/// Pieces of JSON, and of what is nearly JSON.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let texts = vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "null",
        "true",
        "false",
        "nul",
        "-0",
        "0",
        "1",
        "01",
        "-",
        "1.",
        "1.5",
        "1e",
        "1e5",
        "1E+5",
        "9223372036854775808",
        "1e999",
        " ",
        "\n",
        "\u{b}",
        "\"a\"",
        "\"type\":",
        "\"version\":1",
        "\"\\ud834\\udd1e\"",
        "\"\\ud834\"",
        "\"\\q\"",
        "\"\\u00g0\"",
        "\u{FEFF}",
        "//",
        "'a'",
        "é",
        "\u{202E}",
        "NaN",
    ];
    prop_oneof![
        9 => prop::sample::select(texts).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..3),
    ]
}

fn soup() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(fragment(), 0..14).prop_map(|fragments| fragments.concat())
}

fn text(range: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = String> {
    let character = prop_oneof![
        6 => prop::char::range('!', '~'),
        1 => prop::sample::select(vec!['é', 'チ', '𝄞', '"', '\\', '/', '<', '\u{a1}', '\u{ffd}']),
    ];
    prop::collection::vec(character, range).prop_map(String::from_iter)
}

fn time() -> impl Strategy<Value = DateTime<Utc>> {
    (0..=253_402_300_799_999_999_i64).prop_map(|micros| DateTime::from_timestamp_micros(micros).expect("in range"))
}

fn order() -> impl Strategy<Value = Event> {
    let numbers = (1..=MAX_QUANTITY).prop_flat_map(|quantity| (Just(quantity), 1..=MAX_SAFE_INTEGER / quantity));
    (any::<u128>(), text(1..=64), text(1..=64), numbers, time(), prop::option::of(text(1..=64))).prop_map(
        |(id, user, product, (quantity, price), placed_at, channel)| {
            let order = Order::new(
                OrderId::from_uuid(uuid::Uuid::from_u128(id)),
                UserId::parse(&user).expect("valid"),
                ProductId::parse(&product).expect("valid"),
                Quantity::new(quantity).expect("valid"),
                UnitPrice::new(price).expect("valid"),
                None,
                placed_at,
            )
            .expect("a total that fits");
            Event::OrderPlaced(match channel {
                Some(channel) => order.over(Channel::parse(&channel).expect("valid")),
                None => order,
            })
        },
    )
}

fn movement() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![
        (1..=MAX_QUANTITY).prop_map(|pieces| MovementKind::Receipt(Quantity::new(pieces).expect("valid"))),
        ((-MAX_QUANTITY..=MAX_QUANTITY).prop_filter("not zero", |pieces| *pieces != 0), text(1..=200)).prop_map(
            |(pieces, note)| MovementKind::Adjustment {
                delta: Delta::new(pieces).expect("valid"),
                note: AdjustmentNote::parse(&note).expect("valid"),
            }
        ),
    ];
    (any::<u128>(), text(1..=64), kind, time()).prop_map(|(id, product, kind, occurred_at)| {
        let id = MovementId::from_uuid(uuid::Uuid::from_u128(id));
        Event::StockMoved(Movement::new(id, ProductId::parse(&product).expect("valid"), kind, occurred_at))
    })
}

fn order_of_lines() -> impl Strategy<Value = Event> {
    let line = (1..=MAX_QUANTITY / 1000, 1..=1_000_000_i64);
    let currency = prop::option::of("[A-Z]{3}");
    let hold = prop::option::of(1..=86_400_i64);
    // Before the last day of time, so that a hold ends in it.
    let placed_at =
        (0..=253_402_200_000_000_000_i64).prop_map(|at| DateTime::from_timestamp_micros(at).expect("in range"));
    (any::<u128>(), text(1..=64), prop::collection::vec(line, 1..=100), currency, hold, placed_at).prop_map(
        |(id, user, lines, currency, hold, placed_at)| {
            let line = |(n, (quantity, price)): (usize, (i64, i64))| {
                let product = ProductId::parse(&format!("p{n}")).expect("valid");
                let (quantity, price) =
                    (Quantity::new(quantity).expect("valid"), UnitPrice::new(price).expect("valid"));
                Line::new(product, quantity, price, None).expect("a total that fits")
            };
            let terms = Terms {
                currency: currency.map(|code| Currency::parse(&code).expect("valid")),
                hold: hold.map(|seconds| HoldSeconds::new(seconds).expect("valid")),
            };
            let id = OrderId::from_uuid(uuid::Uuid::from_u128(id));
            let lines = lines.into_iter().enumerate().map(line).collect();
            let order = Order::of_lines(id, UserId::parse(&user).expect("valid"), lines, None, terms, placed_at);
            Event::OrderPlaced(order.expect("valid"))
        },
    )
}

fn asked() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![
        Just(RequestKind::Confirm),
        Just(RequestKind::Expire),
        prop::option::of(text(1..=200))
            .prop_map(|note| RequestKind::Cancel { note: note.map(|note| CancelNote::parse(&note).expect("valid")) }),
    ];
    (any::<u128>(), text(1..=64), kind, time()).prop_map(|(id, product, kind, at)| {
        let id = OrderId::from_uuid(uuid::Uuid::from_u128(id));
        Event::OrderRequested(OrderRequest::new(id, ProductId::parse(&product).expect("valid"), kind, at))
    })
}

fn told() -> impl Strategy<Value = Event> {
    let step = prop::sample::select(vec![
        LineStep::Requested,
        LineStep::Decided(LineDecision::Reserved),
        LineStep::Decided(LineDecision::Rejected(RejectionReason::UnknownProduct)),
        LineStep::Decided(LineDecision::Rejected(RejectionReason::OutOfStock)),
        LineStep::Released,
        LineStep::Confirmed,
    ]);
    let numbers = (1..=100_i64, 1..=MAX_QUANTITY, 0..=i32::MAX, 0..=i64::MAX, any::<u32>());
    (any::<u128>(), text(1..=64), text(1..=64), numbers, step).prop_map(
        |(id, home, product, (line_no, quantity, partition, offset, index), step)| {
            let target = LineTarget {
                order_id: OrderId::from_uuid(uuid::Uuid::from_u128(id)),
                line_no: LineNo::new(line_no).expect("valid"),
                home_product_id: ProductId::parse(&home).expect("valid"),
                product_id: ProductId::parse(&product).expect("valid"),
                quantity: Quantity::new(quantity).expect("valid"),
            };
            let cause = EventId { cause: Position { partition, offset }, index };
            Event::LineTold(LineEvent { cause, target, step })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        check(&bytes)?;
    }

    #[test]
    fn pieces_of_json(bytes in soup()) {
        check(&bytes)?;
    }

    #[test]
    fn anything_in_place_of_a_value(
        sample in prop::sample::select(SAMPLES.to_vec()),
        at in any::<prop::sample::Index>(),
        value in soup(),
    ) {
        let members: Vec<&str> = sample.trim_end().split_inclusive("\":").collect();
        let at = at.index(members.len() - 1) + 1;
        // A value that holds members goes up to the first of them.
        let ends = members[at].find([',', '}']).unwrap_or(members[at].len());
        let (_replaced, after) = members[at].split_at(ends);
        let parts = [members[..at].concat().into_bytes(), value, after.into(), members[at + 1..].concat().into_bytes()];
        check(&parts.concat())?;
    }

    #[test]
    fn a_good_event_with_any_byte_changed_or_cut_off(
        sample in prop::sample::select(SAMPLES.to_vec()),
        at in any::<prop::sample::Index>(),
        byte in prop::option::of(any::<u8>()),
    ) {
        let mut bytes = sample.as_bytes().to_vec();
        let at = at.index(bytes.len());
        match byte {
            Some(byte) => bytes[at] = byte,
            None => bytes.truncate(at),
        }
        check(&bytes)?;
    }

    #[test]
    fn what_is_encoded_is_decoded(event in prop_oneof![order(), movement(), order_of_lines(), asked(), told()]) {
        let bytes = encode(&event);
        prop_assert!(is_json(&bytes));
        prop_assert_eq!(decode(Some(&bytes)), Ok(event));
    }

    #[test]
    fn times_are_read_as_they_are_written(time in time(), minutes in -1439..=1439_i32) {
        let offset = chrono::FixedOffset::east_opt(minutes * 60).expect("less than a day");
        let local = time.with_timezone(&offset).to_rfc3339_opts(SecondsFormat::Nanos, false);
        // An offset may carry a time of 9999 into a year of five digits, which has no RFC 3339 text.
        prop_assume!(local.as_bytes()[4] == b'-');
        prop_assert_eq!(parse_timestamp(&local), Ok(time));
    }

    #[test]
    fn no_text_makes_the_grammars_of_times_and_ids_panic(text in "\\PC{0,40}|[0-9T:.Z+ -]{0,40}|[0-9a-f-]{30,40}") {
        let (_time, _id) = (parse_timestamp(&text), OrderId::parse(&text));
    }
}
