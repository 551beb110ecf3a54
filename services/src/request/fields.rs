//! A JSON object as an ordered list of fields, taken one by one, so that one answer names every wrong field; in a line of an order
//! with the line's number.
//!
//! A derived `Deserialize` would stop at the first error, take the last of two equal keys, and blur integers with
//! fractions; here each is distinguished. Malformed JSON is a 400, a wrong field a 422.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use ledger_schema::Violation;
use serde_json::value::RawValue;

use super::json_object::{RawObject, Value};
use crate::problem::{FieldError, Problem};

/// Most errors that one answer lists.
const MAX_ERRORS: usize = 64;
/// Most characters of the client's own text that an error repeats.
const MAX_ECHO_CHARS: usize = 64;

/// Where in the body an object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Body,
    /// In an array of that name, at this index from 0.
    In(&'static str, i16),
    /// The value of that name.
    Of(&'static str),
}

impl Place {
    /// An error about the field `name` of the object, or about the object itself.
    fn error(self, name: Option<&str>, message: impl Into<String>) -> FieldError {
        let field = |outer: String| match name {
            Some(name) => format!("{outer}.{name}"),
            None => outer,
        };
        match self {
            Self::Body => FieldError::new(name.unwrap_or("body").to_owned(), message),
            Self::In(array, index) => FieldError::of_line(index + 1, field(format!("{array}[{index}]")), message),
            Self::Of(outer) => FieldError::new(field(outer.to_owned()), message),
        }
    }
}

/// The fields that have not been taken yet, and the errors found so far.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    place: Place,
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
        Self::of_object(text, Place::Body)
    }

    fn of_object(text: &'a str, place: Place) -> Result<Self, Problem> {
        let invalid = |name, message: String| Problem::InvalidRequest(vec![place.error(name, message)]);
        let raw = RawObject::parse(text).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => invalid(None, "is not a JSON object".to_owned()),
            _ => invalid(None, format!("is not valid JSON: {error}")),
        })?;
        if let Some(name) = raw.first_repeated_key() {
            return Err(invalid(Some(&echo(name)), "stands twice in the object".to_owned()));
        }
        let mut entries = Vec::with_capacity(raw.fields.len());
        for (name, value) in raw.fields {
            let value = Value::of(value.get())
                .map_err(|error| invalid(None, format!("is not valid JSON: {name:.64}: {error}")))?;
            entries.push((name, value));
        }
        Ok(Self { place, entries, errors: Vec::new() })
    }

    fn take(&mut self, name: &str) -> Option<Value<'a>> {
        let at = self.entries.iter().position(|(key, _)| key == name)?;
        Some(self.entries.swap_remove(at).1)
    }

    /// Whether a field of that name is there that was not taken yet.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|(key, _)| key == name)
    }

    /// Records an error under the name of a field.
    pub(super) fn fail(&mut self, name: &str, message: impl Into<String>) {
        self.add(self.place.error(Some(name), message));
    }

    /// Records `message` where a field of that name is there.
    pub(super) fn refuse(&mut self, name: &str, message: &str) {
        if self.take(name).is_some() {
            self.fail(name, message);
        }
    }

    fn add(&mut self, error: FieldError) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(error);
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
                self.fail(name, must_be("a string", other));
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
                self.fail(name, must_be("an integer", other));
                None
            }
        }
    }

    /// An object that may be left out, but may not be null. Its own fields are `known`.
    ///
    /// # Errors
    /// [`Problem::InvalidRequest`] where a field stands twice in it; what else is wrong is recorded.
    pub(super) fn optional_object<T>(
        &mut self,
        name: &'static str,
        known: &str,
        parse: impl Fn(&mut Fields<'a>) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => self.object_value(Place::Of(name), &value, known, parse),
        }
    }

    /// An array of objects that must be there, with `counts` of them. `None` means that an error was recorded.
    ///
    /// # Errors
    /// As [`Self::optional_object`].
    pub(super) fn objects<T>(
        &mut self,
        name: &'static str,
        counts: RangeInclusive<usize>,
        known: &str,
        parse: impl Fn(&mut Fields<'a>) -> Option<T>,
    ) -> Result<Option<Vec<T>>, Problem> {
        let array = match self.take(name) {
            Some(Value::Array(array)) => array,
            found => {
                self.fail(name, found.map_or("is missing".into(), |found| must_be("an array", &found)));
                return Ok(None);
            }
        };
        let items: Vec<&'a RawValue> = serde_json::from_str(array).expect("an array within valid JSON is valid");
        if !counts.contains(&items.len()) {
            let (min, max) = (*counts.start(), *counts.end());
            self.violation(name, &Violation::Count { min, max, found: items.len() });
            return Ok(None);
        }
        let mut all = Some(Vec::with_capacity(items.len()));
        for (index, item) in (0..).zip(items) {
            let place = Place::In(name, index);
            let value = Value::of(item.get()).map_err(|error| {
                Problem::InvalidRequest(vec![place.error(None, format!("is not valid JSON: {error}"))])
            })?;
            let parsed = self.object_value(place, &value, known, &parse)?;
            all = all.zip(parsed).map(|(mut all, parsed)| {
                all.push(parsed);
                all
            });
        }
        Ok(all)
    }

    fn object_value<T>(
        &mut self,
        place: Place,
        value: &Value<'a>,
        known: &str,
        parse: impl Fn(&mut Fields<'a>) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Value::Object(text) = value else {
            self.add(place.error(None, must_be("an object", value)));
            return Ok(None);
        };
        let mut fields = Self::of_object(text, place)?;
        let parsed = parse(&mut fields);
        fields.refuse_others(known);
        let is_good = fields.errors.is_empty();
        for error in fields.errors {
            self.add(error);
        }
        Ok(parsed.filter(|_| is_good))
    }

    fn refuse_others(&mut self, known: &str) {
        let what = match self.place {
            Place::Body => "this request",
            Place::In(..) => "a line",
            Place::Of(outer) => outer,
        };
        for (name, _) in std::mem::take(&mut self.entries) {
            self.fail(&echo(&name), format!("is not a field of {what} ({known})"));
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
        self.refuse_others(known);
        match parsed {
            Some(parsed) if self.errors.is_empty() => Ok(parsed),
            _ => Err(Problem::InvalidFields(self.errors)),
        }
    }
}

fn must_be(what: &str, found: &Value<'_>) -> String {
    format!("must be {what}, found {}", found.kind())
}

fn echo(name: &str) -> String {
    name.chars().take(MAX_ECHO_CHARS).collect()
}
