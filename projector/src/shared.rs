//! What the consumer's thread and the writers both know: which epoch of a partition is current, how far it was
//! committed, and the projector's health. It must never hold records.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use ledger_kafka::record::Epoch;
use tokio::sync::watch;

use crate::health::Health;

/// Nobody's epoch: the partition is not ours.
const NOT_OURS: Epoch = 0;

/// Shared by one projector's parts.
#[derive(Debug)]
pub struct Shared {
    epochs: Vec<AtomicU64>,
    next_epoch: AtomicU64,
    /// Positions committed since they were last taken.
    committed: Mutex<BTreeMap<i32, i64>>,
    /// The same for whoever waits for the next commit of a partition: the relays.
    commits: Vec<watch::Sender<i64>>,
    pub health: Health,
}

/// A writer lost a partition's position to somebody else: read it anew, seek there, and begin a new epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resync {
    pub partition: i32,
    pub epoch: Epoch,
}

impl Shared {
    pub fn new(partition_count: i32) -> Self {
        Self {
            epochs: (0..partition_count).map(|_| AtomicU64::new(NOT_OURS)).collect(),
            next_epoch: AtomicU64::new(NOT_OURS + 1),
            committed: Mutex::default(),
            commits: (0..partition_count).map(|_| watch::Sender::new(0)).collect(),
            health: Health::default(),
        }
    }

    fn epoch(&self, partition: i32) -> Option<&AtomicU64> {
        usize::try_from(partition).ok().and_then(|index| self.epochs.get(index))
    }

    /// Whether records of that epoch may still be folded.
    pub fn is_current(&self, partition: i32, epoch: Epoch) -> bool {
        epoch != NOT_OURS && self.epoch(partition).is_some_and(|current| current.load(Ordering::Acquire) == epoch)
    }

    /// Begins a new epoch of a partition.
    pub fn begin_epoch(&self, partition: i32) -> Epoch {
        let epoch = self.next_epoch.fetch_add(1, Ordering::AcqRel);
        if let Some(current) = self.epoch(partition) {
            current.store(epoch, Ordering::Release);
        }
        epoch
    }

    /// Ends the partition's epoch: what is queued of it is dropped.
    pub fn end_epoch(&self, partition: i32) {
        if let Some(current) = self.epoch(partition) {
            current.store(NOT_OURS, Ordering::Release);
        }
    }

    pub fn committed(&self, partition: i32, next_offset: i64) {
        self.committed.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, next_offset);
        if let Some(commits) = usize::try_from(partition).ok().and_then(|index| self.commits.get(index)) {
            commits.send_replace(next_offset);
        }
    }

    /// Changes with every commit of the partition; `None` for a partition that the log has not.
    pub fn commits(&self, partition: i32) -> Option<watch::Receiver<i64>> {
        usize::try_from(partition).ok().and_then(|index| self.commits.get(index)).map(watch::Sender::subscribe)
    }

    /// Positions committed since the last call.
    pub fn take_committed(&self) -> BTreeMap<i32, i64> {
        std::mem::take(&mut *self.committed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_epoch_is_current() {
        let shared = Shared::new(2);
        assert!(!shared.is_current(0, NOT_OURS));
        let first = shared.begin_epoch(0);
        let second = shared.begin_epoch(0);
        assert!(!shared.is_current(0, first));
        assert!(shared.is_current(0, second));
        assert!(!shared.is_current(1, second));
        shared.end_epoch(0);
        assert!(!shared.is_current(0, second));
        assert!(!shared.is_current(9, second));
    }

    #[test]
    fn committed_positions_are_taken_once() {
        let shared = Shared::new(2);
        shared.committed(1, 5);
        shared.committed(1, 7);
        assert_eq!(shared.take_committed(), BTreeMap::from([(1, 7)]));
        assert_eq!(shared.take_committed(), BTreeMap::new());
    }
}
