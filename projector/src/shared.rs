//! What the consumer's thread and the writers both know: which epoch of a partition is current, which was loaded, how far
//! it was committed, and the projector's health. Whether it is ready follows from the epochs, so nobody who is late can make it
//! untrue. It must never hold records.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use ledger_fold::BatchEffects;
use ledger_kafka::record::Epoch;
use ledger_store::{GenerationKey, OpenCounts};
use tokio::sync::watch;

use crate::health::{Asking, Health, Readiness, Waiting};
use crate::tellings::Tellings;

/// Nobody's epoch: the partition is not ours.
const NOT_OURS: Epoch = 0;

/// Of one partition.
#[derive(Debug, Default)]
struct Epochs {
    current: AtomicU64,
    /// The one that its writer has loaded. Of an older one it says nothing.
    loaded: AtomicU64,
    /// Its last committed position, for whoever waits for the next: the relay.
    commits: watch::Sender<i64>,
    /// Its last committed position before which something is to be told to other partitions, and what.
    tells: watch::Sender<i64>,
    tellings: Tellings,
    /// Orders that are open, as of what is loaded and committed.
    open: Mutex<OpenCounts>,
    /// An operator has paused it, as of what is loaded.
    is_held: AtomicBool,
}

/// Shared by one projector's parts.
#[derive(Debug)]
pub struct Shared {
    epochs: Vec<Epochs>,
    next_epoch: AtomicU64,
    /// Positions committed since they were last taken.
    committed: Mutex<BTreeMap<i32, i64>>,
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
            epochs: (0..partition_count).map(|_| Epochs::default()).collect(),
            next_epoch: AtomicU64::new(NOT_OURS + 1),
            committed: Mutex::default(),
            health: Health::default(),
        }
    }

    /// The partition count is frozen and checked before every assignment (INV-9), so a partition that is not among them would be
    /// one whose records nobody folds.
    #[expect(clippy::expect_used, reason = "a partition that the checked log has not stops the process by its name")]
    fn epochs(&self, partition: i32) -> &Epochs {
        let found = usize::try_from(partition).ok().and_then(|index| self.epochs.get(index));
        found.expect("a partition of the log whose partition count was checked (INV-9)")
    }

    /// Whether records of that epoch may still be folded.
    pub fn is_current(&self, partition: i32, epoch: Epoch) -> bool {
        epoch != NOT_OURS && self.epochs(partition).current.load(Ordering::Acquire) == epoch
    }

    /// Begins a new epoch of a partition. Until its writer has loaded it, the projector is not ready.
    pub fn begin_epoch(&self, partition: i32) -> Epoch {
        let epoch = self.next_epoch.fetch_add(1, Ordering::AcqRel);
        self.epochs(partition).current.store(epoch, Ordering::Release);
        epoch
    }

    /// The partition is not ours any more: what is queued of it is dropped.
    pub fn end_epoch(&self, partition: i32) {
        self.epochs(partition).current.store(NOT_OURS, Ordering::Release);
    }

    /// A writer has loaded the partition for that epoch.
    pub fn loaded(&self, partition: i32, epoch: Epoch) {
        self.epochs(partition).loaded.store(epoch, Ordering::Release);
    }

    /// A writer has lost what it had loaded for that epoch. Where another one has begun, that changes nothing.
    pub fn lost(&self, partition: i32, epoch: Epoch) {
        let loaded = &self.epochs(partition).loaded;
        // A failed exchange: it was not loaded in that epoch.
        let _ = loaded.compare_exchange(epoch, NOT_OURS, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Whether the partition is ours, loaded or not.
    pub fn owns(&self, partition: i32) -> bool {
        self.epochs(partition).current.load(Ordering::Acquire) != NOT_OURS
    }

    /// Partitions that are ours, and not loaded in their current epoch.
    fn loading(&self) -> Vec<i32> {
        let is_loading = |epochs: &Epochs| {
            let current = epochs.current.load(Ordering::Acquire);
            current != NOT_OURS && epochs.loaded.load(Ordering::Acquire) != current
        };
        (0..).zip(&self.epochs).filter(|(_, epochs)| is_loading(epochs)).map(|(partition, _)| partition).collect()
    }

    /// What `/readyz` answers: the group gave us our share, all of it is loaded, and nothing of it waits for the database.
    pub fn readiness(&self) -> Readiness {
        self.health.readiness(&self.loading(), |partition, epoch| self.is_current(partition, epoch))
    }

    /// A part waits for the database; true when none did before, so that an outage gets one warning.
    pub fn waits_for_database(&self, part: &str, waiting: Waiting, reason: String) -> bool {
        self.health.waits_for_database(part, waiting, reason, |partition, epoch| self.is_current(partition, epoch))
    }

    /// The database answered a part; true when it had waited, and none waits any more.
    pub fn database_answered(&self, part: &str) -> bool {
        self.health.database_answered(part, |partition, epoch| self.is_current(partition, epoch))
    }

    /// A part asks the database something; while the answer does not come, the projector is not ready.
    pub fn asks<'a>(&'a self, part: &'a str) -> Asking<'a> {
        self.health.asks(part)
    }

    /// Whether the partition is ours, and loaded in its current epoch.
    pub fn has_loaded(&self, partition: i32) -> bool {
        let epochs = self.epochs(partition);
        let current = epochs.current.load(Ordering::Acquire);
        current != NOT_OURS && epochs.loaded.load(Ordering::Acquire) == current
    }

    /// How many orders of a partition that is loaded are open.
    pub fn open_orders(&self, partition: i32) -> OpenCounts {
        *self.epochs(partition).open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A writer has loaded the partition, or committed a batch of it.
    pub fn has_open_orders(&self, partition: i32, counts: OpenCounts) {
        *self.epochs(partition).open.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }

    /// A writer has loaded the partition, which an operator has paused, or not.
    pub fn hold(&self, partition: i32, is_held: bool) {
        self.epochs(partition).is_held.store(is_held, Ordering::Release);
    }

    /// Whether an operator has paused a partition that is loaded.
    pub fn holds(&self, partition: i32) -> bool {
        self.epochs(partition).is_held.load(Ordering::Acquire)
    }

    /// A batch was committed: what it has other partitions told, for the relay, which is woken where there is something.
    pub(crate) fn has_told(&self, effects: &BatchEffects, generation: GenerationKey) {
        let epochs = self.epochs(effects.partition);
        epochs.tellings.add(effects, generation);
        if !effects.told.is_empty() {
            epochs.tells.send_replace(effects.next_offset);
        }
    }

    /// What committed batches have other partitions told.
    pub(crate) fn tellings(&self, partition: i32) -> &Tellings {
        &self.epochs(partition).tellings
    }

    /// Changes with every commit that has other partitions told something.
    pub fn tells(&self, partition: i32) -> watch::Receiver<i64> {
        self.epochs(partition).tells.subscribe()
    }

    pub fn committed(&self, partition: i32, next_offset: i64) {
        self.committed.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, next_offset);
        self.epochs(partition).commits.send_replace(next_offset);
    }

    /// Changes with every commit of the partition.
    pub fn commits(&self, partition: i32) -> watch::Receiver<i64> {
        self.epochs(partition).commits.subscribe()
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
    }

    #[test]
    fn ready_means_loaded_in_the_current_epoch() {
        let shared = Shared::new(2);
        shared.health.joined();
        assert!(shared.readiness().ready, "without partitions");
        let first = shared.begin_epoch(1);
        assert_eq!(shared.readiness().reasons, ["partitions [1] are being loaded"]);
        shared.loaded(1, first);
        assert!(shared.readiness().ready);
        let second = shared.begin_epoch(1);
        assert!(!shared.readiness().ready);
        shared.loaded(1, second);
        shared.lost(1, first);
        assert!(shared.readiness().ready, "whoever is late with the first epoch changes nothing");
        shared.lost(1, second);
        assert!(!shared.readiness().ready);
        shared.end_epoch(1);
        assert!(shared.readiness().ready && !shared.owns(1), "it is not ours any more");
        assert!(!shared.has_loaded(1));
        let third = shared.begin_epoch(1);
        assert!(!shared.has_loaded(1));
        shared.loaded(1, third);
        assert!(shared.has_loaded(1) && !shared.has_loaded(0));
    }

    #[test]
    fn a_wait_counts_while_its_epoch_is_current() {
        let shared = Shared::new(2);
        shared.health.joined();
        let epoch = shared.begin_epoch(0);
        shared.loaded(0, epoch);
        shared.waits_for_database("writer-0", Waiting::For(vec![(0, epoch)]), "the database is away".to_owned());
        assert_eq!(shared.readiness().reasons, ["the database is away"]);
        shared.end_epoch(0);
        assert!(shared.readiness().ready);
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
