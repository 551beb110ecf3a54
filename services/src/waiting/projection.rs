//! How far the projection is, found out by one poller over `positions` that all waits share, and which rests while there are
//! none. What it finds only says when to read again: rows are read with the positions of their own snapshot (`crate::reads`).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ledger_database::Backoff;
use ledger_schema::Position;
use metrics::Counter;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use crate::reader::Reader;

/// Between two looks at `positions`, while somebody waits. Short beside a commit of the projector (some ms), long beside the
/// query (some tenths of one).
const SHORTEST_PAUSE: Duration = Duration::from_millis(3);
/// While no position moves and no new wait begins, looks become rarer up to this.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// After looks that failed.
const SHORTEST_PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);
const LONGEST_PAUSE_AFTER_ERROR: Duration = Duration::from_millis(1_000);
/// Nothing is known of a partition: as if nothing were folded.
const UNKNOWN: i64 = 0;

#[derive(Debug)]
pub(super) struct Projection {
    /// Next offset by partition, fresh while there are waits. One channel each, so that only those wake whose partition moved.
    next_offsets: Vec<watch::Sender<i64>>,
    waits: AtomicUsize,
    new_wait: Notify,
    polls: Counter,
}

/// Counts its holder as a wait.
struct Wait<'a>(&'a Projection);

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.0.waits.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Projection {
    pub(super) fn new(partition_count: i32, polls: Counter) -> Self {
        Self {
            next_offsets: (0..partition_count).map(|_| watch::Sender::new(UNKNOWN)).collect(),
            waits: AtomicUsize::new(0),
            new_wait: Notify::new(),
            polls,
        }
    }

    fn sender(&self, partition: i32) -> Option<&watch::Sender<i64>> {
        usize::try_from(partition).ok().and_then(|partition| self.next_offsets.get(partition))
    }

    /// Waits until the record at `position` is folded; for ever when there is no such partition (requests name only partitions of the topic).
    pub(super) async fn passes(&self, position: Position) {
        self.waits.fetch_add(1, Ordering::Relaxed);
        let _wait = Wait(self);
        self.new_wait.notify_one();
        if let Some(sender) = self.sender(position.partition)
            && sender.subscribe().wait_for(|next_offset| *next_offset > position.offset).await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }

    /// Polls while there are waits, for ever.
    pub(super) async fn poll(&self, reader: &Reader) {
        let mut pauses = Backoff::new(SHORTEST_PAUSE, LONGEST_PAUSE);
        let mut pauses_after_error = Backoff::new(SHORTEST_PAUSE_AFTER_ERROR, LONGEST_PAUSE_AFTER_ERROR);
        loop {
            if self.waits.load(Ordering::Relaxed) == 0 {
                self.forget();
                self.new_wait.notified().await;
                pauses.reset();
            }
            self.polls.increment(1);
            match reader.next_offsets().await {
                Ok(next_offsets) => {
                    pauses_after_error.reset();
                    if self.publish(&next_offsets) {
                        pauses.reset();
                    }
                    self.pause(&mut pauses).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "the projection's positions cannot be read");
                    sleep(pauses_after_error.next_wait()).await;
                }
            }
        }
    }

    /// Until the next look: a new wait shortens it, but never below the shortest pause.
    async fn pause(&self, pauses: &mut Backoff) {
        tokio::select! {
            () = sleep(pauses.next_wait()) => {}
            () = self.new_wait.notified() => {
                pauses.reset();
                sleep(pauses.next_wait()).await;
            }
        }
    }

    /// Whether any position moved.
    fn publish(&self, next_offsets: &[(i32, i64)]) -> bool {
        let mut has_moved = false;
        for (partition, next_offset) in next_offsets {
            if let Some(sender) = self.sender(*partition) {
                has_moved |= sender.send_if_modified(|known| std::mem::replace(known, *next_offset) != *next_offset);
            }
        }
        has_moved
    }

    /// What was seen before a rest may not hold after it: a rebuild that is swapped in sets positions back.
    fn forget(&self) {
        for sender in &self.next_offsets {
            sender.send_if_modified(|known| std::mem::replace(known, UNKNOWN) != UNKNOWN);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::time::timeout;

    fn projection() -> Projection {
        Projection::new(2, Counter::noop())
    }

    async fn is_passed(projection: &Projection, partition: i32, offset: i64) -> bool {
        timeout(Duration::from_millis(20), projection.passes(Position { partition, offset })).await.is_ok()
    }

    #[tokio::test]
    async fn next_offset_is_exclusive() {
        let projection = projection();
        projection.publish(&[(1, 7), (9, 1)]);
        assert!(is_passed(&projection, 1, 6).await);
        assert!(!is_passed(&projection, 1, 7).await);
        assert!(!is_passed(&projection, 0, 0).await);
        assert!(!is_passed(&projection, 9, 0).await, "no such partition");
        projection.forget();
        assert!(!is_passed(&projection, 1, 6).await);
        assert_eq!(projection.waits.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_wait_ends_when_its_partition_moves() {
        let projection = Arc::new(projection());
        let waiting = tokio::spawn({
            let projection = projection.clone();
            async move { projection.passes(Position { partition: 0, offset: 3 }).await }
        });
        projection.new_wait.notified().await;
        projection.publish(&[(0, 4)]);
        waiting.await.expect("no panic");
    }
}
