//! Why a value is refused. It does not know the field's name: the parser of a message adds it, since REST
//! and the log spell names differently.
//!
//! It must never hold text of a stranger as it came: what is shown went through [`super::shown()`]. Next: [`crate::wire`].

use thiserror::Error;

/// A value that breaks a rule of its type. Never retryable: the same value is refused again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Violation {
    #[error("must not be empty")]
    Empty,
    #[error("must not be blank")]
    Blank,
    #[error("must have at most {max} characters, found {found}")]
    TooLong { max: usize, found: usize },
    #[error("must not contain the character U+{:04X} (at character {at})", u32::from(*.character))]
    Character { character: char, at: usize },
    #[error("must be an integer from {min} to {max}, found {found}")]
    OutOfRange { min: i64, max: i64, found: String },
    #[error("must not be zero")]
    Zero,
    #[error("must be a UUID, found `{found}`")]
    NotAUuid { found: String },
    #[error("must be an RFC 3339 time from 1970 to 9999, found `{found}`")]
    NotATime { found: String },
    #[error("quantity * unit price is more than {max}")]
    TotalOverflow { max: i64 },
    #[error("must be quantity * unit price = {expected}, found {found}")]
    WrongTotal { expected: i64, found: i64 },
    #[error("the sum over the lines is more than {max}")]
    SumOverflow { max: i64 },
    #[error("must be the sum over the lines = {expected}, found {found}")]
    WrongSum { expected: i64, found: i64 },
    #[error("must have {min} to {max} entries, found {found}")]
    Count { min: usize, max: usize, found: usize },
    #[error("must stand in one line only, stands in line {line} too")]
    Repeated { line: i16 },
    #[error("must be a currency code of three capitals, found `{found}`")]
    NotACurrency { found: String },
    #[error("must be a currency that ISO 4217 lists, found `{found}`")]
    UnknownCurrency { found: String },
    #[error("must end before the year 10000")]
    HoldTooLate,
    #[error("must be {expected}, found {found}")]
    OtherLine { expected: i16, found: i16 },
}
