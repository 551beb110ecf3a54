//! Change data capture: what a record says about an order, where a connector wrote rows as they changed. Understood are Debezium's
//! envelope (`before`, `after`, `op`) and its marks in an unwrapped row (`__op`, `__deleted`). An order of the ledger never changes,
//! so an update of one and a delete of one are refused by name. It must never take one for an order. Next: [`super::legacy_record`].

use serde_json::value::RawValue;

use super::document::{Document, Reserved, not_null};
use super::refusal::{Refusal, excerpt};

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

/// What `payload` is.
pub(super) fn form<'a>(payload: &Document<'a>) -> Result<Form<'a>, Refusal> {
    let [before, after] = [Reserved::Before, Reserved::After].map(|member| payload.reserved(member));
    match not_null(payload.reserved(Reserved::Op)) {
        // A row may have a column of that name.
        Some(op) if before.is_some() || after.is_some() => {
            Ok(Form::Envelope { op: self::op("op", op)?, before: not_null(before), after: not_null(after) })
        }
        _ => row(payload).map(Form::Row),
    }
}

fn row(payload: &Document<'_>) -> Result<Op, Refusal> {
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
    not_null(payload.reserved(Reserved::RowOp)).map_or(Ok(Op::Placed), |raw| op("__op", raw))
}

fn op(field: &'static str, raw: &RawValue) -> Result<Op, Refusal> {
    match word(raw).as_deref() {
        Some("c" | "r") => Ok(Op::Placed),
        Some("u") => Ok(Op::Updated),
        Some("d") => Ok(Op::Deleted),
        Some("t") => Err(Refusal::change(field, "is a truncation of the old table: what stood there was taken back")),
        _ => Err(Refusal::new(field, format!("must be c, r, u or d, found `{}`", excerpt(raw.get())))),
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
        let slots = Slots::new(&FieldMap::default());
        match form(&Document::parse("payload", json, &slots).expect("an object")) {
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
}
