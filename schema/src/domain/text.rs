//! Texts that people choose: product ids, user ids, idempotency keys, sales channels, and the note on an adjustment.
//!
//! It must never use a list of characters that an update of the compiler can change. Next: [`super::shown()`].

use std::fmt;
use std::sync::Arc;

use super::Violation;

/// Longest product or user id, in Unicode scalar values (not bytes).
pub const MAX_ID_CHARS: usize = 64;
const MAX_IDEMPOTENCY_KEY_CHARS: usize = 255;
const MAX_NOTE_CHARS: usize = 200;

/// Format and other invisible characters, as inclusive ranges (Unicode 15, category Cf, and the noncharacters of
/// the basic plane). A list of our own: the standard library's idea of "printable" changes between compilers,
/// and the fold must refuse the same ids for ever.
const INVISIBLE: &[(char, char)] = &[
    ('\u{00AD}', '\u{00AD}'),
    ('\u{0600}', '\u{0605}'),
    ('\u{061C}', '\u{061C}'),
    ('\u{06DD}', '\u{06DD}'),
    ('\u{070F}', '\u{070F}'),
    ('\u{08E2}', '\u{08E2}'),
    ('\u{180E}', '\u{180E}'),
    ('\u{200B}', '\u{200F}'),
    ('\u{202A}', '\u{202E}'),
    ('\u{2060}', '\u{206F}'),
    ('\u{FDD0}', '\u{FDEF}'),
    ('\u{FEFF}', '\u{FEFF}'),
    ('\u{FFF0}', '\u{FFFB}'),
    ('\u{FFFE}', '\u{FFFF}'),
    ('\u{E0000}', '\u{E0FFF}'),
];

/// Characters that are letters or symbols by their category and look like nothing: the Hangul fillers and the empty Braille pattern.
const LOOKS_EMPTY: &[char] = &['\u{115F}', '\u{1160}', '\u{2800}', '\u{3164}', '\u{FFA0}'];

/// For ids that are new to the ledger: none may hide such a character. Not a rule of [`ProductId::parse`] and its like, because the fold
/// decides by those, and must decide on records that stand in a log as it ever did.
///
/// # Errors
/// [`Violation::Character`]
pub fn check_visible(text: &str) -> Result<(), Violation> {
    if text.is_ascii() {
        return Ok(());
    }
    match text.chars().enumerate().find(|(_, c)| LOOKS_EMPTY.contains(c)) {
        Some((at, character)) => Err(Violation::Character { character, at: at + 1 }),
        None => Ok(()),
    }
}

/// C0, DEL and C1. Written out, like [`INVISIBLE`].
fn is_control(c: char) -> bool {
    matches!(c, '\u{0}'..='\u{1F}' | '\u{7F}'..='\u{9F}')
}

/// Unicode `White_Space`, which has been stable since Unicode 6.3.
pub(super) fn is_space(c: char) -> bool {
    matches!(
        c,
        ' ' | '\u{85}' | '\u{A0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200A}' | '\u{2028}' | '\u{2029}' | '\u{202F}' | '\u{205F}' | '\u{3000}'
    )
}

pub(crate) fn is_printable(c: char) -> bool {
    // Most texts are ASCII, and none of the list is.
    matches!(c, ' '..='~') || !is_control(c) && !INVISIBLE.iter().any(|(from, to)| (*from..=*to).contains(&c))
}

/// The one scan over a text: its length in characters, or the first rule that it breaks.
fn check_text(text: &str, max: usize, allowed: impl Fn(char) -> bool) -> Result<(), Violation> {
    if text.is_empty() {
        return Err(Violation::Empty);
    }
    let found = text.chars().count();
    if found > max {
        return Err(Violation::TooLong { max, found });
    }
    match text.chars().enumerate().find(|(_, c)| !allowed(*c)) {
        Some((at, character)) => Err(Violation::Character { character, at: at + 1 }),
        None => Ok(()),
    }
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $max:expr, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// # Errors
            /// [`Violation`] names the first rule that `text` breaks.
            pub fn parse(text: &str) -> Result<Self, Violation> {
                check_text(text, $max, $allowed)?;
                Ok(Self(Arc::from(text)))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_type!(
    /// A product's id, and the key of every record about it: 1 to 64 printable characters without spaces.
    ProductId, MAX_ID_CHARS, |c| is_printable(c) && !is_space(c)
);
text_type!(
    /// A user's id: 1 to 64 printable characters without spaces.
    UserId, MAX_ID_CHARS, |c| is_printable(c) && !is_space(c)
);
text_type!(
    /// The value of an `Idempotency-Key` header: 1 to 255 printable ASCII characters.
    IdempotencyKey, MAX_IDEMPOTENCY_KEY_CHARS, |c| matches!(c, ' '..='~')
);
text_type!(
    /// Where an order was placed, in the sender's words (`web`, `app`, `till-3`): 1 to 64 printable characters without
    /// spaces.
    Channel, MAX_ID_CHARS, |c| is_printable(c) && !is_space(c)
);
text_type!(
    /// Why somebody adjusted a stock, in their words: 1 to 200 printable characters, spaces allowed.
    AdjustmentNote, MAX_NOTE_CHARS, is_printable
);
text_type!(
    /// Why somebody cancelled an order, in their words: 1 to 200 printable characters, spaces allowed.
    CancelNote, MAX_NOTE_CHARS, is_printable
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_take_what_people_write() {
        let longest = "x".repeat(64);
        for good in ["chocolate", "CATALOG-001", "a", "/", "..", "%2F", "チョコレート", "café", longest.as_str()]
        {
            assert_eq!(ProductId::parse(good).map(|id| id.to_string()), Ok(good.to_owned()));
        }
        // 64 characters, 256 bytes: the limit counts characters.
        assert!(UserId::parse(&"𝄞".repeat(64)).is_ok());
    }

    #[test]
    fn ids_refuse_by_name() {
        assert_eq!(ProductId::parse(""), Err(Violation::Empty));
        assert_eq!(ProductId::parse(&"é".repeat(65)), Err(Violation::TooLong { max: 64, found: 65 }));
        for (text, character, at) in [
            ("a b", ' ', 2),
            ("\u{0}", '\u{0}', 1),
            ("ab\n", '\n', 3),
            ("a\u{7F}", '\u{7F}', 2),
            ("a\u{200B}", '\u{200B}', 2),
            ("\u{FEFF}a", '\u{FEFF}', 1),
            ("a\u{202E}b", '\u{202E}', 2),
            ("a\u{3000}", '\u{3000}', 2),
            ("a\u{A0}", '\u{A0}', 2),
        ] {
            assert_eq!(ProductId::parse(text), Err(Violation::Character { character, at }), "{text:?}");
            assert_eq!(UserId::parse(text), Err(Violation::Character { character, at }), "{text:?}");
        }
    }

    #[test]
    fn keys_and_notes_may_have_spaces() {
        assert!(IdempotencyKey::parse("retry no. 1 ~").is_ok());
        assert_eq!(IdempotencyKey::parse("é"), Err(Violation::Character { character: 'é', at: 1 }));
        assert_eq!(IdempotencyKey::parse(&"k".repeat(256)), Err(Violation::TooLong { max: 255, found: 256 }));
        assert!(AdjustmentNote::parse("counted again, 3 bars melted").is_ok());
        assert_eq!(AdjustmentNote::parse("a\tb"), Err(Violation::Character { character: '\t', at: 2 }));
    }

    #[test]
    fn a_violation_says_what_is_wrong() {
        let violation = ProductId::parse("a\u{0}").expect_err("a control character is refused");
        assert_eq!(violation.to_string(), "must not contain the character U+0000 (at character 2)");
    }
}
