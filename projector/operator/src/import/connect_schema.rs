//! What Kafka Connect's JsonConverter says about the values of a record: `{"schema": .., "payload": ..}`. Read are the types of the
//! fields, logical ones too, and their defaults. Topics repeat the same schema in every record, so the last few are kept parsed.
//!
//! It must never decide what a value is: it says what was declared. Next: [`super::row`], which decides.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::document::{MAX_SLOTS, Slots};
use super::refusal::{Refusal, excerpt};

/// Schemas that are kept parsed: those of all versions of one old service, and more.
const KEPT: usize = 8;

/// Before and after the schema, as JsonConverter writes its envelope.
const BEFORE_SCHEMA: &str = "{\"schema\":";
const BEFORE_PAYLOAD: &str = ",\"payload\":";

const DECIMAL: &str = "org.apache.kafka.connect.data.Decimal";
const VARIABLE_SCALE_DECIMAL: &str = "io.debezium.data.VariableScaleDecimal";

/// Scales of decimals. More digits than any database has: what is beyond would overflow.
pub(super) const SCALES: RangeInclusive<i32> = -100..=100;

/// The declared type of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Type {
    /// `int8` to `int64`.
    Integer,
    /// Connect's Decimal: `bytes` in base64, or a number.
    Decimal { scale: i32 },
    /// Debezium's decimal of a column without a scale: each value is an object with its own `scale`, and its digits as `bytes`.
    VariableScaleDecimal,
    /// Milliseconds, microseconds or nanoseconds since 1970.
    Epoch(EpochUnit),
    /// Any other type: its name.
    Other(String),
}

/// The unit of a time that is a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpochUnit {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

/// What is declared of one field.
#[derive(Debug, Clone)]
pub(crate) struct FieldSchema {
    pub declared: Type,
    /// The value that stands for `null`, and for none.
    pub default: Option<Box<RawValue>>,
}

/// What is declared of a row, by slot.
#[derive(Debug, Default)]
pub(crate) struct RowSchema {
    fields: [Option<FieldSchema>; MAX_SLOTS],
}

impl RowSchema {
    pub(crate) fn field(&self, slot: usize) -> Option<&FieldSchema> {
        self.fields[slot].as_ref()
    }
}

/// What is declared of a payload: of a row itself, and of the rows in a Debezium envelope.
#[derive(Debug, Default)]
pub(crate) struct PayloadSchema {
    pub row: RowSchema,
    pub before: RowSchema,
    pub after: RowSchema,
}

/// A schema as it is written.
#[derive(Deserialize)]
struct Written {
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    field: Option<String>,
    parameters: Option<BTreeMap<String, Value>>,
    default: Option<Box<RawValue>>,
    fields: Option<Vec<Written>>,
}

impl Written {
    fn row(&self, slots: &Slots) -> Result<RowSchema, Refusal> {
        let mut row = RowSchema::default();
        for written in self.fields.iter().flatten() {
            let Some(name) = written.field.as_deref() else { continue };
            if let Some(slot) = slots.slot(name) {
                row.fields[slot] =
                    Some(FieldSchema { declared: written.declared()?, default: written.default.clone() });
            }
        }
        Ok(row)
    }

    fn declared(&self) -> Result<Type, Refusal> {
        Ok(match self.name.as_deref() {
            Some(DECIMAL) => Type::Decimal { scale: self.scale()? },
            Some(VARIABLE_SCALE_DECIMAL) => Type::VariableScaleDecimal,
            Some("org.apache.kafka.connect.data.Timestamp" | "io.debezium.time.Timestamp") => {
                Type::Epoch(EpochUnit::Milliseconds)
            }
            Some("io.debezium.time.MicroTimestamp") => Type::Epoch(EpochUnit::Microseconds),
            Some("io.debezium.time.NanoTimestamp") => Type::Epoch(EpochUnit::Nanoseconds),
            // An id, or text in another dress: the value decides.
            Some("io.debezium.data.Uuid" | "io.debezium.time.ZonedTimestamp") => Type::Other("string".to_owned()),
            Some(logical) => Type::Other(logical.to_owned()),
            None => match self.kind.as_deref() {
                Some("int8" | "int16" | "int32" | "int64") => Type::Integer,
                kind => Type::Other(kind.unwrap_or("unknown").to_owned()),
            },
        })
    }

    fn scale(&self) -> Result<i32, Refusal> {
        let written = self.parameters.as_ref().and_then(|parameters| parameters.get("scale"));
        let scale = match written {
            Some(Value::String(text)) => text.parse().ok(),
            Some(Value::Number(number)) => number.as_i64().and_then(|scale| i32::try_from(scale).ok()),
            _ => None,
        };
        scale.filter(|scale| SCALES.contains(scale)).ok_or_else(|| {
            let field = self.field.as_deref().unwrap_or_default();
            Refusal::new("schema", format!("has the Decimal `{}` without a usable scale", excerpt(field)))
        })
    }
}

/// Parsed schemas, the one that was used last in front.
pub(crate) struct Schemas {
    kept: Vec<(Box<str>, Arc<PayloadSchema>)>,
}

impl Schemas {
    pub(crate) fn new() -> Self {
        Self { kept: Vec::with_capacity(KEPT) }
    }

    /// The payload of `json`, where it is in the envelope of the last schema, byte for byte: then the schema need not be read again. What
    /// is given is what stands between `"payload":` and the last brace; whether it is one value is for who reads it.
    pub(crate) fn payload_of_last<'a>(&self, json: &'a str) -> Option<(&'a str, Arc<PayloadSchema>)> {
        let (text, schema) = self.kept.first()?;
        let rest = json.strip_prefix(BEFORE_SCHEMA)?.strip_prefix(&**text)?;
        let payload = rest.strip_prefix(BEFORE_PAYLOAD)?.strip_suffix('}')?;
        Some((payload, Arc::clone(schema)))
    }

    /// What `raw` declares. What is no JSON object is no schema of Connect's: then nothing is declared.
    pub(crate) fn read(&mut self, raw: &RawValue, slots: &Slots) -> Result<Option<Arc<PayloadSchema>>, Refusal> {
        let text = raw.get();
        if let Some(at) = self.kept.iter().position(|(known, _)| **known == *text) {
            self.kept[..=at].rotate_right(1);
            return Ok(self.kept.first().map(|(_, schema)| Arc::clone(schema)));
        }
        if !text.starts_with('{') {
            return Ok(None);
        }
        let schema = Arc::new(parse(text, slots)?);
        self.kept.truncate(KEPT - 1);
        self.kept.insert(0, (text.into(), Arc::clone(&schema)));
        Ok(Some(schema))
    }
}

fn parse(text: &str, slots: &Slots) -> Result<PayloadSchema, Refusal> {
    let written: Written =
        serde_json::from_str(text).map_err(|error| Refusal::new("schema", format!("cannot be read: {error}")))?;
    let inner = |name: &str| {
        let fields = written.fields.iter().flatten();
        let found = fields.into_iter().find(|field| field.field.as_deref() == Some(name));
        found.map_or_else(|| Ok(RowSchema::default()), |found| found.row(slots))
    };
    Ok(PayloadSchema { row: written.row(slots)?, before: inner("before")?, after: inner("after")? })
}

#[cfg(test)]
mod tests {
    use super::super::field::FieldMap;
    use super::*;

    fn read(json: &str) -> Result<Option<Arc<PayloadSchema>>, Refusal> {
        let raw: Box<RawValue> = serde_json::from_str(json).expect("JSON");
        Schemas::new().read(&raw, &Slots::new(&FieldMap::default()))
    }

    fn declared(row: &RowSchema, name: &str) -> Option<Type> {
        let slot = Slots::new(&FieldMap::default()).slot(name).expect("looked for");
        row.field(slot).map(|field| field.declared.clone())
    }

    #[test]
    fn types_and_defaults_are_read() {
        let json = r#"{"type":"struct","fields":[
            {"type":"string","optional":true,"field":"order_id"},
            {"type":"int32","optional":true,"default":7,"field":"qty"},
            {"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2","connect.decimal.precision":"10"},"field":"unit_price"},
            {"type":"double","field":"total_price"},
            {"type":"struct","fields":[{"type":"int32","field":"scale"},{"type":"bytes","field":"value"}],"name":"io.debezium.data.VariableScaleDecimal","version":1,"field":"unitPrice"},
            {"type":"int64","name":"org.apache.kafka.connect.data.Timestamp","version":1,"field":"placed_at"},
            {"type":"struct","fields":[{"type":"int64","field":"qty"}],"field":"after"},
            {"type":"string","field":"comment"}]}"#;
        let schema = read(json).expect("readable").expect("a schema");
        assert_eq!(declared(&schema.row, "order_id"), Some(Type::Other("string".to_owned())));
        assert_eq!(declared(&schema.row, "qty"), Some(Type::Integer));
        assert_eq!(declared(&schema.row, "unit_price"), Some(Type::Decimal { scale: 2 }));
        assert_eq!(declared(&schema.row, "total_price"), Some(Type::Other("double".to_owned())));
        assert_eq!(declared(&schema.row, "unitPrice"), Some(Type::VariableScaleDecimal));
        assert_eq!(declared(&schema.row, "placed_at"), Some(Type::Epoch(EpochUnit::Milliseconds)));
        assert_eq!(declared(&schema.row, "user_id"), None);
        assert_eq!(declared(&schema.after, "qty"), Some(Type::Integer));
        assert_eq!(declared(&schema.before, "qty"), None);
        let slot = Slots::new(&FieldMap::default()).slot("qty").expect("looked for");
        let default = schema.row.field(slot).and_then(|field| field.default.as_deref());
        assert_eq!(default.map(RawValue::get), Some("7"));
    }

    #[test]
    fn what_is_no_schema_declares_nothing() {
        assert!(read("null").expect("nothing to read").is_none());
        assert!(read(r#""v1""#).expect("nothing to read").is_none());
        assert!(declared(&read("{}").expect("readable").expect("a schema").row, "qty").is_none());
        let unreadable = read(r#"{"type":5}"#).expect_err("unreadable");
        assert_eq!(unreadable.field, "schema");
        let no_scale = r#"{"type":"struct","fields":[{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","field":"unit_price"}]}"#;
        let refusal = read(no_scale).expect_err("no scale");
        assert_eq!(refusal, Refusal::new("schema", "has the Decimal `unit_price` without a usable scale"));
    }

    #[test]
    fn an_envelope_of_the_last_schema_is_taken_apart() {
        let slots = Slots::new(&FieldMap::default());
        let mut schemas = Schemas::new();
        let schema = r#"{"type":"struct"}"#;
        let json = |schema: &str, payload: &str| format!(r#"{{"schema":{schema},"payload":{payload}}}"#);
        assert!(schemas.payload_of_last(&json(schema, "{}")).is_none());
        schemas.read(&RawValue::from_string(schema.to_owned()).expect("JSON"), &slots).expect("readable");
        let payload = |json: &str| schemas.payload_of_last(json).map(|(payload, _)| payload.to_owned());
        assert_eq!(payload(&json(schema, r#"{"qty":1}"#)).as_deref(), Some(r#"{"qty":1}"#));
        // What follows the payload is left to who reads it: it is no value.
        assert_eq!(payload(&json(schema, r#"{},"more":1"#)).as_deref(), Some(r#"{},"more":1"#));
        for other in [
            json(r#"{"type":"struct" }"#, "{}"),
            json("null", "{}"),
            "{}".to_owned(),
            format!(r#"{{"schema":{schema},"payload":"#),
        ] {
            assert_eq!(payload(&other), None, "{other}");
        }
    }

    #[test]
    fn the_last_few_schemas_are_kept() {
        let slots = Slots::new(&FieldMap::default());
        let mut schemas = Schemas::new();
        let raw = |n: usize| RawValue::from_string(format!(r#"{{"name":"s{n}"}}"#)).expect("JSON");
        let first = schemas.read(&raw(0), &slots).expect("readable").expect("a schema");
        for n in 1..KEPT {
            schemas.read(&raw(n), &slots).expect("readable");
        }
        let again = schemas.read(&raw(0), &slots).expect("readable").expect("a schema");
        assert!(Arc::ptr_eq(&first, &again));
        schemas.read(&raw(KEPT), &slots).expect("readable");
        assert_eq!(schemas.kept.len(), KEPT);
        assert!(schemas.kept.iter().any(|(text, _)| **text == *raw(0).get()), "what was used last stays");
        assert!(schemas.kept.iter().all(|(text, _)| **text != *raw(1).get()));
    }
}
