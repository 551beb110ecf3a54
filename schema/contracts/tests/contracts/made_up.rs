//! Events that are made up, of every kind: each is written as the type and version that it is said to be, and fits that schema.

use chrono::{DateTime, Utc};
use ledger_contracts::Contract;
use ledger_schema::domain::MAX_QUANTITY;
use ledger_schema::wire::{Event, encode};
use ledger_schema::{
    AdjustmentNote, CancelNote, Channel, Currency, Delta, EventId, HoldSeconds, Line, LineDecision, LineEvent, LineNo,
    LineStep, LineTarget, Movement, MovementId, MovementKind, Order, OrderId, OrderRequest, Position, ProductId,
    Quantity, RejectionReason, RequestKind, Terms, UnitPrice, UserId,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::validator::VALIDATOR;

fn text(longest: usize) -> impl Strategy<Value = String> {
    let character = prop_oneof![
        6 => prop::char::range('!', '~'),
        1 => prop::sample::select(vec!['é', 'チ', '𝄞', '"', '\\', '/', '<', '\u{a1}', '\u{fffd}', '\u{10ffff}']),
    ];
    prop::collection::vec(character, 1..=longest).prop_map(String::from_iter)
}

fn time() -> impl Strategy<Value = DateTime<Utc>> {
    // Before the last day of time, so that a hold ends in it.
    (0..=253_402_200_000_000_000_i64).prop_map(|micros| DateTime::from_timestamp_micros(micros).unwrap())
}

fn product() -> impl Strategy<Value = ProductId> {
    text(64).prop_map(|id| ProductId::parse(&id).unwrap())
}

fn order_id() -> impl Strategy<Value = OrderId> {
    any::<u128>().prop_map(|id| OrderId::from_uuid(uuid::Uuid::from_u128(id)))
}

fn order() -> impl Strategy<Value = Event> {
    let line = (1..=MAX_QUANTITY / 1000, 1..=1_000_000_i64);
    let lines =
        prop_oneof![Just(1), 1..=100_usize].prop_flat_map(move |count| prop::collection::vec(line.clone(), count));
    let terms = (prop::option::of("[A-Z]{3}"), prop::option::of(1..=86_400_i64));
    let channel = prop::option::of(text(64));
    (order_id(), text(64), lines, terms, time(), channel).prop_map(
        |(id, user, lines, (currency, hold), placed_at, channel)| {
            let line = |(n, (quantity, price)): (usize, (i64, i64))| {
                let product = ProductId::parse(&format!("p{n}")).unwrap();
                Line::new(product, Quantity::new(quantity).unwrap(), UnitPrice::new(price).unwrap(), None).unwrap()
            };
            let terms = Terms {
                currency: currency.map(|code| Currency::parse(&code).unwrap()),
                hold: hold.map(|seconds| HoldSeconds::new(seconds).unwrap()),
            };
            let lines = lines.into_iter().enumerate().map(line).collect();
            let order = Order::of_lines(id, UserId::parse(&user).unwrap(), lines, None, terms, placed_at).unwrap();
            Event::OrderPlaced(match channel {
                Some(channel) => order.over(Channel::parse(&channel).unwrap()),
                None => order,
            })
        },
    )
}

fn movement() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![
        (1..=MAX_QUANTITY).prop_map(|pieces| MovementKind::Receipt(Quantity::new(pieces).unwrap())),
        ((-MAX_QUANTITY..=MAX_QUANTITY).prop_filter("not zero", |pieces| *pieces != 0), text(200)).prop_map(
            |(pieces, note)| {
                MovementKind::Adjustment {
                    delta: Delta::new(pieces).unwrap(),
                    note: AdjustmentNote::parse(&note).unwrap(),
                }
            }
        ),
    ];
    (any::<u128>(), product(), kind, time()).prop_map(|(id, product, kind, at)| {
        Event::StockMoved(Movement::new(MovementId::from_uuid(uuid::Uuid::from_u128(id)), product, kind, at))
    })
}

fn asked() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![
        Just(RequestKind::Confirm),
        Just(RequestKind::Expire),
        prop::option::of(text(200))
            .prop_map(|note| RequestKind::Cancel { note: note.map(|note| CancelNote::parse(&note).unwrap()) }),
    ];
    (order_id(), product(), kind, time())
        .prop_map(|(id, product, kind, at)| Event::OrderRequested(OrderRequest::new(id, product, kind, at)))
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
    (order_id(), product(), product(), numbers, step).prop_map(
        |(order_id, home_product_id, product_id, (line_no, quantity, partition, offset, index), step)| {
            let target = LineTarget {
                order_id,
                line_no: LineNo::new(line_no).unwrap(),
                home_product_id,
                product_id,
                quantity: Quantity::new(quantity).unwrap(),
            };
            Event::LineTold(LineEvent { cause: EventId { cause: Position { partition, offset }, index }, target, step })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_written_fits(event in prop_oneof![order(), movement(), asked(), told()]) {
        let bytes = encode(&event);
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        let contract = Contract::of_event(&event);
        prop_assert_eq!((&value["type"], &value["version"]), (&contract.event_type().into(), &contract.version().into()));
        let fits = VALIDATOR.against(contract, &value);
        prop_assert!(fits.is_ok(), "{} {:?}", value, fits);
        // Nothing is written that is not described, but what is described as to be left out.
        let schema = contract.schema();
        for name in value.as_object().unwrap().keys() {
            prop_assert!(schema["properties"].get(name).is_some(), "{} is not described", name);
        }
    }
}
