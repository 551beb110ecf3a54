//! Partitions that somebody else has, and does not fold: a program that reads the log in the projectors' own group, or a projector
//! that hangs. Every projector looks at all partitions, since whoever has these says nothing. It must never accuse anybody while this
//! projector cannot fold either, nor for what nobody can fold: an open transaction, or what an operator has paused. Read next: [`crate::monitor`].

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use crate::status::PartitionStatus;

/// How long records may wait before a position that does not move: longer than a hand-over, and than the session of a member that died.
const PATIENCE: Duration = Duration::from_secs(15);

/// A partition whose records nobody folds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unfolded {
    pub(crate) partition: i32,
    pub(crate) next_offset: i64,
    pub(crate) lag: i64,
    pub(crate) group: String,
}

impl fmt::Display for Unfolded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, next_offset, lag, group } = self;
        write!(
            f,
            "partition {partition} belongs to another member of the consumer group {group}, which does not fold it: {lag} records are left, \
             and its position has stood at {next_offset} for {} s or longer",
            PATIENCE.as_secs()
        )
    }
}

/// Partitions of others whose records wait, from one look to the next.
#[derive(Debug)]
pub(crate) struct Others {
    group: String,
    standing: BTreeMap<i32, Standing>,
}

#[derive(Debug)]
struct Standing {
    next_offset: i64,
    since: Instant,
    warned: bool,
}

impl Others {
    pub(crate) fn of_group(group: String) -> Self {
        Self { group, standing: BTreeMap::new() }
    }

    /// Takes in how partitions of others stand now; gives those that nobody folds. Logs each once, and its end.
    pub(crate) fn look<'a>(&mut self, others: impl Iterator<Item = &'a PartitionStatus>) -> Vec<Unfolded> {
        let mut found = Vec::new();
        let mut now = BTreeMap::new();
        for status in others.filter(|status| can_be_folded(status)) {
            let PartitionStatus { partition, next_offset, lag, .. } = *status;
            let before = self.standing.remove(&partition).filter(|before| before.next_offset == next_offset);
            let new = || Standing { next_offset, since: Instant::now(), warned: false };
            let mut standing = before.unwrap_or_else(new);
            if standing.since.elapsed() >= PATIENCE {
                let unfolded = Unfolded { partition, next_offset, lag, group: self.group.clone() };
                if !std::mem::replace(&mut standing.warned, true) {
                    tracing::warn!(
                        "{unfolded}. The likely cause is a program that reads the log under the projectors' group: \
                         `kafka-consumer-groups.sh --describe --group {} --members --verbose` names it; it needs a group of its own",
                        self.group
                    );
                }
                found.push(unfolded);
            }
            now.insert(partition, standing);
        }
        for (partition, _) in std::mem::replace(&mut self.standing, now).iter().filter(|(_, ended)| ended.warned) {
            tracing::info!(partition, "the partition is folded again");
        }
        found
    }

    /// Nothing is known of others now.
    pub(crate) fn forget(&mut self) {
        self.standing.clear();
    }
}

/// Whether a record is left before what an open transaction blocks, and no operator has paused the partition.
fn can_be_folded(status: &PartitionStatus) -> bool {
    status.paused.is_none() && status.lag > 0 && status.end_offset - status.lag < status.stable_offset
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use ledger_store::Pause;

    use super::*;

    fn status(partition: i32, next_offset: i64, lag: i64) -> PartitionStatus {
        PartitionStatus {
            partition,
            next_offset,
            stable_offset: next_offset + lag,
            end_offset: next_offset + lag,
            lag,
            lag_seconds: 1.0,
            blocked_since: None,
            paused: None,
        }
    }

    fn partitions(found: &[Unfolded]) -> Vec<i32> {
        found.iter().map(|unfolded| unfolded.partition).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_partition_that_nobody_folds_is_found_and_one_that_lags_is_not() {
        let mut others = Others::of_group("g".to_owned());
        let blocked = PartitionStatus { stable_offset: 4, blocked_since: Some(Utc::now()), ..status(4, 4, 3) };
        let look = |others: &mut Others, all: &[PartitionStatus]| others.look(all.iter());
        let first = [status(1, 5, 2), status(2, 5, 2), status(3, 5, 0), blocked.clone()];
        assert_eq!(look(&mut others, &first), []);
        tokio::time::advance(PATIENCE).await;
        // Partition 2 moves, and has as much left as before; partition 3 got its first records just now.
        let then = [status(1, 5, 9), status(2, 50, 2), status(3, 5, 1), blocked.clone()];
        let found = look(&mut others, &then);
        assert_eq!(partitions(&found), [1]);
        let said = found[0].to_string();
        assert!(said.starts_with("partition 1 belongs to another member of the consumer group g"), "{said}");
        assert!(said.contains("9 records are left") && said.contains("stood at 5 for 15 s"), "{said}");
        assert_eq!(look(&mut others, &[status(1, 14, 0)]), []);
        // What an open transaction leaves to be folded is folded.
        let before_it = PartitionStatus { stable_offset: 6, blocked_since: Some(Utc::now()), ..status(4, 4, 5) };
        assert_eq!(look(&mut others, std::slice::from_ref(&before_it)), []);
        tokio::time::advance(PATIENCE).await;
        assert_eq!(partitions(&look(&mut others, std::slice::from_ref(&before_it))), [4]);
        others.forget();
        assert_eq!(look(&mut others, &[before_it]), [], "from the beginning");
        let pause = Pause { since: Utc::now(), by: "ann".to_owned(), reason: None };
        let paused = PartitionStatus { paused: Some(pause), ..status(5, 4, 4) };
        for _ in 0..2 {
            assert_eq!(look(&mut others, std::slice::from_ref(&paused)), [], "nobody may fold it");
            tokio::time::advance(PATIENCE).await;
        }
    }
}
