//! Why one record or one row of the old world is not taken. It never stops the import: it is counted, named, and the rest
//! continues. Next: [`super::legacy_record`], [`super::opening_stock`].

use std::borrow::Cow;

use ledger_schema::Violation;

/// What is wrong with a record or row, without where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The field as the old world spells it, or `value`, `payload`, `row` for the whole.
    pub field: Cow<'static, str>,
    pub why: String,
    /// Whether the record changes an order that stands, or takes it back: then the ledger holds what the old world does not.
    pub is_change: bool,
}

impl Refusal {
    pub(crate) fn new(field: impl Into<Cow<'static, str>>, why: impl Into<String>) -> Self {
        Self { field: field.into(), why: why.into(), is_change: false }
    }

    /// A record that changes an order, or takes it back.
    pub(crate) fn change(field: impl Into<Cow<'static, str>>, why: impl Into<String>) -> Self {
        Self { is_change: true, ..Self::new(field, why) }
    }

    pub(super) fn of(field: &'static str) -> impl FnOnce(Violation) -> Self {
        move |violation| Self::new(field, violation.to_string())
    }

    /// As [`Self::of`], by a name that is known at run time.
    pub(crate) fn of_field(field: &str) -> impl FnOnce(Violation) -> Self {
        move |violation| Self::new(field.to_owned(), violation.to_string())
    }
}

/// What was found, as text that fits a line: at most 64 characters, control characters escaped.
pub(crate) fn excerpt(found: &str) -> String {
    let cut: String = found.chars().take(64).collect();
    cut.escape_debug().to_string()
}
