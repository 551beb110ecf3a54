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
    for version in [0, 4] {
        check(
            &order_with("\"version\":1", &format!("\"version\":{version}")),
            ParkReason::UnknownVersion,
            &format!("version {version} of OrderPlaced is not known, expected 1, 2 or 3"),
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

const OF_LINES: &str = include_str!("../golden/order_placed.v3.json");

/// The good order of two lines with `from` replaced, which must occur in it.
fn lines_with(from: &str, to: &str) -> String {
    assert!(OF_LINES.contains(from), "{from} is not in the sample");
    OF_LINES.trim_end().replacen(from, to, 1)
}

/// What is wrong with an order of several lines names the line, and what is allowed.
#[test]
fn lines_that_other_writers_get_wrong() {
    const SECOND: &str =
        "\"line_no\":2,\"product_id\":\"CATALOG-001\",\"quantity\":1,\"unit_price\":71000,\"total_price\":71000";
    let again = "\"line_no\":1,\"product_id\":\"CATALOG-001\"";
    let gap = "\"line_no\":3,\"product_id\":\"CATALOG-001\"";
    let second = "\"line_no\":2,\"product_id\":\"CATALOG-001\"";
    let without_lines = {
        let (begin, end) = (OF_LINES.find("[{").expect("lines"), OF_LINES.find("}]").expect("lines") + 2);
        format!("{}[]{}", &OF_LINES[..begin], OF_LINES[end..].trim_end())
    };
    for (value, reason, detail) in [
        (lines_with(second, again), ParkReason::InvalidField, "line 2: line_no must be 2, found 1"),
        (lines_with(second, gap), ParkReason::InvalidField, "line 2: line_no must be 2, found 3"),
        (
            lines_with("\"line_no\":1", "\"line_no\":0"),
            ParkReason::InvalidField,
            "line 1: line_no must be an integer from 1 to 100, found 0",
        ),
        (
            lines_with("\"line_no\":2,\"product_id\":\"CATALOG-001\"", "\"line_no\":2,\"product_id\":\"chocolate\""),
            ParkReason::InvalidField,
            "line 2: product_id must stand in one line only, stands in line 1 too",
        ),
        (without_lines, ParkReason::InvalidField, "lines must have 1 to 100 entries, found 0"),
        (lines_with("\"lines\":[", "\"others\":["), ParkReason::Undecodable, "lines is missing"),
        (
            lines_with("\"lines\":[{\"line_no\":1,", "\"lines\":{\"a\":1},\"others\":[{"),
            ParkReason::Undecodable,
            "lines must be an array, found an object",
        ),
        (
            lines_with("\"lines\":[{", "\"lines\":[7,{"),
            ParkReason::Undecodable,
            "line 1: must be an object, found the number `7`",
        ),
        (
            lines_with(
                SECOND,
                "\"line_no\":2,\"product_id\":\"CATALOG-001\",\"quantity\":\"1\",\"unit_price\":71000,\"total_price\":71000",
            ),
            ParkReason::Undecodable,
            "line 2: quantity must be an integer, found the text `1`",
        ),
        (lines_with("\"quantity\":1,", ""), ParkReason::Undecodable, "line 2: quantity is missing"),
        (
            lines_with("\"total_price\":71000", "\"total_price\":71001"),
            ParkReason::WrongTotal,
            "line 2: total_price must be quantity * unit price = 71000, found 71001",
        ),
        (
            lines_with("\"total_price\":71500", "\"total_price\":71501"),
            ParkReason::WrongTotal,
            "total_price must be the sum over the lines = 71500, found 71501",
        ),
        (
            lines_with("\"JPY\"", "\"jpy\""),
            ParkReason::InvalidField,
            "currency must be a currency code of three capitals, found `jpy`",
        ),
        (
            lines_with("\"hold_seconds\":600", "\"hold_seconds\":0"),
            ParkReason::InvalidField,
            "hold_seconds must be an integer from 1 to 86400, found 0",
        ),
        (
            lines_with("\"hold_seconds\":600", "\"hold_seconds\":86401"),
            ParkReason::InvalidField,
            "hold_seconds must be an integer from 1 to 86400, found 86401",
        ),
        (
            lines_with("2026-11-23T10:00:00.123456Z", "9999-12-31T23:59:59Z"),
            ParkReason::InvalidField,
            "hold_seconds must end before the year 10000",
        ),
    ] {
        check(&value, reason, detail);
    }
}

#[test]
fn more_lines_than_an_order_may_have() {
    let line = |n: usize| {
        format!("{{\"line_no\":{n},\"product_id\":\"p{n}\",\"quantity\":1,\"unit_price\":1,\"total_price\":1}}")
    };
    let order = |count: usize| {
        let lines: Vec<String> = (1..=count).map(line).collect();
        format!(
            "{{\"type\":\"OrderPlaced\",\"version\":3,\"order_id\":\"77a436fd-64f9-4d35-999b-a957195f5d26\",\"user_id\":\"u\",\
             \"lines\":[{}],\"total_price\":{count},\"placed_at\":\"2026-11-23T10:00:00Z\"}}",
            lines.join(",")
        )
    };
    assert!(decode(Some(order(100).as_bytes())).is_ok());
    check(&order(101), ParkReason::InvalidField, "line 101: line_no must be an integer from 1 to 100, found 101");
    let dear = order(2).replace(
        "\"unit_price\":1,\"total_price\":1}",
        "\"unit_price\":9007199254740991,\"total_price\":9007199254740991}",
    );
    check(
        &dear,
        ParkReason::WrongTotal,
        "total_price must be at most 9007199254740991, found that the sum over the lines is more",
    );
}

#[test]
fn line_events_that_other_writers_get_wrong() {
    let decided = include_str!("../golden/line_decided.v1.json").trim_end();
    let refused = include_str!("../golden/line_decided_rejected.v1.json").trim_end();
    for (value, reason, detail) in [
        (
            decided.replace("3-44-0", "3:44"),
            ParkReason::InvalidField,
            "cause must be PARTITION-OFFSET-INDEX, found `3:44`",
        ),
        (
            decided.replace("reserved", "pending"),
            ParkReason::InvalidField,
            "status must be reserved or rejected, found `pending`",
        ),
        (
            refused.replace("rejected", "reserved"),
            ParkReason::InvalidField,
            "reason must be missing where the line is reserved, found `out-of-stock`",
        ),
        (
            refused.replace("out-of-stock", "below-zero"),
            ParkReason::InvalidField,
            "reason must be unknown-product or out-of-stock, found `below-zero`",
        ),
        (
            decided.replace("reserved", "rejected"),
            ParkReason::InvalidField,
            "reason must be unknown-product or out-of-stock, found none",
        ),
        (
            decided.replace("\"version\":1", "\"version\":2"),
            ParkReason::UnknownVersion,
            "version 2 of LineDecided is not known, expected 1",
        ),
        (decided.replace("\"cause\"", "\"because\""), ParkReason::Undecodable, "cause is missing"),
    ] {
        check(&value, reason, detail);
    }
}
