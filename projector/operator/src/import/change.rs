//! Change data capture: what a record says about an order, where a connector wrote rows as they changed. Understood are Debezium's
//! envelope (`before`, `after`, `op`) and its marks of an unwrapped row (`__op` in the row or in a header of the record, `__deleted`). An
//! order of the ledger never changes, so an update of one and a delete of one are refused by name. It must never take one for an order. Next: [`super::legacy_record`].

use serde::Deserialize;
use serde_json::value::RawValue;

use super::document::{Document, Reserved, not_null};
use super::refusal::{Refusal, excerpt};

const ROW_OP: &str = "__op";

/// What happened to the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    /// It was inserted, or read by a snapshot.
    Placed,
    /// It was written again: the same order where nothing that is read of it changed.
    Updated,
    Deleted,
}

/// How a payload holds its row.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form<'a> {
    /// The payload is the row.
    Row(Op),
    /// Debezium's envelope.
    Envelope { op: Op, before: Option<&'a RawValue>, after: Option<&'a RawValue> },
}

/// What `payload` is. `header` is the record's header `__op`, as Debezium's unwrapping writes it on demand (`add.headers=op`).
pub(super) fn form<'a>(payload: &Document<'a>, header: Option<&[u8]>) -> Result<Form<'a>, Refusal> {
    let [before, after] = [Reserved::Before, Reserved::After].map(|member| payload.reserved(member));
    match not_null(payload.reserved(Reserved::Op)) {
        // A row may have a column of that name.
        Some(op) if before.is_some() || after.is_some() => {
            Ok(Form::Envelope { op: op_of("op", op)?, before: not_null(before), after: not_null(after) })
        }
        _ => row(payload, header).map(Form::Row),
    }
}

fn row(payload: &Document<'_>, header: Option<&[u8]>) -> Result<Op, Refusal> {
    if let Some(raw) = not_null(payload.reserved(Reserved::RowDeleted)) {
        match word(raw).as_deref() {
            Some("true") => return Ok(Op::Deleted),
            Some("false") => {}
            _ => {
                let why = format!("must be true or false, found `{}`", excerpt(raw.get()));
                return Err(Refusal::new("__deleted", why));
            }
        }
    }
    let in_row = not_null(payload.reserved(Reserved::RowOp)).map(|raw| op_of(ROW_OP, raw)).transpose()?;
    let in_header = header.map(in_header).transpose()?.flatten();
    match (in_row, in_header) {
        (Some(in_row), Some(in_header)) if in_row != in_header => {
            Err(Refusal::new(ROW_OP, "says one thing in the row, and another in the record's header"))
        }
        (in_row, in_header) => Ok(in_row.or(in_header).unwrap_or(Op::Placed)),
    }
}

/// What a header says: the word alone, or as Connect's JsonConverter writes a text, with its schema or without.
fn in_header(value: &[u8]) -> Result<Option<Op>, Refusal> {
    #[derive(Deserialize)]
    struct Envelope {
        payload: Option<String>,
    }

    let text = std::str::from_utf8(value).map_err(|error| Refusal::new(ROW_OP, format!("in the header: {error}")))?;
    let word = match text.as_bytes() {
        [b'"', ..] => serde_json::from_str(text).ok(),
        [b'{', ..] => serde_json::from_str(text).ok().map(|Envelope { payload }| payload),
        [] | b"null" => Some(None),
        _ => Some(Some(text.to_owned())),
    };
    match word {
        Some(word) => word.map(|word| op(ROW_OP, Some(&word), text)).transpose(),
        None => op(ROW_OP, None, text).map(Some),
    }
}

fn op_of(field: &'static str, raw: &RawValue) -> Result<Op, Refusal> {
    op(field, word(raw).as_deref(), raw.get())
}

fn op(field: &'static str, word: Option<&str>, shown: &str) -> Result<Op, Refusal> {
    match word {
        Some("c" | "r") => Ok(Op::Placed),
        Some("u") => Ok(Op::Updated),
        Some("d") => Ok(Op::Deleted),
        Some("t") => Err(Refusal::change(field, "is a truncation of the old table: what stood there was taken back")),
        _ => Err(Refusal::new(field, format!("must be c, r, u or d, found `{}`", excerpt(shown)))),
    }
}

/// A text, or `true` and `false` as they are.
fn word(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok().or_else(|| Some(raw.get().to_owned()).filter(|json| !json.starts_with('"')))
}

#[cfg(test)]
mod tests {
    use super::super::document::Slots;
    use super::super::field::FieldMap;
    use super::*;

    fn said(json: &str) -> String {
        said_beside(None, json)
    }

    fn said_beside(header: Option<&str>, json: &str) -> String {
        let slots = Slots::new(&FieldMap::default());
        match form(&Document::parse("payload", json, &slots).expect("an object"), header.map(str::as_bytes)) {
            Ok(Form::Row(op)) => format!("{op:?}"),
            Ok(Form::Envelope { op, before, after }) => {
                format!("{op:?} {:?} {:?}", before.map(RawValue::get), after.map(RawValue::get))
            }
            Err(Refusal { field, why, is_change }) => format!("{field} {why} {is_change}"),
        }
    }

    #[test]
    fn what_happened_to_a_row_is_told() {
        for (json, expected) in [
            (r#"{"qty":1}"#, "Placed"),
            (r#"{"__op":"c"}"#, "Placed"),
            (r#"{"__op":"r","__deleted":"false"}"#, "Placed"),
            (r#"{"__op":null,"__deleted":null}"#, "Placed"),
            (r#"{"__op":"u","__deleted":"false"}"#, "Updated"),
            (r#"{"__op":"d"}"#, "Deleted"),
            (r#"{"__deleted":"true"}"#, "Deleted"),
            (r#"{"__deleted":true,"__op":"u"}"#, "Deleted"),
            (r#"{"__deleted":"yes"}"#, r#"__deleted must be true or false, found `\"yes\"` false"#),
            (r#"{"__op":"x"}"#, r#"__op must be c, r, u or d, found `\"x\"` false"#),
            (r#"{"op":"c"}"#, "Placed"),
            (r#"{"before":null,"after":{"qty":1},"op":"c"}"#, r#"Placed None Some("{\"qty\":1}")"#),
            (r#"{"before":{},"after":{},"op":"u"}"#, r#"Updated Some("{}") Some("{}")"#),
            (r#"{"before":{},"after":null,"op":"d"}"#, r#"Deleted Some("{}") None"#),
            (
                r#"{"before":null,"op":"t"}"#,
                "op is a truncation of the old table: what stood there was taken back true",
            ),
            (r#"{"before":null,"op":"m"}"#, r#"op must be c, r, u or d, found `\"m\"` false"#),
        ] {
            assert_eq!(said(json), expected, "{json}");
        }
    }

    #[test]
    fn a_header_tells_it_too() {
        for (header, json, expected) in [
            ("u", r#"{"qty":1}"#, "Updated"),
            (r#""d""#, r#"{"qty":1}"#, "Deleted"),
            (r#"{"schema":{"type":"string","optional":true},"payload":"r"}"#, r#"{"qty":1}"#, "Placed"),
            (r#"{"schema":{"type":"string","optional":true},"payload":null}"#, r#"{"qty":1}"#, "Placed"),
            ("", r#"{"qty":1}"#, "Placed"),
            ("null", r#"{"__op":"u"}"#, "Updated"),
            ("u", r#"{"__op":"u"}"#, "Updated"),
            ("c", r#"{"__deleted":"true"}"#, "Deleted"),
            ("u", r#"{"__op":"c"}"#, "__op says one thing in the row, and another in the record's header false"),
            ("x", r#"{"qty":1}"#, "__op must be c, r, u or d, found `x` false"),
            (r#"{"payload":5}"#, r#"{"qty":1}"#, r#"__op must be c, r, u or d, found `{\"payload\":5}` false"#),
            // The envelope says it itself.
            ("u", r#"{"before":null,"after":{"qty":1},"op":"c"}"#, r#"Placed None Some("{\"qty\":1}")"#),
        ] {
            assert_eq!(said_beside(Some(header), json), expected, "{header} {json}");
        }
        let slots = Slots::new(&FieldMap::default());
        let row = Document::parse("payload", "{}", &slots).expect("an object");
        assert_eq!(form(&row, Some(&[0xFF])).expect_err("no text").field, "__op");
    }
}
