//! What a writer finds out before a batch is tried again: which ids are stored, whether a COMMIT without an answer stands, whether its
//! positions were moved, or an operator stepped in, when the database answers once more. It must never take anything for committed that a
//! position does not say.

use std::collections::BTreeMap;
use std::time::Duration;

use ledger_database::Backoff;
use ledger_fold::BatchEffects;
use ledger_fold::commit::{CommitOutcome, after_unknown_commit};
use ledger_kafka::record::Epoch;
use ledger_schema::ParkReason;
use ledger_store::{Ids, Loaded, PartitionBatch, Standing, Store, StoreError};
use tokio::time::Instant;

use super::pending::{Pending, ids_of};
use super::{Flow, GO_ON, STOPPED, Slot, Writer, WriterError};
use crate::health::Waiting;
use crate::meters;

/// Between attempts while the database is away: soon at first, and never so long that its return is noticed late.
pub(super) fn backoff() -> Backoff {
    Backoff::new(Duration::from_millis(20), Duration::from_secs(2))
}

/// Why what is held of a partition is not what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// Somebody else moved the position, or other tables are live.
    Moved,
    /// An operator paused the partition, or resumed it, and nothing else happened.
    PausedOrResumed,
    /// Nothing differs, and the compare-and-set missed: an operator had a record skipped that was not known when the state was loaded, or
    /// had the partition paused for a moment.
    Unseen,
}

impl Loss {
    /// `None`: nothing differs.
    fn between(held: Standing, stored: Option<Standing>) -> Option<Self> {
        match stored {
            Some(stored) if stored == held => None,
            Some(stored) if Standing { is_paused: held.is_paused, ..stored } == held => Some(Self::PausedOrResumed),
            _ => Some(Self::Moved),
        }
    }
}

impl<S: Store> Writer<S> {
    /// Compares what is held with what is stored. A position that was moved is a compare-and-set that would miss.
    pub(super) async fn compare_positions(&mut self) -> Flow {
        self.compared = Instant::now();
        self.drop_ended();
        if self.slots.is_empty() {
            return Ok(GO_ON);
        }
        for (partition, slot) in &self.slots {
            meters::stands(*partition, slot.standing.next_offset, slot.state.product_count(), slot.open);
        }
        match self.stored_positions().await {
            Ok(stored) => {
                self.database_answered();
                self.lose_moved(&stored);
                Ok(GO_ON)
            }
            // Once: records that came meanwhile must not wait for this look, and there is a next one.
            Err(error) => self.wait_after(error, &mut backoff()).await,
        }
    }

    fn lose_moved(&mut self, stored: &BTreeMap<i32, Standing>) {
        let lost = |(partition, slot): (&i32, &Slot)| {
            Some((*partition, Loss::between(slot.standing, stored.get(partition).copied())?))
        };
        let lost: Vec<(i32, Loss)> = self.slots.iter().filter_map(lost).collect();
        self.lose_all(&lost);
    }

    /// The compare-and-set of these partitions missed: what is stored now says why. Whatever it says, they are loaded anew.
    pub(super) async fn after_miss(&mut self, missed: &[i32]) -> Flow {
        let Some(stored) = self.awaited_positions().await? else { return Ok(STOPPED) };
        let why = |partition: &i32| {
            let held = self.slots.get(partition)?.standing;
            Some((*partition, Loss::between(held, stored.get(partition).copied()).unwrap_or(Loss::Unseen)))
        };
        let lost: Vec<(i32, Loss)> = missed.iter().filter_map(why).collect();
        self.lose_all(&lost);
        Ok(GO_ON)
    }

    pub(super) async fn loaded(&mut self, partition: i32) -> Result<Loaded, StoreError> {
        let _asking = self.parts.shared.asks(&self.parts.name);
        self.parts.store.load(partition).await
    }

    async fn stored_positions(&mut self) -> Result<BTreeMap<i32, Standing>, StoreError> {
        let _asking = self.parts.shared.asks(&self.parts.name);
        self.parts.store.positions().await
    }

    /// The stored positions, however long it takes to hear them; `None` when the projector stops.
    async fn awaited_positions(&mut self) -> Result<Option<BTreeMap<i32, Standing>>, WriterError> {
        let mut backoff = backoff();
        loop {
            match self.stored_positions().await {
                Ok(stored) => return Ok(Some(stored)),
                Err(error) => {
                    if self.wait_after(error, &mut backoff).await?.is_break() {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// To be asked after every look-up. Rows of tables that were swapped in, or that another projector folded on, since the state was
    /// loaded do not go with it: both together are no state that ever was, and a fold over it may come to what is impossible (an order
    /// that is given back before it was taken). A position never comes back to where it was, so a single look afterwards tells.
    async fn lose_what_moved_meanwhile(&mut self) -> Flow {
        let Some(stored) = self.awaited_positions().await? else { return Ok(STOPPED) };
        self.lose_moved(&stored);
        Ok(GO_ON)
    }

    pub(super) async fn after_known_id(
        &mut self,
        pending: &mut BTreeMap<i32, Pending>,
        effects: &[BatchEffects],
    ) -> Flow {
        meters::ids_known();
        let known = |effects: &&BatchEffects| pending.get(&effects.partition).is_some_and(|pending| pending.looked_up);
        if let (Some(BatchEffects { partition, from_offset, .. }), true) =
            (effects.first(), effects.iter().all(|effects| known(&effects)))
        {
            let (partition, from_offset) = (*partition, *from_offset);
            return Err(StoreError::IdsNotFound { partition, from_offset }.into());
        }
        self.look_up_ids(pending).await
    }

    /// Asks what is stored under every id of the batch.
    pub(super) async fn look_up_ids(&mut self, pending: &mut BTreeMap<i32, Pending>) -> Flow {
        for (partition, pending) in pending.iter_mut().filter(|(_, pending)| !pending.looked_up) {
            let Some(slot) = self.slots.get(partition) else { continue };
            let ids = pending.ids(self.partition(*partition), &slot.state);
            if self.look_up(*partition, pending, ids).await?.is_break() {
                return Ok(STOPPED);
            }
            pending.looked_up = true;
        }
        self.lose_what_moved_meanwhile().await
    }

    /// Asks for what the batch refers to and the fold does not know. What this writer has just written it knows itself, of the very state
    /// that it folds over.
    pub(super) async fn look_up_wanted(
        &mut self,
        pending: &mut BTreeMap<i32, Pending>,
        wanted: Vec<(i32, Ids)>,
    ) -> Flow {
        let mut has_asked = false;
        for (partition, ids) in wanted {
            let (Some(pending), Some(slot)) = (pending.get_mut(&partition), self.slots.get(&partition)) else {
                continue;
            };
            let (known, unknown) = slot.recent.know(ids);
            pending.add(known);
            if unknown.is_empty() {
                continue;
            }
            has_asked = true;
            if self.look_up(partition, pending, unknown).await?.is_break() {
                return Ok(STOPPED);
            }
        }
        if has_asked { self.lose_what_moved_meanwhile().await } else { Ok(GO_ON) }
    }

    async fn look_up(&mut self, partition: i32, pending: &mut Pending, ids: Ids) -> Flow {
        let mut backoff = backoff();
        loop {
            let asking = self.parts.shared.asks(&self.parts.name);
            let prior = self.parts.store.prior(partition, &ids).await;
            drop(asking);
            match prior {
                Ok(prior) => {
                    pending.learn(prior, &ids);
                    return Ok(GO_ON);
                }
                Err(error) => {
                    if self.wait_after(error, &mut backoff).await?.is_break() {
                        return Ok(STOPPED);
                    }
                }
            }
        }
    }

    /// COMMIT gave no answer. Position and effects share one transaction, so the position alone tells.
    pub(super) async fn settle(
        &mut self,
        pending: &mut BTreeMap<i32, Pending>,
        effects: Vec<BatchEffects>,
        error: StoreError,
    ) -> Flow {
        meters::commit_unknown();
        tracing::info!(writer = self.parts.name, %error, "a commit gave no answer: the positions decide");
        let Some(stored) = self.awaited_positions().await? else { return Ok(STOPPED) };
        // No word yet that the database answers again: reading goes on where writing does not, and what is left is written next.
        for effects in effects {
            let (partition, from, to) = (effects.partition, effects.from_offset, effects.next_offset);
            // In another generation any offset is somebody else's: our state is not of those tables.
            let generation = self.slots.get(&partition).map(|slot| slot.standing.generation);
            let stored = stored.get(&partition).filter(|stored| Some(stored.generation) == generation);
            match stored.map(|stored| after_unknown_commit(from, to, stored.next_offset)) {
                Some(CommitOutcome::Done) => {
                    committed(pending, &effects);
                    self.advance_all(&[effects]);
                }
                Some(CommitOutcome::NotDone) => {}
                Some(CommitOutcome::Superseded) | None => self.lose_all(&[(partition, Loss::Moved)]),
            }
        }
        Ok(GO_ON)
    }

    /// As [`Self::wait_for`], for all that is ours.
    pub(super) async fn wait_after(&mut self, error: StoreError, backoff: &mut Backoff) -> Flow {
        let ours = self.slots.iter().map(|(partition, slot)| (*partition, slot.epoch)).collect();
        self.wait_for(error, backoff, ours).await
    }

    /// Waits before the next attempt, longer each time; or gives the error back when another attempt would not help. The
    /// projector is not ready for as long as one of `epochs` is current.
    pub(super) async fn wait_for(
        &mut self,
        error: StoreError,
        backoff: &mut Backoff,
        epochs: Vec<(i32, Epoch)>,
    ) -> Flow {
        if !error.is_retryable() {
            return Err(error.into());
        }
        meters::retried();
        let words = if error.is_unreachable() { "answer" } else { "take batches" };
        let reason = format!("the database does not {words}: {error}");
        if self.parts.shared.waits_for_database(&self.parts.name, Waiting::For(epochs), reason) {
            tracing::warn!(writer = self.parts.name, %error, "the database does not {words}: trying again");
        }
        // A timer against a token, never against the database.
        tokio::select! {
            biased;
            () = self.parts.stop.cancelled() => Ok(STOPPED),
            () = tokio::time::sleep(backoff.next_wait()) => Ok(GO_ON),
        }
    }

    pub(super) fn database_answered(&self) {
        if self.parts.shared.database_answered(&self.parts.name) {
            tracing::info!(writer = self.parts.name, "the database takes batches again");
        }
    }
}

/// Whether ids must be looked up before the batch is written: a duplicate stands before a stock overflow in the rules, and
/// a parked record inserts no id that a unique key could object to.
pub(super) fn needs_prior(batch: &[PartitionBatch<'_>], pending: &BTreeMap<i32, Pending>) -> bool {
    batch.iter().any(|PartitionBatch { effects, .. }| {
        pending.get(&effects.partition).is_some_and(|pending| !pending.looked_up)
            && effects.parked.iter().any(|parked| parked.reason == ParkReason::StockOverflow)
    })
}

/// What has to be looked up before the batch means anything, by partition.
pub(super) fn wanted_of(batch: &[PartitionBatch<'_>]) -> Vec<(i32, Ids)> {
    let wants = batch.iter().filter(|one| !one.effects.wanted.is_empty());
    wants.map(|one| (one.effects.partition, ids_of(&one.effects.wanted))).collect()
}

/// Partitions of whose records fewer are to be tried, and how many.
pub(super) fn fewer_of(batch: &[PartitionBatch<'_>], pending: &BTreeMap<i32, Pending>) -> Vec<(i32, usize)> {
    let fewer = |one: &PartitionBatch<'_>| {
        let partition = one.effects.partition;
        Some((partition, pending.get(&partition)?.fewer(&one.effects)?))
    };
    batch.iter().filter_map(fewer).collect()
}

/// The batch stands: what it was folded from is done with.
pub(super) fn committed(pending: &mut BTreeMap<i32, Pending>, effects: &BatchEffects) {
    let left = pending.get_mut(&effects.partition).is_some_and(|pending| pending.committed(effects.next_offset));
    if !left {
        pending.remove(&effects.partition);
    }
}
