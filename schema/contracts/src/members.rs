//! What members are made of: a schema for each type of the domain, and the object that they make.
//!
//! It must never use a keyword that draft 7 does not have: AsyncAPI's tools read that one. Next: `events`, `outcomes`.

use std::sync::LazyLock;

use ledger_schema::domain::{MAX_HOLD_SECONDS, MAX_QUANTITY};
use ledger_schema::{AdjustmentNote, CancelNote, Channel, MAX_LINES, MAX_SAFE_INTEGER, ProductId, UserId};
use serde_json::{Map, Value, json};

use crate::contract::Contract;
use crate::words::{TextRule, text_rule};

/// A member of an object.
pub(crate) struct Member {
    pub(crate) name: &'static str,
    schema: Value,
    presence: Presence,
}

#[derive(PartialEq)]
enum Presence {
    Always,
    /// Left out where there is none.
    Sometimes,
}

/// An object, before it is that of a contract.
pub(crate) struct Described {
    pub(crate) about: &'static str,
    pub(crate) members: Vec<Member>,
    /// Further keywords of the object: what members say of each other.
    pub(crate) also: Map<String, Value>,
}

impl Described {
    pub(crate) fn new(about: &'static str, members: Vec<Member>) -> Self {
        Self { about, members, also: Map::new() }
    }

    /// With `type` and `version`, its name and its id.
    pub(crate) fn into_schema(self, contract: Contract) -> Value {
        let event_type = contract.event_type();
        let head = [
            always("type", "What happened.", json!({"type": "string", "const": event_type})),
            always(
                "version",
                "Of the type: which members there are.",
                json!({"type": "integer", "const": contract.version()}),
            ),
        ];
        let mut schema = object(head.into_iter().chain(self.members));
        schema.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
        schema.insert("$id".to_owned(), contract.id().into());
        schema.insert("title".to_owned(), contract.title().into());
        schema.insert("description".to_owned(), self.about.into());
        schema.extend(self.also);
        Value::Object(schema)
    }
}

/// Readers ignore members that they do not know, so every object allows them.
pub(crate) fn object(members: impl IntoIterator<Item = Member>) -> Map<String, Value> {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for member in members {
        if member.presence == Presence::Always {
            required.push(member.name.into());
        }
        properties.insert(member.name.to_owned(), member.schema);
    }
    let mut object = Map::new();
    object.insert("type".to_owned(), "object".into());
    object.insert("required".to_owned(), Value::Array(required));
    object.insert("properties".to_owned(), Value::Object(properties));
    object.insert("additionalProperties".to_owned(), true.into());
    object
}

pub(crate) fn always(name: &'static str, about: &str, schema: Value) -> Member {
    Member { name, schema: described(about, schema), presence: Presence::Always }
}

/// Left out where there is none.
pub(crate) fn sometimes(name: &'static str, about: &str, schema: Value) -> Member {
    Member { name, schema: described(about, schema), presence: Presence::Sometimes }
}

/// Left out or null where there is none: so readers of the log take it.
pub(crate) fn sometimes_or_null(name: &'static str, about: &str, mut schema: Value) -> Member {
    if let Some(kind) = schema.get_mut("type") {
        *kind = json!([kind.take(), "null"]);
    }
    if let Some(Value::Array(words)) = schema.get_mut("enum") {
        words.push(Value::Null);
    }
    sometimes(name, about, schema)
}

fn described(about: &str, mut schema: Value) -> Value {
    schema["description"] = about.into();
    schema
}

fn text(rule: &TextRule) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": rule.max_chars, "pattern": rule.pattern})
}

macro_rules! texts {
    ($($name:ident = $type:ident),+ $(,)?) => {
        $(pub(crate) fn $name() -> Value {
            static RULE: LazyLock<TextRule> = LazyLock::new(|| text_rule(|text| $type::parse(text).is_ok()));
            text(&RULE)
        })+
    };
}

texts!(
    product_id = ProductId,
    user_id = UserId,
    channel = Channel,
    adjustment_note = AdjustmentNote,
    cancel_note = CancelNote
);

/// Of either case, of any version.
pub(crate) fn uuid() -> Value {
    json!({"type": "string", "format": "uuid", "pattern": "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"})
}

/// As it is written by us.
pub(crate) fn uuid_as_written() -> Value {
    json!({"type": "string", "format": "uuid", "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"})
}

/// RFC 3339 of 1970 to 9999, any offset, any number of digits of a second. (The last day of 1969 is for times that are 1970 in UTC.)
pub(crate) fn time() -> Value {
    const PATTERN: &str = "^(1969-12-31|(19[7-9][0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)([.][0-9]+)?([Zz]|[+\u{2212}-]([01][0-9]|2[0-3]):[0-5][0-9])$";
    json!({"type": "string", "format": "date-time", "pattern": PATTERN})
}

/// RFC 3339 in UTC to the microsecond.
pub(crate) fn time_as_written() -> Value {
    json!({"type": "string", "format": "date-time", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{6}Z$"})
}

/// `PARTITION-OFFSET-INDEX`, also with leading zeros.
pub(crate) fn event_id() -> Value {
    json!({"type": "string", "pattern": "^[0-9]+-[0-9]+-[0-9]+$"})
}

pub(crate) fn event_id_as_written() -> Value {
    json!({"type": "string", "pattern": "^(0|[1-9][0-9]*)-(0|[1-9][0-9]*)-(0|[1-9][0-9]*)$"})
}

pub(crate) fn integer(min: i64, max: i64) -> Value {
    json!({"type": "integer", "minimum": min, "maximum": max})
}

pub(crate) fn quantity() -> Value {
    integer(1, MAX_QUANTITY)
}

/// A price or a total, in minor units.
pub(crate) fn amount() -> Value {
    integer(1, MAX_SAFE_INTEGER)
}

pub(crate) fn available() -> Value {
    integer(0, MAX_SAFE_INTEGER)
}

pub(crate) fn delta() -> Value {
    let mut delta = integer(-MAX_QUANTITY, MAX_QUANTITY);
    delta["not"] = json!({"const": 0});
    delta
}

pub(crate) fn line_no() -> Value {
    integer(1, i64::try_from(MAX_LINES).expect("an order has few lines"))
}

pub(crate) fn hold_seconds() -> Value {
    integer(1, MAX_HOLD_SECONDS)
}

pub(crate) fn currency() -> Value {
    json!({"type": "string", "pattern": "^[A-Z]{3}$"})
}

pub(crate) fn word_of<'a>(words: impl IntoIterator<Item = &'a str>) -> Value {
    let words: Vec<&str> = words.into_iter().collect();
    json!({"type": "string", "enum": words})
}

/// 1 to as many as an order may have.
pub(crate) fn lines(members: Vec<Member>) -> Value {
    json!({"type": "array", "minItems": 1, "maxItems": MAX_LINES, "items": object(members)})
}
