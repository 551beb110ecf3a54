//! A JSON object as an ordered list of fields, taken one by one, so that one answer names every wrong field.
//!
//! A derived `Deserialize` would stop at the first error, take the last of two equal keys, and blur integers with
//! fractions; here each is told apart. Malformed JSON is a 400, a wrong field a 422.

use std::borrow::Cow;
use std::fmt;

use ledger_schema::Violation;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::problem::{FieldError, Problem};

/// Most errors that one answer lists.
const MAX_ERRORS: usize = 64;
/// Most characters of the client's own text that an error repeats.
const MAX_ECHO_CHARS: usize = 64;

/// A value, as far as any field can use it.
#[derive(Debug, PartialEq)]
enum Value<'a> {
    Text(Cow<'a, str>),
    Integer(i64),
    /// An integer beyond 64 bits, as written.
    HugeInteger(&'a str),
    /// Anything else, named for the error.
    Other(&'static str),
}

/// The fields that have not been taken yet, and the errors found so far.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    entries: Vec<(Cow<'a, str>, Value<'a>)>,
    errors: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    /// # Errors
    /// [`Problem::InvalidRequest`] for anything but one JSON object in UTF-8 with distinct keys.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Problem> {
        if body.is_empty() {
            return Err(Problem::invalid("body", "is empty, expected a JSON object"));
        }
        // Checked for the whole: serde_json does not look into strings that it skips.
        let text = std::str::from_utf8(body)
            .map_err(|error| Problem::invalid("body", format!("is not UTF-8 at byte {}", error.valid_up_to())))?;
        let raw = RawObject::parse(text).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => Problem::invalid("body", "is not a JSON object"),
            _ => Problem::invalid("body", format!("is not valid JSON: {error}")),
        })?;
        if let Some(name) = raw.first_repeated_key() {
            return Err(Problem::invalid(echo(name), "stands twice in the object"));
        }
        let mut entries = Vec::with_capacity(raw.0.len());
        for (name, value) in raw.0 {
            let value = Value::of(value.get())
                .map_err(|error| Problem::invalid("body", format!("is not valid JSON: {name:.64}: {error}")))?;
            entries.push((name, value));
        }
        Ok(Self { entries, errors: Vec::new() })
    }

    fn take(&mut self, name: &str) -> Option<Value<'a>> {
        let at = self.entries.iter().position(|(key, _)| key == name)?;
        Some(self.entries.swap_remove(at).1)
    }

    fn fail(&mut self, name: impl Into<Cow<'static, str>>, message: impl Into<String>) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(FieldError::new(name, message));
        }
    }

    fn check<T>(&mut self, name: &'static str, parsed: Result<T, Violation>) -> Option<T> {
        parsed.map_err(|violation| self.fail(name, violation.to_string())).ok()
    }

    /// A string that must be there. `None` means that an error was recorded.
    pub(super) fn text<T>(&mut self, name: &'static str, parse: fn(&str) -> Result<T, Violation>) -> Option<T> {
        match self.take(name) {
            None => {
                self.fail(name, "is missing");
                None
            }
            Some(value) => self.text_value(name, &value, parse),
        }
    }

    /// A string that may be left out, but may not be null.
    pub(super) fn optional_text<T>(
        &mut self,
        name: &'static str,
        parse: fn(&str) -> Result<T, Violation>,
    ) -> Option<T> {
        let value = self.take(name)?;
        self.text_value(name, &value, parse)
    }

    fn text_value<T>(
        &mut self,
        name: &'static str,
        value: &Value<'_>,
        parse: fn(&str) -> Result<T, Violation>,
    ) -> Option<T> {
        match value {
            Value::Text(text) => self.check(name, parse(text)),
            other => {
                self.fail(name, format!("must be a string, found {}", other.kind()));
                None
            }
        }
    }

    /// An integer that must be there.
    pub(super) fn integer<T>(&mut self, name: &'static str, parse: fn(i64) -> Result<T, Violation>) -> Option<T> {
        match self.take(name) {
            None => {
                self.fail(name, "is missing");
                None
            }
            Some(value) => self.integer_value(name, &value, parse),
        }
    }

    /// An integer that may be left out, but may not be null.
    pub(super) fn optional_integer<T>(
        &mut self,
        name: &'static str,
        parse: fn(i64) -> Result<T, Violation>,
    ) -> Option<T> {
        let value = self.take(name)?;
        self.integer_value(name, &value, parse)
    }

    fn integer_value<T>(
        &mut self,
        name: &'static str,
        value: &Value<'_>,
        parse: fn(i64) -> Result<T, Violation>,
    ) -> Option<T> {
        match value {
            Value::Integer(integer) => self.check(name, parse(*integer)),
            Value::HugeInteger(digits) => {
                let nearest = if digits.starts_with('-') { i64::MIN } else { i64::MAX };
                let violation = match parse(nearest) {
                    Err(Violation::OutOfRange { min, max, .. }) => {
                        Violation::OutOfRange { min, max, found: digits.chars().take(MAX_ECHO_CHARS).collect() }
                    }
                    Err(violation) => violation,
                    // No type of this system reaches the end of 64 bits.
                    Ok(_) => Violation::OutOfRange { min: i64::MIN, max: i64::MAX, found: "a larger one".to_owned() },
                };
                self.check(name, Err(violation))
            }
            other => {
                self.fail(name, format!("must be an integer, found {}", other.kind()));
                None
            }
        }
    }

    /// Records an error that concerns several fields under one of their names.
    pub(super) fn violation(&mut self, name: &'static str, violation: &Violation) {
        self.fail(name, violation.to_string());
    }

    /// What was parsed, if nothing was wrong and nothing is left over.
    ///
    /// # Errors
    /// [`Problem::InvalidFields`] with all that is wrong; `known` are the names of the fields for the message.
    pub(super) fn finish<T>(mut self, parsed: Option<T>, known: &str) -> Result<T, Problem> {
        for (name, _) in std::mem::take(&mut self.entries) {
            self.fail(echo(&name), format!("is not a field of this request ({known})"));
        }
        match parsed {
            Some(parsed) if self.errors.is_empty() => Ok(parsed),
            _ => Err(Problem::InvalidFields(self.errors)),
        }
    }
}

fn echo(name: &str) -> String {
    name.chars().take(MAX_ECHO_CHARS).collect()
}

impl<'a> Value<'a> {
    /// `text` is one valid JSON value without surrounding space.
    fn of(text: &'a str) -> Result<Self, serde_json::Error> {
        Ok(match text.as_bytes().first() {
            Some(b'"') => Self::Text(KeyVisitor.deserialize(&mut serde_json::Deserializer::from_str(text))?),
            Some(b'n') => Self::Other("null"),
            Some(b't' | b'f') => Self::Other("a boolean"),
            Some(b'[') => Self::Other("an array"),
            Some(b'{') => Self::Other("an object"),
            _ if text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) => {
                Self::Other("a number with a fraction or an exponent")
            }
            _ => text.parse().map_or(Self::HugeInteger(text), Self::Integer),
        })
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) | Self::HugeInteger(_) => "a number",
            Self::Other(kind) => kind,
        }
    }
}

/// Key and raw value of each field, in order, repeated keys included.
struct RawObject<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> RawObject<'a> {
    fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let object = deserializer.deserialize_map(ObjectVisitor)?;
        deserializer.end()?;
        Ok(Self(object))
    }

    /// Sorted rather than compared in pairs: a body has room for ten thousand keys.
    fn first_repeated_key(&self) -> Option<&str> {
        let mut keys: Vec<&str> = self.0.iter().map(|(key, _)| &**key).collect();
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
