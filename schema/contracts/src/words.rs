//! What the types accept, asked of the types: which characters, how many of them, and the closed lists of words.
//!
//! It must never repeat a bound or a list that `ledger-schema` has. Next: `members`.

use std::fmt::Write;

/// Longer than any text that a type takes.
const NO_LIMIT: usize = 100_000;

/// What a type of text takes: so many characters, but none of these.
#[derive(Debug, Clone)]
pub(crate) struct TextRule {
    pub(crate) max_chars: usize,
    /// Regular expression over the whole text. It has the characters themselves, no escapes: those differ between the engines of
    /// languages.
    pub(crate) pattern: String,
}

/// Finds out what `accepts` takes, character by character.
///
/// # Panics
/// When it takes a text of any length, or a character that has a meaning in a class of a regular expression is among those that it
/// refuses.
pub(crate) fn text_rule(accepts: impl Fn(&str) -> bool) -> TextRule {
    let longest = (1..NO_LIMIT).take_while(|length| accepts(&"a".repeat(*length))).last();
    let max_chars = longest.expect("a type of text takes one character, and not any number of them");
    assert!(max_chars < NO_LIMIT - 1, "a type of text has a limit");
    let mut class = String::new();
    let mut run: Option<(char, char)> = None;
    let mut end = |run: Option<(char, char)>| {
        let Some((first, last)) = run else { return };
        assert!(!first.is_ascii_punctuation() && !last.is_ascii_punctuation(), "{first:?} to {last:?} needs an escape");
        match first == last {
            true => class.push(first),
            false => write!(class, "{first}-{last}").expect("a text takes what is written to it"),
        }
    };
    let mut buffer = [0; 4];
    for character in '\0'..=char::MAX {
        if accepts(character.encode_utf8(&mut buffer)) {
            end(run.take());
        } else {
            run = Some((run.map_or(character, |(first, _)| first), character));
        }
    }
    end(run);
    TextRule { max_chars, pattern: format!("^[^{class}]+$") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_what_was_found() {
        let rule = text_rule(|text| text.chars().count() <= 3 && !text.contains([' ', 'é', 'ê', '\u{10FFFF}']));
        assert_eq!((rule.max_chars, rule.pattern.as_str()), (3, "^[^ é-ê\u{10FFFF}]+$"));
    }
}
