//! One value of an old row: under which name it stands, raw, and with its declared type where there is one. It must never take a
//! number for another than its digits say. Next: [`super::number`], [`super::order_id`].

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::connect_schema::Type;
use super::number::{Exact, NumberKind, minor_units, pieces};
use super::order_id::{is_plain_integer, text_of};
use super::refusal::{Refusal, excerpt};

/// A field's value under one of its names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    pub name: &'a str,
    pub raw: &'a RawValue,
    pub declared: Option<&'a Type>,
}

/// Text without an allocation where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Found<'a> {
    pub(super) fn wrong_type(&self, expected: &str) -> Refusal {
        Refusal::new(self.name.to_owned(), format!("must be {expected}, found `{}`", excerpt(self.raw.get())))
    }

    pub(super) fn text(&self) -> Result<Cow<'a, str>, Refusal> {
        serde_json::from_str::<Text<'_>>(self.raw.get()).map(|text| text.0).map_err(|_| self.wrong_type("a string"))
    }

    /// A text, or digits: of a Decimal those of its number.
    pub(super) fn id_text(&self) -> Result<String, Refusal> {
        let text = match self.declared {
            Some(Type::Decimal { .. }) => {
                self.exact().and_then(|exact| exact.times_ten_to(0).ok()).map(|id| id.to_string())
            }
            Some(Type::Other(kind)) if kind == "bytes" => None,
            _ => text_of(self.raw),
        };
        text.ok_or_else(|| self.wrong_type("a UUID"))
    }

    /// The number that it is: as JSON, or in a text; a Decimal's text is the base64 of its digits.
    pub(super) fn exact(&self) -> Option<Exact> {
        if !self.raw.get().starts_with('"') {
            return Exact::parse(self.raw.get());
        }
        let text = self.text().ok()?;
        match self.declared {
            Some(Type::Decimal { scale }) => Exact::from_twos_complement(&BASE64_STANDARD.decode(&*text).ok()?, *scale),
            _ => Exact::parse(&text),
        }
    }

    fn kind(&self) -> NumberKind {
        match self.declared {
            Some(Type::Integer) => NumberKind::Integer,
            Some(Type::Decimal { scale }) => NumberKind::Decimal { scale: *scale },
            None if is_plain_integer(self.raw.get()) => NumberKind::Integer,
            Some(Type::Epoch(_) | Type::Other(_)) | None => NumberKind::Other,
        }
    }

    pub(super) fn pieces(&self) -> Result<i64, Refusal> {
        pieces(self.exact(), self.raw.get()).map_err(|why| Refusal::new(self.name.to_owned(), why))
    }

    pub(super) fn price(&self, digits: Option<u8>) -> Result<i64, Refusal> {
        let price = minor_units(self.exact(), self.kind(), digits, self.raw.get());
        price.map_err(|why| Refusal::new(self.name.to_owned(), why))
    }
}
