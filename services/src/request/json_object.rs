//! One JSON object, read without losing what a derived `Deserialize` would lose: repeated keys, and the difference
//! between an integer, a huge integer and a fraction. What its fields mean: [`super::fields`].

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A value, as far as any field can use it.
#[derive(Debug, PartialEq)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    Integer(i64),
    /// An integer beyond 64 bits, as written.
    HugeInteger(&'a str),
    /// An array, as written: valid JSON.
    Array(&'a str),
    /// An object, as written: valid JSON, maybe with repeated keys.
    Object(&'a str),
    /// Anything else, named for the error.
    Other(&'static str),
}

impl<'a> Value<'a> {
    /// `text` is one valid JSON value without surrounding space.
    pub(super) fn of(text: &'a str) -> Result<Self, serde_json::Error> {
        Ok(match text.as_bytes().first() {
            Some(b'"') => Self::Text(KeyVisitor.deserialize(&mut serde_json::Deserializer::from_str(text))?),
            Some(b'n') => Self::Other("null"),
            Some(b't' | b'f') => Self::Other("a boolean"),
            Some(b'[') => Self::Array(text),
            Some(b'{') => Self::Object(text),
            _ if text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) => {
                Self::Other("a number with a fraction or an exponent")
            }
            _ => text.parse().map_or(Self::HugeInteger(text), Self::Integer),
        })
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) | Self::HugeInteger(_) => "a number",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
            Self::Other(kind) => kind,
        }
    }
}

/// Key and raw value of each field, in order, repeated keys included.
pub(super) struct RawObject<'a> {
    pub(super) fields: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> RawObject<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let object = deserializer.deserialize_map(ObjectVisitor)?;
        deserializer.end()?;
        Ok(Self { fields: object })
    }

    /// Sorted rather than compared in pairs: a body has room for ten thousand keys.
    pub(super) fn first_repeated_key(&self) -> Option<&str> {
        let mut keys: Vec<&str> = self.fields.iter().map(|(key, _)| &**key).collect();
        keys.sort_unstable();
        keys.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::with_capacity(8);
        while let Some(key) = map.next_key_seed(KeyVisitor)? {
            fields.push((key, map.next_value()?));
        }
        Ok(fields)
    }
}

/// A string, borrowed unless it has escapes.
struct KeyVisitor;

impl<'de> DeserializeSeed<'de> for KeyVisitor {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}
