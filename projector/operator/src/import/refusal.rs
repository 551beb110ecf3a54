//! Why one record or one row of the old world is not taken. It never stops the import: it is counted, named, and the rest
//! continues. Next: [`super::legacy_record`], [`super::opening_stock`].

use ledger_schema::Violation;

/// What is wrong with a record or row, without where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The field as the old world spells it, or `value`, `payload`, `row` for the whole.
    pub field: &'static str,
    pub why: String,
}

impl Refusal {
    pub(super) fn new(field: &'static str, why: impl Into<String>) -> Self {
        Self { field, why: why.into() }
    }

    pub(super) fn of(field: &'static str) -> impl FnOnce(Violation) -> Self {
        move |violation| Self::new(field, violation.to_string())
    }
}

/// What was found, as text that fits a line: at most 64 characters, control characters escaped.
pub(super) fn excerpt(found: &str) -> String {
    let cut: String = found.chars().take(64).collect();
    cut.escape_debug().to_string()
}
