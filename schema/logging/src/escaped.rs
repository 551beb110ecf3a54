//! A writer of JSON lines whose text is printable: what is not is written as JSON's own escapes, so a reader of the JSON gets
//! what was logged. It must never get a part of a line: the logger writes a line at once.

use std::io::{self, Write};

use ledger_schema::printable::printable_json;

/// Escapes what it passes on.
#[derive(Debug)]
pub(crate) struct Escaped<W>(W);

impl<W: Write> Escaped<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self(inner)
    }
}

impl<W: Write> Write for Escaped<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        self.0.write_all(printable_json(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
