//! What the old world calls an order -> the order's id. Every spelling of a UUID is the UUID that it spells: with hyphens or without,
//! in braces, of either case. Any other text is refused, or derived from where that was said. It must never make two ids of one
//! UUID. Next: [`super::derived_id`].

use std::borrow::Cow;

use ledger_schema::OrderId;
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::derived_id::order_id_of_text;
use super::document::{Document, Reserved, Slots, not_null};
use super::field::Field;
use super::refusal::{Refusal, excerpt};

/// Longest text that an id is derived from, in characters.
const MAX_TEXT_CHARS: usize = 255;

/// An id, and the text that it was derived from where it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedId {
    pub id: OrderId,
    pub text: Option<Box<str>>,
}

/// The UUID that `text` spells.
pub(crate) fn uuid(text: &str) -> Option<OrderId> {
    OrderId::parse(text).ok().or_else(|| Uuid::try_parse(text).ok().map(OrderId::from_uuid))
}

/// The id of the order that is called `text`, in the field `name`.
pub(crate) fn of_text(name: &str, text: &str, derive_ids: bool) -> Result<NamedId, Refusal> {
    if let Some(id) = uuid(text) {
        return Ok(NamedId { id, text: None });
    }
    let refuse = |why: String| Refusal::new(name.to_owned(), why);
    if !derive_ids {
        let remedy = "`--derive-ids` derives one from such a text";
        return Err(refuse(format!("must be a UUID, found `{}`: {remedy}", excerpt(text))));
    }
    if text.is_empty() {
        return Err(refuse("must not be empty".to_owned()));
    }
    // Other programs pass over a blank at the end, or show a control character as nothing: two orders would look like one.
    if text.trim() != text || text.chars().any(char::is_control) || text.chars().count() > MAX_TEXT_CHARS {
        let expected = format!("1 to {MAX_TEXT_CHARS} characters, no control characters, no blank at an end");
        return Err(refuse(format!("must have {expected}, found `{}`", excerpt(text))));
    }
    Ok(NamedId { id: order_id_of_text(text), text: Some(text.into()) })
}

/// The text of a JSON string, or the digits of a JSON integer; `None` for anything else.
pub(crate) fn text_of(raw: &RawValue) -> Option<Cow<'_, str>> {
    let json = raw.get();
    if json.starts_with('"') {
        return text_in(json).ok();
    }
    is_plain_integer(json).then_some(Cow::Borrowed(json))
}

/// The text of a JSON string, without an allocation where it has no escapes.
///
/// # Errors
/// Where `json` is no string, or holds what is no text.
pub(crate) fn text_in(json: &str) -> serde_json::Result<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

    serde_json::from_str::<Text<'_>>(json).map(|text| text.0)
}

/// Digits, with a minus sign before them or none: `-0`, which has another spelling, is none.
pub(crate) fn is_plain_integer(json: &str) -> bool {
    let digits = json.strip_prefix('-').unwrap_or(json);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && json != "-0"
}

/// What a record's key calls its order: the key as text, as a JSON value, or the id among the members of a JSON object, each with
/// Connect's envelope or without. `None` where there is no key.
pub(super) fn in_key(key: Option<&[u8]>, slots: &Slots) -> Result<Option<String>, Refusal> {
    const FIELD: &str = "key";
    let Some(key) = key.filter(|key| !key.is_empty()) else { return Ok(None) };
    let key = std::str::from_utf8(key).map_err(|error| Refusal::new(FIELD, error.to_string()))?;
    if uuid(key).is_some() || !key.starts_with(['{', '"']) {
        return Ok((key != "null").then(|| key.to_owned()));
    }
    let object = |json| Document::parse(FIELD, json, slots);
    let scalar = |raw: &RawValue| {
        let refuse = || Refusal::new(FIELD, format!("must be a text or an integer, found `{}`", excerpt(raw.get())));
        text_of(raw).map(|text| Some(text.into_owned())).ok_or_else(refuse)
    };
    if key.starts_with('"') {
        let raw = serde_json::from_str(key);
        return scalar(raw.map_err(|error| Refusal::new(FIELD, format!("cannot be read: {error}")))?);
    }
    let mut members = object(key)?;
    match members.reserved(Reserved::Payload) {
        None => {}
        Some(payload) if payload.get() == "null" => return Ok(None),
        Some(payload) if payload.get().starts_with('{') => members = object(payload.get())?,
        Some(payload) => return scalar(payload),
    }
    match slots.of(Field::OrderId).find_map(|slot| not_null(members.member(slot))) {
        Some(raw) => scalar(raw),
        None => {
            Err(Refusal::new(FIELD, "has no order_id, orderId or id: `--map order_id=@position` makes ids of places"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::field::FieldMap;
    use super::*;

    const UUID: &str = "77a436fd-64f9-4d35-999b-a957195f5d23";

    #[test]
    fn every_spelling_of_a_uuid_is_that_uuid() {
        for text in [
            UUID,
            "77A436FD-64F9-4D35-999B-A957195F5D23",
            "77a436fd64f94d35999ba957195f5d23",
            "{77a436fd-64f9-4d35-999b-a957195f5d23}",
            "urn:uuid:77a436fd-64f9-4d35-999b-a957195f5d23",
        ] {
            for derive_ids in [false, true] {
                let found = of_text("order_id", text, derive_ids).expect("a UUID");
                assert_eq!((found.id.to_string().as_str(), found.text), (UUID, None), "{text}");
            }
        }
    }

    #[test]
    fn another_text_is_refused_or_derived_from() {
        for text in ["12345", "ORD-2024-17", "Bestellung 17/ä", "77a436fd-64f9-4d35-999b-a957195f5d2"] {
            let refusal = of_text("orderId", text, false).expect_err("no UUID");
            assert_eq!(refusal.field, "orderId");
            let says = format!("must be a UUID, found `{text}`: `--derive-ids` derives one from such a text");
            assert_eq!(refusal.why, says);
            let found = of_text("orderId", text, true).expect("derived");
            assert_eq!((found.id, found.text.as_deref()), (order_id_of_text(text), Some(text)));
        }
        assert_eq!(
            of_text("id", "ORD-2024-17", true).expect("derived").id.to_string(),
            "866f5c32-6eda-5664-a45e-7aad1dd7cea6"
        );
        for (text, says) in [
            ("", "must not be empty"),
            (" 17", "must have 1 to 255 characters, no control characters, no blank at an end, found ` 17`"),
            ("17\u{a0}", "must have 1 to 255 characters, no control characters, no blank at an end, found `17\\u{a0}`"),
            ("1\n7", "must have 1 to 255 characters, no control characters, no blank at an end, found `1\\n7`"),
        ] {
            assert_eq!(of_text("id", text, true).expect_err("no id").why, says, "{text:?}");
        }
        assert!(of_text("id", &"x".repeat(256), true).is_err());
    }

    #[test]
    fn a_key_is_read_however_it_was_written() {
        let slots = Slots::new(&FieldMap::default());
        for (key, expected) in [
            ("", None),
            ("null", None),
            (r#"{"schema":null,"payload":null}"#, None),
            (UUID, Some(UUID)),
            ("{77a436fd-64f9-4d35-999b-a957195f5d23}", Some("{77a436fd-64f9-4d35-999b-a957195f5d23}")),
            ("12345", Some("12345")),
            ("chocolate", Some("chocolate")),
            (r#""12345""#, Some("12345")),
            (r#"{"schema":{"type":"string","optional":false},"payload":"12345"}"#, Some("12345")),
            (r#"{"schema":{"type":"int64"},"payload":12345}"#, Some("12345")),
            (r#"{"order_id":12345}"#, Some("12345")),
            (r#"{"schema":{"type":"struct","fields":[]},"payload":{"id":"A-1"}}"#, Some("A-1")),
        ] {
            assert_eq!(in_key(Some(key.as_bytes()), &slots).expect(key).as_deref(), expected, "{key}");
        }
        assert_eq!(in_key(None, &slots), Ok(None));
        for (key, says) in [
            (&[0, 0, 0, 0, 0xE8][..], "incomplete utf-8 byte sequence from index 4"),
            (b"{\"user_id\":\"a\"}", "has no order_id, orderId or id: `--map order_id=@position` makes ids of places"),
            (b"{\"id\":1.5}", "must be a text or an integer, found `1.5`"),
        ] {
            let refusal = in_key(Some(key), &slots).expect_err("no id");
            assert_eq!((refusal.field.as_ref(), refusal.why.as_str()), ("key", says));
        }
        assert!(in_key(Some(b"{\"id\":"), &slots).expect_err("no JSON").why.starts_with("cannot be read: "));
    }
}
