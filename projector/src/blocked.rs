//! Partitions whose end cannot be read, because a transaction of some writer is open: which they are, and since when. Records behind
//! it are acknowledged, and nobody is given them before it is committed, aborted, or timed out by the broker. It must never take the
//! last stable offset for the end. Next: [`crate::status`], [`crate::monitor`].

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use ledger_kafka::replay::LogRange;
use ledger_kafka::tail::{FirstRecord, Left, Records, first_records};
use ledger_kafka::{KAFKA_TIMEOUT, KafkaSettings, KafkaUseError};
use ledger_schema::log::Watermarks;
use serde::Serialize;

/// A partition that an open transaction blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Blocked {
    pub partition: i32,
    /// The last stable offset: the first record of the open transaction.
    pub stable_offset: i64,
    /// The high watermark.
    pub end_offset: i64,
    /// The time of that record.
    pub blocked_since: DateTime<Utc>,
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, stable_offset, end_offset, blocked_since } = self;
        let since = blocked_since.to_rfc3339_opts(SecondsFormat::Millis, true);
        write!(
            f,
            "partition {partition} is blocked by an open transaction since {since}: it ends at {end_offset}, and is readable up \
             to its last stable offset {stable_offset}"
        )
    }
}

/// Those of `marks`, by partition, that an open transaction blocks. Blocks up to [`KAFKA_TIMEOUT`], where there are any.
///
/// # Errors
/// [`KafkaUseError`] when no broker answers.
pub fn blocked_among(
    kafka: &KafkaSettings,
    topic: &str,
    marks: &BTreeMap<i32, Watermarks>,
) -> Result<Vec<Blocked>, KafkaUseError> {
    let blocked = || marks.iter().filter(|(_, marks)| marks.is_blocked());
    let open: Vec<LogRange> = blocked()
        .map(|(partition, marks)| LogRange { partition: *partition, from: marks.stable, to: marks.high })
        .collect();
    let first = first_records(kafka, topic, &open, Records::Written, KAFKA_TIMEOUT)?;
    let now = Utc::now();
    let known = blocked().map(|(partition, marks)| {
        let blocked_since = match first.get(partition) {
            Some(Left::Record(record)) => time_of(*record, now),
            _ => now,
        };
        let (stable_offset, end_offset) = (marks.stable, marks.high);
        Blocked { partition: *partition, stable_offset, end_offset, blocked_since }
    });
    Ok(known.collect())
}

/// Since when a record waits, as far as that can be known: its own time, which a writer may have set to anything, but not later than
/// `seen`, when we first saw it.
pub(crate) fn time_of(record: FirstRecord, seen: DateTime<Utc>) -> DateTime<Utc> {
    record.millis.and_then(DateTime::from_timestamp_millis).map_or(seen, |time| time.min(seen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_waits_since_its_time_and_not_since_later_than_it_was_seen() {
        let seen = DateTime::from_timestamp_millis(10_000).expect("a time");
        for (millis, expected) in [(Some(4_000), 4_000), (Some(12_000), 10_000), (None, 10_000)] {
            assert_eq!(time_of(FirstRecord { offset: 1, millis }, seen).timestamp_millis(), expected);
        }
    }

    #[test]
    fn it_says_partition_both_ends_and_since_when() {
        let blocked_since = DateTime::from_timestamp_millis(1_795_428_000_123).expect("a time");
        let blocked = Blocked { partition: 7, stable_offset: 12, end_offset: 18, blocked_since };
        assert_eq!(
            blocked.to_string(),
            "partition 7 is blocked by an open transaction since 2026-11-23T10:00:00.123Z: it ends at 18, and is readable up to its \
             last stable offset 12"
        );
    }
}
