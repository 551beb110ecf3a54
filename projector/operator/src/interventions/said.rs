//! Who steps in, and why: texts that stand in tables, in logs and in dead letters. It must never let one through that moves a terminal or
//! shows as nothing.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use ledger_schema::printable::printable_line;
use thiserror::Error;

/// Longest name and reason, in characters: what the columns hold.
const MAX_NAME: usize = 128;
const MAX_REASON: usize = 500;

/// A text cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("must be 1 to {max} printable characters on one line")]
pub struct InvalidText {
    max: usize,
}

fn check(text: &str, max: usize) -> Result<String, InvalidText> {
    let text = text.trim();
    let is_shown_as_it_is = matches!(printable_line(text), Cow::Borrowed(_));
    if text.is_empty() || text.chars().count() > max || !is_shown_as_it_is {
        return Err(InvalidText { max });
    }
    Ok(text.to_owned())
}

/// Who steps in. Nobody checks it: whoever has the owner's login can write any name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

/// Why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

/// Who, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said<R = Option<Reason>> {
    pub by: Name,
    pub reason: R,
}

impl Name {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Reason {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        check(text, MAX_NAME).map(Self)
    }
}

impl FromStr for Reason {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        check(text, MAX_REASON).map(Self)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_reasons_are_of_one_line_and_seen() {
        assert_eq!("  ann ".parse::<Name>().expect("a name").as_str(), "ann");
        assert_eq!("Größe falsch: 7 ≠ 8".parse::<Reason>().expect("a reason").as_str(), "Größe falsch: 7 ≠ 8");
        for bad in ["", "   ", "a\nb", "a\u{1b}[2Jb", "a\u{202e}b", &"x".repeat(MAX_REASON + 1)] {
            let said = bad.parse::<Reason>().expect_err(bad).to_string();
            assert_eq!(said, "must be 1 to 500 printable characters on one line");
        }
        assert!("x".repeat(MAX_NAME).parse::<Name>().is_ok() && "x".repeat(MAX_NAME + 1).parse::<Name>().is_err());
    }
}
