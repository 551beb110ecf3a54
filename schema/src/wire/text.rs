//! The text between two quotes of JSON, with its escapes resolved. Whether the escapes are well formed was seen before, by
//! [`super::json`]; here is decided what is Unicode.
//!
//! It must never mend: half of a surrogate pair or a byte that is no UTF-8 is a fault, never U+FFFD. Next: [`super::members`].

use std::borrow::Cow;

/// Why the source is no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextFault {
    NotUtf8,
    /// An escape of D800 to DFFF that is not one of a pair, the higher one first.
    HalfPair,
}

/// The text that `source` (what stands between the quotes) means; `escaped` says whether it has a backslash. Borrowed
/// where it has none.
///
/// # Errors
/// [`TextFault`].
pub(super) fn meaning(source: &[u8], escaped: bool) -> Result<Cow<'_, str>, TextFault> {
    let source = std::str::from_utf8(source).map_err(|_| TextFault::NotUtf8)?;
    if escaped { unescaped(source).map(Cow::Owned) } else { Ok(Cow::Borrowed(source)) }
}

fn unescaped(source: &str) -> Result<String, TextFault> {
    // No backslash is left: all of it is plain. (As below.)
    let first = source.find('\\').unwrap_or(source.len());
    let (plain, mut rest) = source.split_at(first);
    let mut text = String::with_capacity(source.len());
    text.push_str(plain);
    while let Some(escape) = rest.strip_prefix('\\') {
        let (character, after) = resolve(escape)?;
        text.push(character);
        let plain_bytes = after.find('\\').unwrap_or(after.len());
        text.push_str(&after[..plain_bytes]);
        rest = &after[plain_bytes..];
    }
    Ok(text)
}

/// The character that an escape (without its backslash) means, and what stands after it.
fn resolve(escape: &str) -> Result<(char, &str), TextFault> {
    let (letter, after) = escape.split_at(1);
    let character = match letter {
        "b" => '\u{8}',
        "f" => '\u{C}',
        "n" => '\n',
        "r" => '\r',
        "t" => '\t',
        "u" => return resolve_number(after),
        "\"" => '"',
        "\\" => '\\',
        "/" => '/',
        other => unreachable!("the reader of JSON lets no escape `{other}` through"),
    };
    Ok((character, after))
}

fn resolve_number(digits: &str) -> Result<(char, &str), TextFault> {
    let (first, after) = four_digits(digits);
    if let Some(character) = char::from_u32(first) {
        return Ok((character, after));
    }
    let second = after.strip_prefix("\\u").filter(|_| first < 0xDC00).map(four_digits);
    match second {
        Some((second @ 0xDC00..=0xDFFF, after)) => {
            let number = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            Ok((char::from_u32(number).expect("a surrogate pair is a character by construction"), after))
        }
        _ => Err(TextFault::HalfPair),
    }
}

fn four_digits(text: &str) -> (u32, &str) {
    let (digits, after) = text.split_at(4);
    let number = u32::from_str_radix(digits, 16).expect("the reader of JSON lets only four digits through");
    (number, after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_resolved() {
        for (source, text) in [
            ("", ""),
            ("chocolate", "chocolate"),
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{C}\n\r\t"),
            (r"a\u0041b\u00e9\u00E9", "aAbéé"),
            (r"\u30c1ョコ", "チョコ"),
            (r"\uD834\uDD1E!", "𝄞!"),
            (r"\u0000", "\0"),
            (r"\uFFFF\uDBFF\uDFFF", "\u{FFFF}\u{10FFFF}"),
        ] {
            assert_eq!(meaning(source.as_bytes(), source.contains('\\')).as_deref(), Ok(text), "{source}");
        }
        assert!(matches!(meaning("é".as_bytes(), false), Ok(Cow::Borrowed("é"))));
    }

    #[test]
    fn what_is_no_text_is_a_fault() {
        for half in [
            r"\uD834",
            r"\uDD1E",
            r"\uD834\u0041",
            r"\uD834x",
            r"\uD834\n",
            r"\uD834\uD834\uDD1E",
            r"\uDD1E\uD834",
            r"\uDD1E\uDD1E",
            r"\uDC00\uDC00",
        ] {
            assert_eq!(meaning(half.as_bytes(), true), Err(TextFault::HalfPair), "{half}");
        }
        for bytes in [&b"\xff"[..], b"a\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80"] {
            assert_eq!(meaning(bytes, false), Err(TextFault::NotUtf8), "{bytes:?}");
        }
    }
}
