//! Ids and texts that come into the ledger by this service: stricter than what the log may hold. A record of another writer, or of
//! before this rule, is folded and can be read as ever; nothing new gets a name that looks like none.

use ledger_schema::domain::check_visible;
use ledger_schema::{AdjustmentNote, CancelNote, Currency, ProductId, UserId, Violation};

/// # Errors
/// [`Violation`]
pub(super) fn new_product_id(text: &str) -> Result<ProductId, Violation> {
    let id = ProductId::parse(text)?;
    check_visible(text)?;
    Ok(id)
}

/// # Errors
/// [`Violation`]
pub(super) fn new_user_id(text: &str) -> Result<UserId, Violation> {
    let id = UserId::parse(text)?;
    check_visible(text)?;
    Ok(id)
}

/// # Errors
/// [`Violation`]; also where there is nothing to be read.
pub(super) fn new_note(text: &str) -> Result<AdjustmentNote, Violation> {
    let note = AdjustmentNote::parse(text)?;
    check_not_blank(text).map(|()| note)
}

/// # Errors
/// [`Violation`]; also where there is nothing to be read.
pub(super) fn new_cancel_note(text: &str) -> Result<CancelNote, Violation> {
    let note = CancelNote::parse(text)?;
    check_not_blank(text).map(|()| note)
}

/// # Errors
/// [`Violation`]; also for a code that ISO 4217 does not list.
pub(super) fn new_currency(text: &str) -> Result<Currency, Violation> {
    let currency = Currency::parse(text)?;
    currency.check_listed().map(|()| currency)
}

fn check_not_blank(text: &str) -> Result<(), Violation> {
    let is_blank = text.chars().all(|c| c.is_whitespace() || check_visible(c.encode_utf8(&mut [0; 4])).is_err());
    if is_blank { Err(Violation::Blank) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_nothing_is_refused_by_name() {
        for (text, character, at) in
            [("\u{3164}", '\u{3164}', 1), ("a\u{2800}b", '\u{2800}', 2), ("x\u{FFA0}", '\u{FFA0}', 2)]
        {
            let expected = Violation::Character { character, at };
            assert_eq!(new_product_id(text), Err(expected.clone()));
            assert_eq!(new_user_id(text), Err(expected));
            assert!(ProductId::parse(text).is_ok(), "the log may hold it");
        }
        for good in ["chocolate", "..", "チョコ", "\u{1100}\u{1161}", "e\u{301}"] {
            assert!(new_product_id(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_note_says_something() {
        for blank in [" ", "   ", "\u{A0}\u{3000}", "\u{3164} \u{2800}"] {
            assert_eq!(new_note(blank), Err(Violation::Blank), "{blank:?}");
        }
        assert_eq!(new_note(""), Err(Violation::Empty));
        assert!(new_note(" . ").is_ok());
        assert!(new_note("a\u{2800}b").is_ok(), "in a text it does no harm");
        assert_eq!(new_cancel_note(" \u{2800}"), Err(Violation::Blank));
        assert!(new_cancel_note("changed my mind").is_ok());
    }

    #[test]
    fn a_currency_is_one_that_exists() {
        assert_eq!(new_currency("EUR").map(|currency| currency.to_string()), Ok("EUR".to_owned()));
        assert_eq!(new_currency("QQQ"), Err(Violation::UnknownCurrency { found: "QQQ".to_owned() }));
        assert_eq!(new_currency("eur"), Err(Violation::NotACurrency { found: "eur".to_owned() }));
    }
}
