//! What is refused, under which reason, with which words: a table in the precedence that `decode` documents. (Every rule,
//! with what it gives, stands in the corpus of the fold, `projector/fold/tests/corpus/`; here is what concerns the decoder
//! alone.) Arbitrary bytes: `foreign_bytes.rs`.

use ledger_schema::ParkReason;
use ledger_schema::wire::{MAX_EVENT_BYTES, decode};

const GOOD: &str = include_str!("../golden/order_placed.v1.json");
const WITH_CHANNEL: &str = include_str!("../golden/order_placed.v2.json");
const ADJUSTED: &str = include_str!("../golden/stock_adjusted.v1.json");

fn check(value: &str, reason: ParkReason, detail: &str) {
    let error = decode(Some(value.as_bytes())).expect_err(value);
    assert_eq!((error.reason, error.detail.as_str()), (reason, detail), "{value}");
}

/// The good order with `from` replaced, which must occur in it.
fn order_with(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from} is not in the sample");
    GOOD.trim_end().replace(from, to)
}

#[test]
fn values_that_are_no_event() {
    assert_eq!(decode(None).expect_err("none").reason, ParkReason::EmptyValue);
    assert_eq!(decode(Some(b"")).expect_err("empty").reason, ParkReason::EmptyValue);
    for garbage in [
        &b"\xff\xfe"[..],
        b"not json",
        b"[]",
        b"7",
        b"{}",
        b"{\"type\":\"OrderPlaced\"}",
        b"{\"type\":7,\"version\":1}",
        b"null",
    ] {
        assert_eq!(decode(Some(garbage)).expect_err("garbage").reason, ParkReason::Undecodable);
    }
    let large = order_with("\"version\":1", &format!("\"version\":1,\"padding\":\"{}\"", "x".repeat(MAX_EVENT_BYTES)));
    assert_eq!(decode(Some(large.as_bytes())).expect_err("large").reason, ParkReason::TooLarge);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(decode(Some(deep.as_bytes())).expect_err("deep").reason, ParkReason::Undecodable);
}

#[test]
fn types_and_versions() {
    check("{\"type\":\"OrderEaten\",\"version\":1}", ParkReason::UnknownType, "type `OrderEaten` is not known");
    for version in [0, 3] {
        check(
            &order_with("\"version\":1", &format!("\"version\":{version}")),
            ParkReason::UnknownVersion,
            &format!("version {version} of OrderPlaced is not known, expected 1 or 2"),
        );
    }
    check(
        &ADJUSTED.replace("\"version\":1", "\"version\":2"),
        ParkReason::UnknownVersion,
        "version 2 of StockAdjusted is not known, expected 1",
    );
    for version in ["-1", "1.0", "\"1\"", "4294967296"] {
        let value = order_with("\"version\":1", &format!("\"version\":{version}"));
        assert_eq!(decode(Some(value.as_bytes())).expect_err(version).reason, ParkReason::Undecodable, "{version}");
    }
}

#[test]
fn missing_and_mistyped_fields() {
    for field in ["order_id", "user_id", "product_id", "quantity", "unit_price", "total_price", "placed_at"] {
        let value = order_with(&format!("\"{field}\""), "\"other\"");
        check(&value, ParkReason::Undecodable, &format!("{field} is missing"));
        let value = order_with(&format!("\"{field}\""), &format!("\"{field}\":[],\"{field}\""));
        check(&value, ParkReason::Undecodable, &format!("{field} must appear once, found more than once"));
    }
}

/// What other writers were seen to send: the field is named, with what was found.
#[test]
fn payloads_of_other_writers() {
    for (quantity, detail) in [
        ("1.0", "quantity must be an integer without fraction or exponent, found the number `1.0`"),
        ("1e3", "quantity must be an integer without fraction or exponent, found the number `1e3`"),
        ("-0", "quantity must be an integer, and zero has no sign, found the number `-0`"),
        ("\"1\"", "quantity must be an integer, found the text `1`"),
        ("null", "quantity must be an integer, found null"),
        ("true", "quantity must be an integer, found true"),
        ("[1]", "quantity must be an integer, found an array"),
        (
            "9223372036854775808",
            "quantity must be an integer from -9223372036854775808 to 9223372036854775807, \
             found the number `9223372036854775808`",
        ),
    ] {
        check(&order_with("\"quantity\":4", &format!("\"quantity\":{quantity}")), ParkReason::Undecodable, detail);
    }
    check(&order_with("284000", "null"), ParkReason::Undecodable, "total_price must be an integer, found null");
    check(
        &order_with("\"2026-11-23T10:00:00.123456Z\"", "1764000000000"),
        ParkReason::Undecodable,
        "placed_at must be text, found the number `1764000000000`",
    );
    check(
        &format!("[{}]", GOOD.trim_end()),
        ParkReason::Undecodable,
        "the value must be a JSON object, found an array",
    );
    let in_envelope = |envelope: &str| envelope.replace("DATA", GOOD.trim_end());
    check(
        &in_envelope(r#"{"specversion":"1.0","id":"7","source":"/shop","type":"OrderPlaced","data":DATA}"#),
        ParkReason::Undecodable,
        "version is missing; this is a CloudEvent in structured mode (it has specversion): the value must be its data alone",
    );
    check(
        &in_envelope(r#"{"schema":{"type":"struct"},"payload":DATA}"#),
        ParkReason::Undecodable,
        "type is missing; this is an envelope of Kafka Connect (it has schema and payload): \
         the value must be the payload alone (schemas.enable=false)",
    );
}

#[test]
fn where_json_ends() {
    for (value, detail) in [
        ("not json", "not JSON at byte 0: expected a value, found `n`"),
        ("{\"a\":1,}", "not JSON at byte 7: expected a member's name in quotes, found `}`"),
        ("{\"a\":1", "not JSON at byte 6: expected `,` or `}`, found the end"),
        ("{} x", "not JSON at byte 3: expected the end of the value, found `x`"),
        ("\u{feff}{}", "not JSON at byte 0: expected a value, found byte 0xEF (a byte order mark)"),
    ] {
        check(value, ParkReason::Undecodable, detail);
    }
}

#[test]
fn fields_that_break_a_rule() {
    check(
        &order_with("\"quantity\":4", "\"quantity\":0"),
        ParkReason::InvalidField,
        "quantity must be an integer from 1 to 1000000000, found 0",
    );
    check(
        &order_with("\"unit_price\":71000", "\"unit_price\":-1"),
        ParkReason::InvalidField,
        "unit_price must be an integer from 1 to 9007199254740991, found -1",
    );
    check(&order_with("CATALOG-002", ""), ParkReason::InvalidField, "product_id must not be empty");
    check(
        &order_with("CATALOG-002", "a b"),
        ParkReason::InvalidField,
        "product_id must not contain the character U+0020 (at character 2)",
    );
    check(
        &order_with("77a436fd-", ""),
        ParkReason::InvalidField,
        "order_id must be a UUID, found `64f9-4d35-999b-a957195f5d23`",
    );
    check(
        &order_with("2026-11-23T", "2026-11-23 at "),
        ParkReason::InvalidField,
        "placed_at must be an RFC 3339 time from 1970 to 9999, found `2026-11-23 at 10:00:00.123456Z`",
    );
    check(&ADJUSTED.replace("-3", "0"), ParkReason::InvalidField, "delta must not be zero");
    check(&ADJUSTED.replace("three bars melted", ""), ParkReason::InvalidField, "reason must not be empty");
}

#[test]
fn the_channel_of_version_2() {
    assert!(WITH_CHANNEL.contains("\"channel\":\"web\""), "the sample has one");
    let with = |channel: &str| WITH_CHANNEL.replace("\"web\"", channel);
    check(&with("\"\""), ParkReason::InvalidField, "channel must not be empty");
    check(
        &with("\"the web\""),
        ParkReason::InvalidField,
        "channel must not contain the character U+0020 (at character 4)",
    );
    let long = format!("\"{}\"", "w".repeat(65));
    check(&with(&long), ParkReason::InvalidField, "channel must have at most 64 characters, found 65");
    assert_eq!(decode(Some(with("7").as_bytes())).expect_err("a number").reason, ParkReason::Undecodable);
    // The channel's own rule comes before the total, which looks at several fields.
    check(&with("\"\"").replace("284000", "284001"), ParkReason::InvalidField, "channel must not be empty");
}

#[test]
fn totals() {
    check(
        &order_with("284000", "284001"),
        ParkReason::WrongTotal,
        "total_price must be quantity * unit price = 284000, found 284001",
    );
    check(
        &order_with("\"quantity\":4", "\"quantity\":1000000000").replace("71000,", "9007199254740991,"),
        ParkReason::WrongTotal,
        "total_price must be at most 9007199254740991, found that quantity * unit price is more",
    );
}
