//! Values as they stand in the text of a statement. Many small statements in one text cost one round trip, which prepared ones cannot.
//!
//! It must never write a byte of a stranger's between quotes: text that is more than letters, digits and `-_.` is written as hexadecimal
//! digits, whatever the server's `sql_mode` takes for an escape.

use std::fmt::Write as _;

use chrono::{DateTime, Datelike, Timelike, Utc};
use sqlx::types::Uuid;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The text of statements, as it grows.
#[derive(Debug, Default)]
pub struct Literals {
    text: String,
    /// Whether the next value follows another one, from which a comma sets it off.
    follows_value: bool,
}

impl Literals {
    /// SQL of our own. The next value follows it, and no comma.
    pub fn sql(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self.follows_value = false;
        self
    }

    /// Begins a row, `(`; each value that follows is set off by a comma.
    pub fn begin_row(&mut self) -> &mut Self {
        self.sql("(")
    }

    /// Ends a row, `)`.
    pub fn end_row(&mut self) -> &mut Self {
        self.sql(")")
    }

    pub fn number(&mut self, value: impl Into<i64>) -> &mut Self {
        self.set_off();
        let _ = write!(self.text, "{}", value.into());
        self
    }

    pub fn flag(&mut self, value: bool) -> &mut Self {
        self.number(i64::from(value))
    }

    /// For columns of text, of any character set.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.set_off();
        if value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
            self.text.push('\'');
            self.text.push_str(value);
            self.text.push('\'');
        } else {
            self.text.push_str("_utf8mb4 ");
            self.hexadecimal(value.as_bytes());
        }
        self
    }

    pub fn optional_text(&mut self, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.text(value),
            None => self.null(),
        }
    }

    /// For columns of bytes.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.set_off();
        self.hexadecimal(value);
        self
    }

    pub fn optional_bytes(&mut self, value: Option<&[u8]>) -> &mut Self {
        match value {
            Some(value) => self.bytes(value),
            None => self.null(),
        }
    }

    /// For `BINARY(16)`.
    pub fn id(&mut self, value: Uuid) -> &mut Self {
        self.bytes(value.as_bytes())
    }

    /// For `DATETIME(6)`, in UTC; what is finer than a microsecond is left off.
    pub fn time(&mut self, value: DateTime<Utc>) -> &mut Self {
        self.set_off();
        let micros = value.nanosecond() % 1_000_000_000 / 1_000;
        let _ = write!(
            self.text,
            "'{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{micros:06}'",
            value.year(),
            value.month(),
            value.day(),
            value.hour(),
            value.minute(),
            value.second()
        );
        self
    }

    pub fn optional_time(&mut self, value: Option<DateTime<Utc>>) -> &mut Self {
        match value {
            Some(value) => self.time(value),
            None => self.null(),
        }
    }

    pub fn null(&mut self) -> &mut Self {
        self.set_off();
        self.text.push_str("NULL");
        self
    }

    /// Bytes of the text.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text, which is empty after it.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    fn set_off(&mut self) {
        if std::mem::replace(&mut self.follows_value, true) {
            self.text.push(',');
        }
    }

    fn hexadecimal(&mut self, bytes: &[u8]) {
        self.text.push_str("x'");
        self.text.reserve(bytes.len() * 2 + 1);
        for byte in bytes {
            self.text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            self.text.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        self.text.push('\'');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_written_as_the_server_reads_it() {
        let mut literals = Literals::default();
        let time = DateTime::from_timestamp(1_764_361_805, 123_456_789).expect("a time");
        literals.sql("VALUES ").begin_row();
        literals
            .number(-7)
            .flag(true)
            .text("a-b_c.9")
            .text("")
            .optional_text(None)
            .id(Uuid::from_u128(0x1f))
            .time(time);
        literals.optional_time(None).optional_bytes(Some(b"")).optional_bytes(None).end_row();
        let id = "00000000".repeat(3) + "0000001f";
        assert_eq!(
            literals.take(),
            format!("VALUES (-7,1,'a-b_c.9','',NULL,x'{id}','2025-11-28 20:30:05.123456',NULL,x'',NULL)")
        );
        assert!(literals.is_empty());
        literals.sql("a = ").number(1).sql(" AND b = ").text("c");
        assert_eq!(literals.take(), "a = 1 AND b = 'c'");
    }

    #[test]
    fn what_could_end_a_literal_is_written_in_digits() {
        for text in ["it's", "a\\", "a\"b", "a b", "a`;--", "\0", "é", "%_"] {
            let mut literals = Literals::default();
            literals.begin_row().text(text).end_row();
            let digits: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(literals.take(), format!("(_utf8mb4 x'{digits}')"));
        }
    }
}
