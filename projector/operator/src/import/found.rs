//! One value of an old row: under which name it stands, raw, and with its declared type where there is one. It must never take a
//! number for another than its digits say. Next: [`super::number`], [`super::order_id`].

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::connect_schema::{SCALES, Type};
use super::number::{Exact, NumberKind, minor_units, pieces};
use super::order_id::{is_plain_integer, text_in, text_of};
use super::refusal::{Refusal, excerpt};

/// A field's value under one of its names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    pub name: &'a str,
    pub raw: &'a RawValue,
    pub declared: Option<&'a Type>,
}

impl<'a> Found<'a> {
    pub(super) fn wrong_type(&self, expected: &str) -> Refusal {
        Refusal::new(self.name.to_owned(), format!("must be {expected}, found `{}`", excerpt(self.raw.get())))
    }

    pub(super) fn text(&self) -> Result<Cow<'a, str>, Refusal> {
        text_in(self.raw.get()).map_err(|_| self.wrong_type("a string"))
    }

    /// A text, or digits: of a Decimal those of its number.
    pub(super) fn id_text(&self) -> Result<Cow<'a, str>, Refusal> {
        let text = match self.declared {
            Some(Type::Decimal { .. } | Type::VariableScaleDecimal) => {
                self.exact().and_then(|exact| exact.times_ten_to(0).ok()).map(|id| Cow::Owned(id.to_string()))
            }
            Some(Type::Other(kind)) if kind == "bytes" => None,
            _ => text_of(self.raw),
        };
        text.ok_or_else(|| self.wrong_type("a UUID"))
    }

    /// The number that it is: as JSON, or in a text; a Decimal's text is the base64 of its digits.
    pub(super) fn exact(&self) -> Option<Exact> {
        if self.declared == Some(&Type::VariableScaleDecimal) {
            return of_its_own_scale(self.raw.get());
        }
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
            // Without a scale of the column, a value's own says nothing of the unit: 250 may stand beside 2.50.
            Some(Type::VariableScaleDecimal | Type::Epoch(_) | Type::Other(_)) | None => NumberKind::Other,
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

/// The number in `{"scale": 2, "value": "APo="}`.
fn of_its_own_scale(json: &str) -> Option<Exact> {
    #[derive(Deserialize)]
    struct Written<'a> {
        scale: i32,
        #[serde(borrow)]
        value: Cow<'a, str>,
    }

    let Written { scale, value } = serde_json::from_str(json).ok()?;
    let digits = BASE64_STANDARD.decode(&*value).ok().filter(|_| SCALES.contains(&scale))?;
    Exact::from_twos_complement(&digits, scale)
}
