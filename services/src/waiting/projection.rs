//! How far the projection is, found out by one poller over `positions`, shared by all who ask, which rests while nobody
//! does.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ledger_schema::Position;
use metrics::Counter;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use crate::reader::Reader;

/// Between two looks at `positions`, while somebody asks. Short beside a commit of the projector (some ms), long
/// beside the query (some tenths of one).
const POLL_INTERVAL: Duration = Duration::from_millis(3);
/// After a look that failed.
const POLL_INTERVAL_AFTER_ERROR: Duration = Duration::from_millis(200);
/// Nothing is known of a partition: as if nothing were folded.
const UNKNOWN: i64 = 0;

#[derive(Debug)]
pub(super) struct Projection {
    /// Next offset by partition, fresh while somebody asks. One channel each, so that only those wake whose partition moved.
    next_offsets: Vec<watch::Sender<i64>>,
    askers: AtomicUsize,
    somebody_asks: Notify,
    polls: Counter,
}

/// Counts its holder as one who asks.
struct Asker<'a>(&'a Projection);

impl Drop for Asker<'_> {
    fn drop(&mut self) {
        self.0.askers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Projection {
    pub(super) fn new(partition_count: i32, polls: Counter) -> Self {
        Self {
            next_offsets: (0..partition_count).map(|_| watch::Sender::new(UNKNOWN)).collect(),
            askers: AtomicUsize::new(0),
            somebody_asks: Notify::new(),
            polls,
        }
    }

    fn sender(&self, partition: i32) -> Option<&watch::Sender<i64>> {
        usize::try_from(partition).ok().and_then(|partition| self.next_offsets.get(partition))
    }

    /// Waits until the record at `position` is folded; for ever when there is no such partition.
    pub(super) async fn passes(&self, position: Position) {
        self.askers.fetch_add(1, Ordering::Relaxed);
        let _asker = Asker(self);
        self.somebody_asks.notify_one();
        if let Some(sender) = self.sender(position.partition)
            && sender.subscribe().wait_for(|next_offset| *next_offset > position.offset).await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }

    /// Polls while somebody asks, for ever.
    pub(super) async fn poll(&self, reader: &Reader) {
        loop {
            if self.askers.load(Ordering::Relaxed) == 0 {
                self.forget();
                self.somebody_asks.notified().await;
            }
            self.polls.increment(1);
            match reader.next_offsets().await {
                Ok(next_offsets) => {
                    self.publish(&next_offsets);
                    sleep(POLL_INTERVAL).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "the projection's positions cannot be read");
                    sleep(POLL_INTERVAL_AFTER_ERROR).await;
                }
            }
        }
    }

    fn publish(&self, next_offsets: &[(i32, i64)]) {
        for (partition, next_offset) in next_offsets {
            if let Some(sender) = self.sender(*partition) {
                sender.send_if_modified(|known| std::mem::replace(known, *next_offset) != *next_offset);
            }
        }
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
        assert_eq!(projection.askers.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn who_asks_wakes_when_its_partition_moves() {
        let projection = Arc::new(projection());
        let asking = tokio::spawn({
            let projection = projection.clone();
            async move { projection.passes(Position { partition: 0, offset: 3 }).await }
        });
        projection.somebody_asks.notified().await;
        projection.publish(&[(0, 4)]);
        asking.await.expect("no panic");
    }
}
