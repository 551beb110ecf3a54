//! Strangers' text on its way to a terminal, to a log line or to a page: the one place that says which characters may pass.
//!
//! What may not is escaped, never dropped, so that two texts that differ still do. It must never let a character pass that
//! moves a cursor, ends a line, turns the direction of writing or cannot be seen. How a message of the fold quotes a text is
//! another thing, part of the fold's version: [`crate::domain::shown()`].

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::domain::is_printable;

/// Format characters (category Cf) that may stand in an id, since the fold's own list never changes. No terminal needs them.
const MORE_FORMAT_CHARACTERS: &[(char, char)] = &[
    ('\u{890}', '\u{891}'),
    ('\u{110BD}', '\u{110BD}'),
    ('\u{110CD}', '\u{110CD}'),
    ('\u{13430}', '\u{1343F}'),
    ('\u{1BCA0}', '\u{1BCA3}'),
    ('\u{1D173}', '\u{1D17A}'),
];

/// No control, no format character, no noncharacter, and no end of a line or paragraph.
fn passes(c: char) -> bool {
    is_printable(c)
        && !matches!(c, '\u{2028}' | '\u{2029}')
        && !MORE_FORMAT_CHARACTERS.iter().any(|(from, to)| (*from..=*to).contains(&c))
}

fn escaped<'a>(text: &'a str, passes: impl Fn(char) -> bool, escape: impl Fn(char, &mut String)) -> Cow<'a, str> {
    if text.chars().all(&passes) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if passes(c) { shown.push(c) } else { escape(c, &mut shown) }
    }
    Cow::Owned(shown)
}

/// Text that may have several lines: line feeds and tabs stay, the rest of what is not printable is written `\u{202e}`.
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |c| passes(c) || matches!(c, '\n' | '\t'), |c, shown| shown.extend(c.escape_unicode()))
}

/// Text on one line: as [`printable`], and line feeds and tabs are written `\n` and `\t`.
pub fn printable_line(text: &str) -> Cow<'_, str> {
    escaped(text, passes, |c, shown| match c {
        '\n' => shown.push_str("\\n"),
        '\t' => shown.push_str("\\t"),
        c => shown.extend(c.escape_unicode()),
    })
}

/// JSON that means the same: what is not printable is written as JSON's own escapes. Between values JSON is ASCII, so such a
/// character stands within a string; line feeds stay, which a serializer only writes between values.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    escaped(
        json,
        |c| passes(c) || c == '\n',
        |c, shown| {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(shown, "\\u{unit:04x}").expect("a String takes everything");
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each kind: C0, ESC, DEL, C1 (CSI, NEL), bidirectional marks, overrides and isolates, zero width, line and
    /// paragraph ends, a byte order mark, tags, a format character beyond the basic plane, a noncharacter.
    const STRANGE: [char; 17] = [
        '\0',
        '\u{1b}',
        '\u{7f}',
        '\u{9b}',
        '\u{85}',
        '\u{200e}',
        '\u{202e}',
        '\u{2066}',
        '\u{61c}',
        '\u{200b}',
        '\u{2028}',
        '\u{2029}',
        '\u{feff}',
        '\u{e0041}',
        '\u{1d173}',
        '\u{110bd}',
        '\u{ffff}',
    ];

    #[test]
    fn nothing_strange_passes() {
        for c in STRANGE {
            let text = format!("a{c}b");
            let escape = c.escape_unicode().to_string();
            assert_eq!(printable(&text), format!("a{escape}b"));
            assert_eq!(printable_line(&text), format!("a{escape}b"));
            let json = printable_json(&text).into_owned();
            assert!(json.is_ascii() && json.contains("\\u"), "{json}");
        }
        assert_eq!(printable("a\tb\n\u{1b}[31m\0\r"), "a\tb\n\\u{1b}[31m\\u{0}\\u{d}");
        assert_eq!(printable_line("a\tb\nledger: done"), "a\\tb\\nledger: done");
    }

    #[test]
    fn what_people_write_passes_as_it_is() {
        for text in ["", "chocolate bar", "チョコレート", "café 𝄞", "\u{a0}\u{3000}", "٣", "ह"] {
            assert!(matches!(printable(text), Cow::Borrowed(same) if same == text));
            assert!(matches!(printable_line(text), Cow::Borrowed(same) if same == text));
            assert!(matches!(printable_json(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn json_means_the_same() {
        let text: String = STRANGE.iter().chain(&['"', '\\', '\n', 'é']).collect();
        let json = serde_json::to_string_pretty(&[&text]).expect("text serializes");
        let shown = printable_json(&json);
        assert!(shown.chars().all(|c| passes(c) || c == '\n'));
        assert_eq!(serde_json::from_str::<Vec<String>>(&shown).expect("still JSON"), [text]);
    }
}
