//! A record of the old topic -> [`Order`]. Total and strict: whatever the bytes are, the answer is an order of the domain
//! or a [`Refusal`] that names the first field that is wrong, and both depend on the record alone, so that a second run
//! takes the same records and refuses the same records. It must never guess a value that the record should have stated.
//!
//! The format is that of Kafka Connect's JsonConverter: `{"schema": .., "payload": {..}}`, or the bare payload (schemas
//! switched off). The schema part is not read: it may claim what it likes, the values decide. Next: [`super::derived_id`].

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use ledger_schema::{Order, OrderId, Position, ProductId, Quantity, UnitPrice, UserId};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::derived_id;
use super::refusal::{Refusal, excerpt};

/// One record as Kafka delivered it. Its key and headers carried no meaning in the old world.
#[derive(Debug, Clone, Copy)]
pub(super) struct LegacyRecord<'a> {
    pub topic: &'a str,
    pub position: Position,
    /// The record's timestamp in milliseconds since 1970, whoever set it (producer or broker).
    pub timestamp_ms: Option<i64>,
    pub value: Option<&'a [u8]>,
}

/// The envelope, or the bare payload: with a `payload` member it is the first. Fields are kept raw, so that a wrong type
/// can be named with its field.
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    payload: Option<&'a RawValue>,
    #[serde(borrow)]
    order_id: Option<&'a RawValue>,
    #[serde(borrow)]
    user_id: Option<&'a RawValue>,
    #[serde(borrow)]
    product_id: Option<&'a RawValue>,
    #[serde(borrow)]
    qty: Option<&'a RawValue>,
    #[serde(borrow)]
    unit_price: Option<&'a RawValue>,
    #[serde(borrow)]
    total_price: Option<&'a RawValue>,
}

/// Text without an allocation where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Keeps `"payload": null` (Connect's tombstone) apart from no `payload` at all.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Parses one record. Rules are checked in this order: a value, UTF-8, a JSON object, a payload object; then each field in
/// the order of the old table, the total last; then the record's time.
///
/// An absent order id is derived from the record's place; an absent total is computed. All else must be there.
pub(super) fn parse(record: &LegacyRecord<'_>) -> Result<Order, Refusal> {
    let value = match record.value {
        None => return Err(Refusal::new("value", "there is none (a tombstone)")),
        Some([]) => return Err(Refusal::new("value", "is empty")),
        Some(value) => std::str::from_utf8(value).map_err(|error| Refusal::new("value", format!("{error}")))?,
    };
    let outer = document("value", value)?;
    match outer.payload.map(RawValue::get) {
        None => outer.into_order(record),
        Some("null") => Err(Refusal::new("payload", "is null (a tombstone)")),
        Some(payload) => document("payload", payload)?.into_order(record),
    }
}

fn document<'a>(name: &'static str, json: &'a str) -> Result<Document<'a>, Refusal> {
    // serde would also read a struct from an array of its fields.
    if !json.trim_start().starts_with('{') {
        return Err(Refusal::new(name, format!("must be a JSON object, found `{}`", excerpt(json))));
    }
    serde_json::from_str(json).map_err(|error| Refusal::new(name, format!("cannot be read: {error}")))
}

impl Document<'_> {
    fn into_order(self, record: &LegacyRecord<'_>) -> Result<Order, Refusal> {
        let order_id = match self.order_id {
            Some(raw) => OrderId::parse(&text("order_id", raw)?).map_err(Refusal::of("order_id"))?,
            None => derived_id::order_id(record.topic, record.position),
        };
        let user_id = UserId::parse(&required_text("user_id", self.user_id)?).map_err(Refusal::of("user_id"))?;
        let product_id =
            ProductId::parse(&required_text("product_id", self.product_id)?).map_err(Refusal::of("product_id"))?;
        let quantity = Quantity::new(required_integer("qty", self.qty)?).map_err(Refusal::of("qty"))?;
        let unit_price =
            UnitPrice::new(required_integer("unit_price", self.unit_price)?).map_err(Refusal::of("unit_price"))?;
        let stated_total = self.total_price.map(|raw| integer("total_price", raw)).transpose()?;
        let placed_at = placed_at(record.timestamp_ms)?;
        Order::new(order_id, user_id, product_id, quantity, unit_price, stated_total, placed_at)
            .map_err(Refusal::of("total_price"))
    }
}

fn required<'a>(field: &'static str, raw: Option<&'a RawValue>) -> Result<&'a RawValue, Refusal> {
    raw.ok_or_else(|| Refusal::new(field, "is missing or null"))
}

fn required_text<'a>(field: &'static str, raw: Option<&'a RawValue>) -> Result<Cow<'a, str>, Refusal> {
    text(field, required(field, raw)?)
}

fn required_integer(field: &'static str, raw: Option<&RawValue>) -> Result<i64, Refusal> {
    integer(field, required(field, raw)?)
}

fn text<'a>(field: &'static str, raw: &'a RawValue) -> Result<Cow<'a, str>, Refusal> {
    serde_json::from_str::<Text<'_>>(raw.get()).map(|text| text.0).map_err(|_| wrong_type(field, "a string", raw))
}

fn integer(field: &'static str, raw: &RawValue) -> Result<i64, Refusal> {
    serde_json::from_str(raw.get()).map_err(|_| wrong_type(field, "an integer of 64 bits", raw))
}

fn wrong_type(field: &'static str, expected: &str, raw: &RawValue) -> Refusal {
    Refusal::new(field, format!("must be {expected}, found `{}`", excerpt(raw.get())))
}

/// When the order was placed: the old records do not say, so it is when Kafka got the record; the epoch where the record
/// has no timestamp at all (message format 0, or an old broker).
fn placed_at(timestamp_ms: Option<i64>) -> Result<DateTime<Utc>, Refusal> {
    /// 9999-12-31T23:59:59.999Z, the last millisecond that the log and MariaDB can hold.
    const LAST_MS: i64 = 253_402_300_799_999;
    let ms = timestamp_ms.unwrap_or(0);
    DateTime::from_timestamp_millis(ms).filter(|_| (0..=LAST_MS).contains(&ms)).ok_or_else(|| {
        Refusal::new("timestamp", format!("must be milliseconds of a time from 1970 to 9999, found {ms}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMESTAMP_MS: i64 = 1_795_428_000_123;

    fn at(value: Option<&[u8]>) -> LegacyRecord<'_> {
        let position = Position { partition: 0, offset: 17 };
        LegacyRecord { topic: "legacy-orders", position, timestamp_ms: Some(TIMESTAMP_MS), value }
    }

    fn parsed(value: &str) -> Result<Order, Refusal> {
        parse(&at(Some(value.as_bytes())))
    }

    /// The fields of a good payload with some replaced (`None`: left out).
    fn payload(replaced: &[(&str, Option<&str>)]) -> String {
        let good = [
            ("order_id", "\"77a436fd-64f9-4d35-999b-a957195f5d23\""),
            ("user_id", "\"alice\""),
            ("product_id", "\"chocolate\""),
            ("qty", "3"),
            ("unit_price", "250"),
            ("total_price", "750"),
        ];
        let fields: Vec<String> = good
            .iter()
            .filter_map(|(name, value)| {
                let value = replaced.iter().find(|(field, _)| field == name).map_or(Some(*value), |(_, value)| *value);
                value.map(|value| format!("\"{name}\":{value}"))
            })
            .collect();
        format!("{{{}}}", fields.join(","))
    }

    #[test]
    fn the_golden_envelope_is_an_order() {
        let order = parsed(include_str!("testdata/connect-envelope.jsonl").trim_end()).expect("the sample is an order");
        assert_eq!(order.order_id().to_string(), "77a436fd-64f9-4d35-999b-a957195f5d23");
        assert_eq!(order.user_id().as_str(), "a3f1c2de-0001-4c1b-9a55-6e0f5f7f0a11");
        assert_eq!(order.product_id().as_str(), "CATALOG-002");
        assert_eq!((order.quantity().get(), order.unit_price().get(), order.total_price().get()), (1, 6000, 6000));
        assert_eq!(order.placed_at().timestamp_millis(), TIMESTAMP_MS);
    }

    #[test]
    fn envelope_and_bare_payload_are_the_same_order() {
        let bare = payload(&[]);
        let expected = parsed(&bare).expect("a good payload");
        for other in [
            format!(r#"{{"schema":{{"type":"struct"}},"payload":{bare}}}"#),
            format!(r#"{{"payload":{bare},"schema":null}}"#),
            format!(" {{\"payload\": {bare} }}\n"),
            payload(&[("total_price", None)]),
            payload(&[("total_price", Some("null"))]),
            payload(&[("user_id", Some(r#""\u0061lice""#))]),
            bare.replace("{\"order_id\"", "{\"coupon\":[1.5,{}],\"order_id\""),
        ] {
            assert_eq!(parsed(&other), Ok(expected.clone()), "{other}");
        }
    }

    #[test]
    fn an_absent_order_id_is_derived_from_the_place() {
        let expected = derived_id::order_id("legacy-orders", Position { partition: 0, offset: 17 });
        for value in [payload(&[("order_id", None)]), payload(&[("order_id", Some("null"))])] {
            assert_eq!(parsed(&value).map(|order| order.order_id()), Ok(expected), "{value}");
        }
    }

    #[test]
    fn what_is_not_a_record_is_named() {
        let long = format!("\"{}\"", "x".repeat(100));
        for (value, field, why) in [
            (None, "value", "there is none (a tombstone)"),
            (Some(b"".as_slice()), "value", "is empty"),
            (Some(b"\xff\xfe"), "value", "invalid utf-8 sequence of 1 bytes from index 0"),
            (Some(b"hello\x00"), "value", "must be a JSON object, found `hello\\0`"),
            (Some(b"[\"a\"]"), "value", "must be a JSON object, found `[\\\"a\\\"]`"),
            (Some(b"{"), "value", "cannot be read: EOF while parsing an object at line 1 column 1"),
            (Some(b"{} x"), "value", "cannot be read: trailing characters at line 1 column 4"),
            (Some(br#"{"qty":1,"qty":2}"#), "value", "cannot be read: duplicate field `qty` at line 1 column 14"),
            (Some(br#"{"schema":{},"payload":null}"#), "payload", "is null (a tombstone)"),
            (Some(br#"{"payload":7}"#), "payload", "must be a JSON object, found `7`"),
            (Some(b"{}"), "user_id", "is missing or null"),
        ] {
            let refusal = parse(&at(value)).expect_err("not a record");
            assert_eq!((refusal.field, refusal.why.as_str()), (field, why));
        }
        let refusal = parsed(&long).expect_err("not a record");
        assert!(refusal.why.chars().count() < 110, "{}", refusal.why);
    }

    #[test]
    fn the_first_wrong_field_is_named() {
        for (field, value, why) in [
            ("order_id", Some("5"), "must be a string, found `5`"),
            ("order_id", Some(r#""A-1""#), "must be a UUID, found `A-1`"),
            ("user_id", None, "is missing or null"),
            ("user_id", Some("null"), "is missing or null"),
            ("user_id", Some("1"), "must be a string, found `1`"),
            ("user_id", Some(r#""""#), "must not be empty"),
            ("product_id", None, "is missing or null"),
            ("product_id", Some(r#""a b""#), "must not contain the character U+0020 (at character 2)"),
            ("product_id", Some("{}"), "must be a string, found `{}`"),
            ("qty", None, "is missing or null"),
            ("qty", Some("0"), "must be an integer from 1 to 1000000000, found 0"),
            ("qty", Some("-3"), "must be an integer from 1 to 1000000000, found -3"),
            ("qty", Some("1.0"), "must be an integer of 64 bits, found `1.0`"),
            ("qty", Some("1e3"), "must be an integer of 64 bits, found `1e3`"),
            ("qty", Some("true"), "must be an integer of 64 bits, found `true`"),
            ("qty", Some(r#""3""#), "must be an integer of 64 bits, found `\\\"3\\\"`"),
            ("qty", Some("1000000001"), "must be an integer from 1 to 1000000000, found 1000000001"),
            ("unit_price", None, "is missing or null"),
            ("unit_price", Some("0"), "must be an integer from 1 to 9007199254740991, found 0"),
            ("unit_price", Some("9223372036854775808"), "must be an integer of 64 bits, found `9223372036854775808`"),
            ("total_price", Some("751"), "must be quantity * unit price = 750, found 751"),
            ("total_price", Some("750.0"), "must be an integer of 64 bits, found `750.0`"),
        ] {
            // What comes later is wrong too, except the total's own rows, which need good fields before them.
            let value = if field == "total_price" {
                payload(&[(field, value)])
            } else {
                payload(&[(field, value), ("total_price", Some("[]"))])
            };
            let refusal = parsed(&value).expect_err(&value);
            assert_eq!((refusal.field, refusal.why.as_str()), (field, why), "{value}");
        }
        let overflow = payload(&[("unit_price", Some("9007199254740991")), ("total_price", None)]);
        let refusal = parsed(&overflow).expect_err("an overflow");
        assert_eq!(refusal, Refusal::new("total_price", "quantity * unit price is more than 9007199254740991"));
    }

    #[test]
    fn the_time_is_the_records_own() {
        let value = payload(&[]);
        for (timestamp_ms, expected) in [
            (None, Ok("1970-01-01T00:00:00+00:00")),
            (Some(0), Ok("1970-01-01T00:00:00+00:00")),
            (Some(1_795_428_000_123), Ok("2026-11-23T10:00:00.123+00:00")),
            (Some(253_402_300_799_999), Ok("9999-12-31T23:59:59.999+00:00")),
            (Some(253_402_300_800_000), Err("timestamp")),
            (Some(-1), Err("timestamp")),
            (Some(i64::MAX), Err("timestamp")),
        ] {
            let parsed = parse(&LegacyRecord { timestamp_ms, ..at(Some(value.as_bytes())) });
            let found = parsed.map(|order| order.placed_at().to_rfc3339()).map_err(|refusal| refusal.field);
            assert_eq!(found, expected.map(str::to_owned), "{timestamp_ms:?}");
        }
    }
}
