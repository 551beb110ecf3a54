//! Where something stands in the log. A position names one record; `next_offset` (always spelled so) is exclusive.
//!
//! It must never take a spelling that [`std::fmt::Display`] does not write: an id that is compared as text has one. Next:
//! [`crate::wire`], whose outcomes carry an [`EventId`].

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::domain::shown;

/// One record of the log: `PARTITION:OFFSET`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Kafka's partition number, never negative.
    pub partition: i32,
    /// Kafka's offset of the record, never negative.
    pub offset: i64,
}

/// Identity of what the fold derived from a record: `PARTITION-OFFSET-INDEX` of its cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId {
    pub cause: Position,
    /// Which of the outcomes of that record, from 0.
    pub index: u32,
}

/// Text that is not a position (or not an event id). Not retryable.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("must be {expected}, found `{found}`")]
pub struct InvalidPosition {
    pub expected: &'static str,
    pub found: String,
}

/// Digits only: `i64::from_str` would also take `+1` and `-1`. What remains of its refusals, a number that is too large, is
/// named by the caller like any other text that is no position.
fn digits<T: FromStr>(text: &str) -> Option<T> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text
            .split_once(':')
            .and_then(|(partition, offset)| Some(Self { partition: digits(partition)?, offset: digits(offset)? }));
        parsed.ok_or_else(|| InvalidPosition { expected: "PARTITION:OFFSET", found: shown(text) })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.partition, self.offset)
    }
}

impl FromStr for EventId {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-');
        let parsed = (|| {
            let cause = Position { partition: digits(parts.next()?)?, offset: digits(parts.next()?)? };
            let index = digits(parts.next()?)?;
            parts.next().is_none().then_some(Self { cause, index })
        })();
        parsed.ok_or_else(|| InvalidPosition { expected: "PARTITION-OFFSET-INDEX", found: shown(text) })
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.cause.partition, self.cause.offset, self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_read_back() {
        let position = Position { partition: 3, offset: 1_000_000_007 };
        assert_eq!(position.to_string(), "3:1000000007");
        assert_eq!("3:1000000007".parse(), Ok(position));
        let event_id = EventId { cause: position, index: 2 };
        assert_eq!(event_id.to_string(), "3-1000000007-2");
        assert_eq!("3-1000000007-2".parse(), Ok(event_id));
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in [
            "",
            ":",
            "1",
            "1:",
            ":1",
            "-1:0",
            "+1:0",
            "1:-1",
            "1:2:3",
            "a:b",
            " 1:2",
            "4294967296:0",
            "0:9223372036854775808",
        ] {
            assert!(bad.parse::<Position>().is_err(), "{bad}");
        }
        for bad in ["", "1-2", "1-2-", "1-2-3-4", "1--2", "1:2:3"] {
            assert!(bad.parse::<EventId>().is_err(), "{bad}");
        }
    }
}
