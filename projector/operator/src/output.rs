//! What a command has to show: a table for people, and the same as JSON for programs. It must never print: the
//! binary does, and makes strangers' text printable.

use serde::Serialize;

/// Something that a command shows both ways.
pub trait Report: Serialize {
    fn header(&self) -> Vec<&'static str>;
    fn rows(&self) -> Vec<Vec<String>>;
    /// A line below the table.
    fn summary(&self) -> Option<String> {
        None
    }
}
