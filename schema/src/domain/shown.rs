//! How a stranger's text or bytes are shown in a message: short, and without anything that a terminal or a reader could
//! take for something else. A dead letter's `detail` is made of this, so it is part of the fold: a change here is a new
//! fold version.
//!
//! It must never pass on a control or an invisible character. Next: [`super::text`], which has the list.

use std::fmt::Write as _;

use super::text::{is_printable, is_space};

/// Most characters of a stranger's text that are shown, and most bytes of what is no text.
const MAX_SHOWN: usize = 64;
/// Stands for what was cut off.
const CUT: &str = "...";

/// The first 64 characters of `text`. A character that is not printable, and a space other than U+0020, is written as
/// its number: `<U+202E>`.
pub fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(MAX_SHOWN));
    let mut characters = text.chars();
    for character in characters.by_ref().take(MAX_SHOWN) {
        if is_printable(character) && (character == ' ' || !is_space(character)) {
            out.push(character);
        } else {
            write!(out, "<U+{:04X}>", u32::from(character)).expect("a String takes everything");
        }
    }
    if characters.next().is_some() {
        out.push_str(CUT);
    }
    out
}

/// [`shown`] where `bytes` are UTF-8; else the first 64 bytes, printable ASCII as it is and every other byte as `\xNN`.
pub fn shown_bytes(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return shown(text);
    }
    let mut out = String::new();
    for byte in &bytes[..bytes.len().min(MAX_SHOWN)] {
        match byte {
            b' '..=b'~' => out.push(char::from(*byte)),
            _ => write!(out, "\\x{byte:02x}").expect("a String takes everything"),
        }
    }
    if bytes.len() > MAX_SHOWN {
        out.push_str(CUT);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_invisible_is_shown() {
        for (text, expected) in [
            ("", ""),
            ("chocolate bar", "chocolate bar"),
            ("チョコ", "チョコ"),
            ("a\u{0}b\n", "a<U+0000>b<U+000A>"),
            ("\u{202E}gpj.exe", "<U+202E>gpj.exe"),
            ("\u{FEFF}{", "<U+FEFF>{"),
            ("a\u{2028}b\u{A0}", "a<U+2028>b<U+00A0>"),
            ("\u{E0041}", "<U+E0041>"),
        ] {
            assert_eq!(shown(text), expected);
            assert_eq!(shown_bytes(text.as_bytes()), expected);
        }
        assert_eq!(shown_bytes(b"\x00\xff key\x7f"), "\\x00\\xff key\\x7f");
    }

    #[test]
    fn what_is_long_is_cut() {
        assert_eq!(shown(&"é".repeat(64)), "é".repeat(64));
        assert_eq!(shown(&"é".repeat(65)), format!("{}...", "é".repeat(64)));
        assert_eq!(shown_bytes(&[0xff; 64]), "\\xff".repeat(64));
        assert_eq!(shown_bytes(&[0xff; 65]), format!("{}...", "\\xff".repeat(64)));
    }
}
