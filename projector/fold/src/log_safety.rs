//! Whether the log is the one that the positions belong to, whole (INV-9, INV-8). Pure decisions: the caller reads
//! the facts from Kafka and MariaDB and stops with the error. Nothing here is ever mended by itself: a projector that resets
//! its position in silence is the failure this system exists to prevent.
//!
//! It must never reset anything, or ask Kafka itself. Next: [`crate::commit`].

pub use ledger_schema::log::{AnotherLog, LogIdentity, Watermarks};
use ledger_schema::topic_settings::{Keeps, TopicSettings, WrongSetting, check_uncompressed};
use thiserror::Error;

/// The log cannot be folded onto these tables. Never retryable: a person has to decide.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LogRefusal {
    #[error(transparent)]
    Another(#[from] AnotherLog),
    #[error(transparent)]
    Loses(Box<WrongSetting>),
    #[error("the beginning of topic {topic} partition {partition} is gone: expected first offset 0, found {found}")]
    BeginningGone { topic: String, partition: i32, found: i64 },
    #[error(
        "topic {topic} partition {partition} lost records: expected an end of at least {expected} (the stored position), found {found}"
    )]
    EndGone { topic: String, partition: i32, expected: i64, found: i64 },
    #[error(
        "the positions of topic {topic} are incomplete: expected one for each of {expected} partitions, found {found}; run `ledger migrate`, then `ledger rebuild`"
    )]
    IncompletePositions { topic: String, expected: i32, found: usize },
    #[error("the positions belong to topic {found}, expected {expected}")]
    PositionsOfAnotherTopic { expected: String, found: String },
}

impl From<WrongSetting> for LogRefusal {
    fn from(wrong: WrongSetting) -> Self {
        Self::Loses(Box::new(wrong))
    }
}

/// Compares the log that was found with the one that the positions belong to.
///
/// # Errors
/// The first difference, in the order cluster, topic, partition count.
pub fn check_identity(topic: &str, expected: &LogIdentity, found: &LogIdentity) -> Result<(), LogRefusal> {
    Ok(expected.check(topic, found)?)
}

/// Checks that the log keeps every record.
///
/// # Errors
/// [`LogRefusal::Loses`], by the setting.
pub fn check_settings(topic: &str, settings: &TopicSettings) -> Result<(), LogRefusal> {
    Ok(Keeps::Everything.check(topic, settings)?)
}

/// Checks that what a record is unpacked to is bounded.
///
/// # Errors
/// [`LogRefusal::Loses`], by the setting.
pub fn check_bounded(topic: &str, settings: &TopicSettings) -> Result<(), LogRefusal> {
    Ok(check_uncompressed(topic, settings)?)
}

/// Checks that a partition still has its beginning, and all that was folded from it.
///
/// # Errors
/// [`LogRefusal::BeginningGone`] when the first offset is not 0 (also where the position is after it: the tables
/// could not be rebuilt any more), [`LogRefusal::EndGone`] when the log ends before the position.
pub fn check_watermarks(
    topic: &str,
    partition: i32,
    next_offset: i64,
    watermarks: Watermarks,
) -> Result<(), LogRefusal> {
    let topic = topic.to_owned();
    if watermarks.low != 0 {
        return Err(LogRefusal::BeginningGone { topic, partition, found: watermarks.low });
    }
    // The last stable offset, which only grows: nothing at or after it can have been folded yet, whatever stands there.
    if watermarks.stable < next_offset {
        return Err(LogRefusal::EndGone { topic, partition, expected: next_offset, found: watermarks.stable });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(cluster_id: &str, topic_id: &str, partition_count: i32) -> LogIdentity {
        LogIdentity { cluster_id: cluster_id.to_owned(), topic_id: topic_id.to_owned(), partition_count }
    }

    fn message(refused: Result<(), LogRefusal>) -> String {
        refused.err().map_or_else(String::new, |refusal| refusal.to_string())
    }

    #[test]
    fn inv_9_another_log_is_refused_by_name() {
        let expected = identity("c", "t", 8);
        for (found, says) in [
            (identity("c", "t", 8), ""),
            (
                identity("d", "u", 9),
                "topic orders is in another Kafka cluster: the positions belong to cluster c, found d; ",
            ),
            (identity("c", "u", 9), "topic orders was recreated: the positions belong to topic id t, found u; "),
            (identity("c", "t", 9), "topic orders has another number of partitions: expected 8, found 9; "),
            (identity("c", "t", 7), "topic orders has another number of partitions: expected 8, found 7; "),
        ] {
            let message = message(check_identity("orders", &expected, &found));
            assert!(message.starts_with(says) && message.is_empty() == says.is_empty(), "{message}");
        }
    }

    #[test]
    fn inv_8_a_log_with_a_hole_is_refused_by_name() {
        for (next_offset, low, stable, says) in [
            (0, 0, 0, ""),
            (0, 0, 5, ""),
            (5, 0, 5, ""),
            (
                6,
                0,
                5,
                "topic orders partition 3 lost records: expected an end of at least 6 (the stored position), found 5",
            ),
            (0, 2, 5, "the beginning of topic orders partition 3 is gone: expected first offset 0, found 2"),
            (4, 1, 5, "the beginning of topic orders partition 3 is gone: expected first offset 0, found 1"),
        ] {
            // What stands behind an open transaction is nothing that a position can have passed.
            for high in [stable, stable + 3] {
                let watermarks = Watermarks { low, stable, high };
                assert_eq!(message(check_watermarks("orders", 3, next_offset, watermarks)), says);
            }
        }
    }
}
