//! A JSON object as an ordered list of fields, taken one by one, so that one answer names every wrong field.
//!
//! A derived `Deserialize` would stop at the first error, take the last of two equal keys, and blur integers with
//! fractions; here each is distinguished. Malformed JSON is a 400, a wrong field a 422.

use std::borrow::Cow;

use ledger_schema::Violation;

use super::json_object::{RawObject, Value};
use crate::problem::{FieldError, Problem};

/// Most errors that one answer lists.
const MAX_ERRORS: usize = 64;
/// Most characters of the client's own text that an error repeats.
const MAX_ECHO_CHARS: usize = 64;

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
        let mut entries = Vec::with_capacity(raw.fields.len());
        for (name, value) in raw.fields {
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
