//! How bytes that anybody may have sent are shown: as text where they are UTF-8, else as base64 in JSON and as a hex dump in a
//! table. It must never let a control character of theirs reach a terminal.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use ledger_schema::printable::{printable, printable_line};

const DUMP_WIDTH: usize = 16;

/// Bytes for a person. In JSON `{"text": ..}` or `{"base64": ..}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Shown {
    Text(String),
    #[serde(serialize_with = "base64")]
    Base64(Vec<u8>),
}

fn base64<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

impl Shown {
    pub fn of(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Self::Base64(error.into_bytes()), Self::Text)
    }

    /// All of it, for a table.
    pub fn whole(&self) -> String {
        match self {
            Self::Text(text) => printable(text).into_owned(),
            Self::Base64(bytes) => hex_dump(bytes),
        }
    }

    /// A beginning of at most `max` characters, on one line.
    pub fn brief(&self, max: usize) -> String {
        let line = match self {
            Self::Text(text) => printable_line(&text.replace(['\n', '\t'], " ")).into_owned(),
            Self::Base64(bytes) => bytes.iter().take(max).fold("0x".to_owned(), |mut hex, byte| {
                write!(hex, "{byte:02x}").expect("a String takes what is written");
                hex
            }),
        };
        if line.chars().count() <= max {
            return line;
        }
        line.chars().take(max.saturating_sub(2)).chain("..".chars()).collect()
    }
}

/// Offset, bytes, and what of them is ASCII, sixteen to a line.
fn hex_dump(bytes: &[u8]) -> String {
    let mut dump = String::with_capacity(bytes.len() * 5);
    for (line, bytes) in bytes.chunks(DUMP_WIDTH).enumerate() {
        let mut hex = String::with_capacity(DUMP_WIDTH * 3);
        for byte in bytes {
            write!(hex, "{byte:02x} ").expect("a String takes what is written");
        }
        let ascii: String = bytes
            .iter()
            .map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' })
            .collect();
        let line_end = if line == 0 { "" } else { "\n" };
        write!(dump, "{line_end}{:08x}  {hex:<48} {ascii}", line * DUMP_WIDTH).expect("a String takes what is written");
    }
    dump
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_as_text_and_the_rest_as_bytes() {
        let text = Shown::of("{\"a\": \u{1b}[31m1}\n".into());
        assert_eq!(text.whole(), "{\"a\": \\u{1b}[31m1}\n");
        assert_eq!(serde_json::to_string(&text).expect("JSON"), r#"{"text":"{\"a\": \u001b[31m1}\n"}"#);
        let bytes = Shown::of(b"\xff\0 16 bytes and more".to_vec());
        assert_eq!(
            bytes.whole(),
            "00000000  ff 00 20 31 36 20 62 79 74 65 73 20 61 6e 64 20  .. 16 bytes and \n\
             00000010  6d 6f 72 65                                      more"
        );
        assert_eq!(serde_json::to_string(&bytes).expect("JSON"), r#"{"base64":"/wAgMTYgYnl0ZXMgYW5kIG1vcmU="}"#);
        assert_eq!(bytes.brief(8), "0xff00..");
        assert_eq!(Shown::of(b"chocolate".to_vec()).brief(9), "chocolate");
        assert_eq!(Shown::of(b"choco\nlate".to_vec()).brief(9), "choco l..");
    }
}
