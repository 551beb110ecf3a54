//! What is left to fold of each partition. Offsets alone cannot say it: marks of transactions and aborted records stand between
//! position and end for ever, and no position passes them, since it advances with records only. So the first record that is left is
//! looked for, and what is known of a position is kept: the log before its last stable offset never changes.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ledger_kafka::replay::LogRange;
use ledger_kafka::tail::{Left, Records, first_records};
use ledger_kafka::{KAFKA_TIMEOUT, KafkaSettings, KafkaUseError};
use ledger_schema::log::Watermarks;
use ledger_store::positions::StoredPosition;

use super::shown::PartitionStatus;
use crate::blocked::{blocked_among, time_of};

/// A record that waits, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Waiting {
    offset: i64,
    since: DateTime<Utc>,
}

/// What is known of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    /// Of this position.
    next_offset: i64,
    /// Before this offset there is nothing to fold but `oldest`, and what follows it.
    up_to: i64,
    /// The first committed record that is not folded.
    oldest: Option<Waiting>,
    /// The first record of an open transaction.
    blocked: Option<Waiting>,
}

/// What is known of all partitions, from one look to the next.
#[derive(Debug, Default)]
pub(super) struct Knowledge(BTreeMap<i32, Known>);

/// Where a partition stands, and its ends.
#[derive(Debug, Clone, Copy)]
struct Standing {
    partition: i32,
    next_offset: i64,
    marks: Watermarks,
}

impl Knowledge {
    /// What is left, by partition. Asks Kafka for a record where a partition has more offsets than are known to be nothing. Blocks.
    ///
    /// # Errors
    /// [`KafkaUseError`] when no broker answers.
    pub(super) fn look(
        &mut self,
        kafka: &KafkaSettings,
        topic: &str,
        stored: &[StoredPosition],
        marks: &BTreeMap<i32, Watermarks>,
    ) -> Result<Vec<PartitionStatus>, KafkaUseError> {
        let standing = |stored: &StoredPosition| {
            let marks = *marks.get(&stored.partition)?;
            Some(Standing { partition: stored.partition, next_offset: stored.next_offset, marks })
        };
        let standing: Vec<Standing> = stored.iter().filter_map(standing).collect();
        let unknown: Vec<LogRange> = standing.iter().filter_map(|standing| self.unknown(standing)).collect();
        let left = first_records(kafka, topic, &unknown, Records::Committed, KAFKA_TIMEOUT)?;
        let newly_blocked = standing.iter().filter(|standing| self.is_newly_blocked(standing));
        let newly_blocked = newly_blocked.map(|standing| (standing.partition, standing.marks)).collect();
        let blocked = blocked_among(kafka, topic, &newly_blocked)?;
        let now = Utc::now();
        for standing in &standing {
            self.learn(standing, left.get(&standing.partition).copied(), now);
        }
        for blocked in blocked {
            if let Some(known) = self.0.get_mut(&blocked.partition) {
                known.blocked = Some(Waiting { offset: blocked.stable_offset, since: blocked.blocked_since });
            }
        }
        let paused = |partition: i32| stored.iter().find(|stored| stored.partition == partition)?.paused.clone();
        let status =
            |standing: &Standing| PartitionStatus { paused: paused(standing.partition), ..self.status(standing, now) };
        Ok(standing.iter().map(status).collect())
    }

    /// What is known of the very position.
    fn known(&self, standing: &Standing) -> Option<&Known> {
        self.0.get(&standing.partition).filter(|known| known.next_offset == standing.next_offset)
    }

    /// The offsets of which it is not known whether they hold a record that is left.
    fn unknown(&self, standing: &Standing) -> Option<LogRange> {
        let Standing { partition, next_offset, marks } = *standing;
        let from = match self.known(standing) {
            Some(Known { oldest: Some(_), .. }) => return None,
            Some(known) => known.up_to,
            None => next_offset,
        };
        // Where the log has lost its beginning there is nothing to look at; that it has is said by whoever folds.
        let from = from.max(marks.low);
        (from < marks.stable).then_some(LogRange { partition, from, to: marks.stable })
    }

    fn is_newly_blocked(&self, standing: &Standing) -> bool {
        let known = self.0.get(&standing.partition).and_then(|known| known.blocked);
        standing.marks.is_blocked() && known.is_none_or(|known| known.offset != standing.marks.stable)
    }

    fn learn(&mut self, standing: &Standing, left: Option<Left>, now: DateTime<Utc>) {
        let Standing { partition, next_offset, marks } = *standing;
        let before = self.known(standing).copied();
        let blocked = self.0.get(&partition).and_then(|known| known.blocked);
        let blocked = blocked.filter(|blocked| marks.is_blocked() && blocked.offset == marks.stable);
        let begun = Known { next_offset, up_to: next_offset, oldest: None, blocked };
        let known = Known { blocked, ..before.unwrap_or(begun) };
        let known = match left {
            Some(Left::Record(record)) => {
                Known { oldest: Some(Waiting { offset: record.offset, since: time_of(record, now) }), ..known }
            }
            Some(Left::Nothing) => Known { up_to: marks.stable, ..known },
            // It is looked for again the next time.
            Some(Left::NothingYet) | None => known,
        };
        self.0.insert(partition, known);
    }

    fn status(&self, standing: &Standing, now: DateTime<Utc>) -> PartitionStatus {
        let Standing { partition, next_offset, marks: Watermarks { stable, high, .. } } = *standing;
        let known = self.known(standing);
        let blocked = known.and_then(|known| known.blocked);
        let waiting = known.and_then(|known| known.oldest).or(blocked);
        PartitionStatus {
            partition,
            next_offset,
            stable_offset: stable,
            end_offset: high,
            lag: waiting.map_or(0, |waiting| high - waiting.offset),
            lag_seconds: waiting.map_or(0.0, |waiting| seconds(now - waiting.since)),
            blocked_since: blocked.map(|blocked| blocked.since),
            paused: None,
        }
    }
}

/// In whole milliseconds.
fn seconds(age: chrono::TimeDelta) -> f64 {
    let millis = u64::try_from(age.num_milliseconds()).unwrap_or(0);
    std::time::Duration::from_millis(millis).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use ledger_kafka::tail::FirstRecord;

    use super::*;

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(millis).expect("a time")
    }

    fn standing(next_offset: i64, stable: i64, high: i64) -> Standing {
        Standing { partition: 3, next_offset, marks: Watermarks { low: 0, stable, high } }
    }

    /// One look: what is asked for, what was answered, and what is shown: lag, seconds of it.
    fn look(
        knowledge: &mut Knowledge,
        standing: Standing,
        answer: Option<Left>,
        now: i64,
    ) -> (Option<(i64, i64)>, i64, f64) {
        let asked = knowledge.unknown(&standing).map(|range| (range.from, range.to));
        assert_eq!(asked.is_some(), answer.is_some(), "{standing:?}");
        knowledge.learn(&standing, answer, at(now));
        let status = knowledge.status(&standing, at(now));
        (asked, status.lag, status.lag_seconds)
    }

    #[test]
    fn marks_and_aborted_records_are_looked_through_once_and_count_for_nothing() {
        let mut knowledge = Knowledge::default();
        let none = Some(Left::Nothing);
        assert_eq!(look(&mut knowledge, standing(5, 5, 5), None, 0), (None, 0, 0.0));
        assert_eq!(look(&mut knowledge, standing(5, 8, 8), none, 0), (Some((5, 8)), 0, 0.0));
        assert_eq!(look(&mut knowledge, standing(5, 8, 8), None, 9), (None, 0, 0.0));
        assert_eq!(look(&mut knowledge, standing(5, 9, 9), none, 9), (Some((8, 9)), 0, 0.0));
        let order = Some(Left::Record(FirstRecord { offset: 9, millis: Some(10_000) }));
        assert_eq!(look(&mut knowledge, standing(5, 11, 11), order, 12_500), (Some((9, 11)), 2, 2.5));
        // Nobody folds: it is known what waits, and it gets older.
        assert_eq!(look(&mut knowledge, standing(5, 20, 20), None, 15_000), (None, 11, 5.0));
        assert_eq!(look(&mut knowledge, standing(20, 20, 20), None, 15_000), (None, 0, 0.0));
        // A position that went back, as after a rollback: what was known of it is not believed.
        assert_eq!(look(&mut knowledge, standing(5, 20, 20), order, 15_000), (Some((5, 20)), 11, 5.0));
    }

    #[test]
    fn what_is_not_certain_is_asked_again() {
        let mut knowledge = Knowledge::default();
        for _ in 0..2 {
            let answer = Some(Left::NothingYet);
            assert_eq!(look(&mut knowledge, standing(5, 6, 6), answer, 0), (Some((5, 6)), 0, 0.0));
        }
    }

    #[test]
    fn an_open_transaction_counts_until_it_has_ended() {
        let mut knowledge = Knowledge::default();
        let open = standing(5, 5, 11);
        assert!(knowledge.is_newly_blocked(&open));
        knowledge.learn(&open, None, at(0));
        knowledge.0.get_mut(&3).expect("learnt").blocked = Some(Waiting { offset: 5, since: at(1_000) });
        let status = knowledge.status(&open, at(4_000));
        assert_eq!((status.lag, status.lag_seconds, status.blocked_since), (6, 3.0, Some(at(1_000))));
        assert!(!knowledge.is_newly_blocked(&open) && knowledge.is_newly_blocked(&standing(5, 7, 11)));
        // Aborted: the orders behind it are left, then nothing is.
        let order = Some(Left::Record(FirstRecord { offset: 6, millis: Some(2_000) }));
        assert_eq!(look(&mut knowledge, standing(5, 12, 12), order, 5_000), (Some((5, 12)), 6, 3.0));
        assert_eq!(knowledge.status(&standing(5, 12, 12), at(5_000)).blocked_since, None);
        assert_eq!(look(&mut knowledge, standing(11, 12, 12), Some(Left::Nothing), 6_000), (Some((11, 12)), 0, 0.0));
    }
}
