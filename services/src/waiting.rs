//! Waits until the projection has passed a position. Whoever needs a decision asks here and does not know how it is
//! found out; today by one poller over `positions`, shared by all who wait, which rests while nobody does.
//!
//! Never unbounded: beyond [`Waits::new`]'s number of waiters, or when the service stops, the time is over at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ledger_schema::Position;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::reader::Reader;

/// Between two looks at `positions`, while somebody waits. Short beside a commit of the projector (some ms), long
/// beside the query (some tenths of one).
const POLL_INTERVAL: Duration = Duration::from_millis(3);
/// After a look that failed.
const POLL_INTERVAL_AFTER_ERROR: Duration = Duration::from_millis(200);
/// Nothing is known of a partition: as if nothing were folded.
const UNKNOWN: i64 = 0;

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// The record at the position is folded, and what it did can be read.
    Folded,
    TimeOver,
}

/// The waiting room.
#[derive(Debug)]
pub(crate) struct Waits {
    /// Next offset by partition, fresh while somebody waits. One channel each, so that only those wake whose partition moved.
    next_offsets: Vec<watch::Sender<i64>>,
    waiters: AtomicUsize,
    max_waiters: usize,
    somebody_waits: Notify,
    stop: CancellationToken,
    metrics: Arc<Metrics>,
}

/// Counts its holder as a waiter.
struct Seat<'a>(&'a Waits);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.waiters.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.waiters.decrement(1);
    }
}

impl Waits {
    pub(crate) fn new(
        partition_count: i32,
        max_waiters: usize,
        stop: CancellationToken,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            next_offsets: (0..partition_count).map(|_| watch::Sender::new(UNKNOWN)).collect(),
            waiters: AtomicUsize::new(0),
            max_waiters,
            somebody_waits: Notify::new(),
            stop,
            metrics,
        }
    }

    /// Waits until the record at `position` is folded, at most until `deadline`.
    pub(crate) async fn until_folded(&self, position: Position, deadline: Instant) -> Waited {
        let sender = usize::try_from(position.partition).ok().and_then(|partition| self.next_offsets.get(partition));
        let (Some(sender), Some(_seat)) = (sender, self.take_seat()) else { return Waited::TimeOver };
        let mut next_offset = sender.subscribe();
        let folded = next_offset.wait_for(|next_offset| *next_offset > position.offset);
        match self.stop.run_until_cancelled(timeout_at(deadline, folded)).await {
            Some(Ok(Ok(_))) => Waited::Folded,
            _ => Waited::TimeOver,
        }
    }

    fn take_seat(&self) -> Option<Seat<'_>> {
        if self.waiters.fetch_add(1, Ordering::Relaxed) >= self.max_waiters {
            self.waiters.fetch_sub(1, Ordering::Relaxed);
            self.metrics.turned_away_waiters.increment(1);
            return None;
        }
        self.metrics.waiters.increment(1);
        self.somebody_waits.notify_one();
        Some(Seat(self))
    }

    /// Polls while somebody waits, until the service stops.
    pub(crate) async fn poll(&self, reader: &Reader) {
        let polling = async {
            loop {
                if self.waiters.load(Ordering::Relaxed) == 0 {
                    self.forget();
                    self.somebody_waits.notified().await;
                }
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
        };
        self.stop.run_until_cancelled(polling).await;
    }

    fn publish(&self, next_offsets: &[(i32, i64)]) {
        for (partition, next_offset) in next_offsets {
            if let Some(sender) =
                usize::try_from(*partition).ok().and_then(|partition| self.next_offsets.get(partition))
            {
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

    fn waits(max_waiters: usize) -> Waits {
        Waits::new(2, max_waiters, CancellationToken::new(), Arc::new(Metrics::new()))
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(20)
    }

    fn at(partition: i32, offset: i64) -> Position {
        Position { partition, offset }
    }

    #[tokio::test]
    async fn next_offset_is_exclusive() {
        let waits = waits(8);
        waits.publish(&[(1, 7), (9, 1)]);
        assert_eq!(waits.until_folded(at(1, 6), soon()).await, Waited::Folded);
        assert_eq!(waits.until_folded(at(1, 7), soon()).await, Waited::TimeOver);
        assert_eq!(waits.until_folded(at(0, 0), soon()).await, Waited::TimeOver);
        assert_eq!(waits.until_folded(at(9, 0), soon()).await, Waited::TimeOver, "no such partition");
        waits.forget();
        assert_eq!(waits.until_folded(at(1, 6), soon()).await, Waited::TimeOver);
        assert_eq!(waits.waiters.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_full_room_and_a_stop_end_the_wait_at_once() {
        let far = Instant::now() + Duration::from_secs(3_600);
        assert_eq!(waits(0).until_folded(at(0, 0), far).await, Waited::TimeOver);
        let waits = waits(1);
        waits.stop.cancel();
        assert_eq!(waits.until_folded(at(0, 0), far).await, Waited::TimeOver);
    }

    #[tokio::test]
    async fn a_waiter_wakes_when_its_partition_moves() {
        let waits = Arc::new(waits(8));
        let far = Instant::now() + Duration::from_secs(3_600);
        let waiting = tokio::spawn({
            let waits = waits.clone();
            async move { waits.until_folded(at(0, 3), far).await }
        });
        waits.somebody_waits.notified().await;
        waits.publish(&[(0, 4)]);
        assert_eq!(waiting.await.expect("no panic"), Waited::Folded);
    }
}
