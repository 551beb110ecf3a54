//! A writer: takes records of its partitions, folds them, has them written in one transaction, and only then takes the
//! new state over. It must never touch a partition's state before the commit, and never fold a record of an epoch that
//! ended. Read next: `doubt.rs` (what is found out before a batch is tried again), `pending.rs` (a batch while it is tried), the store's `transaction.rs`.
//!
//! What can happen to a batch, and what follows (INV-1):
//! - committed: the state takes its effects over;
//! - a position was moved by somebody else: all is rolled back, that partition is read anew, the rest is folded again;
//! - an operator paused a partition: the same, and its slot then rests until it is resumed (INV-14); or had a record skipped: the same;
//! - it comes to more than a transaction takes: it is cut, and the rest is folded after it;
//! - it refers to orders or lines that stand before: they are looked up first (`recent.rs`, then the tables), and it is folded again
//!   knowing them;
//! - an id was there before: all is rolled back, the ids are looked up, all is folded again knowing them;
//! - COMMIT gave no answer: the positions are read, and tell;
//! - the database is away or refuses for now: the same again, for as long as it takes, or less of it (`allowance.rs`);
//! - anything else: the projector stops with the cause.
//!
//! A partition without orders sees no compare-and-set either, so the writer compares all its positions with the stored ones
//! every second: tables that were swapped, or restored, under it are noticed without waiting for the next order. It compares
//! the generation of the tables, too: others that stand at the very same offset are others all the same. By the same look it notices that
//! a partition was paused, or resumed: an operator waits a second, and an idle projector asks nothing more than it did.

mod allowance;
mod doubt;
mod parts;
mod pending;
mod recent;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use allowance::Allowance;
use doubt::{Loss, backoff, committed, fewer_of, needs_prior, wanted_of};
use ledger_fold::{BatchEffects, Partition, PartitionState};
use ledger_kafka::record::{Epoch, OwnedRecord};
use ledger_store::{Loaded, OpenCounts, PartitionBatch, Standing, Store, Written};
use pending::Pending;
use recent::Recent;
use tokio::time::Instant;
use tracing::Instrument;

use crate::intake::{Control, Taken};
use crate::meters;
use crate::shared::Resync;

pub use parts::{BatchSettings, WriterError, WriterParts};

/// How often a writer looks whether its positions are still where it left them.
const POSITION_CHECK: Duration = Duration::from_secs(1);

/// A partition that is ours.
#[derive(Debug)]
struct Slot {
    epoch: Epoch,
    /// What the state is of: the offset it was folded to, in the generation of tables that it was loaded from.
    standing: Standing,
    state: PartitionState,
    open: OpenCounts,
    /// Rows of the state's tables that need not be looked up.
    recent: Recent,
}

pub struct Writer<S> {
    parts: WriterParts<S>,
    slots: BTreeMap<i32, Slot>,
    /// When positions were last compared.
    compared: Instant,
    allowance: Allowance,
}

/// Goes on, or ends because the projector stops.
type Flow = Result<ControlFlow<()>, WriterError>;
const GO_ON: ControlFlow<()> = ControlFlow::Continue(());
const STOPPED: ControlFlow<()> = ControlFlow::Break(());

impl<S: Store> Writer<S> {
    pub fn new(parts: WriterParts<S>) -> Self {
        Self { parts, slots: BTreeMap::new(), compared: Instant::now(), allowance: Allowance::new() }
    }

    /// Runs until it is stopped.
    ///
    /// # Errors
    /// [`WriterError`] for what no retry would mend.
    pub async fn run(mut self) -> Result<(), WriterError> {
        let outcome = self.work().await;
        self.parts.intake.close();
        outcome
    }

    async fn work(&mut self) -> Result<(), WriterError> {
        loop {
            let BatchSettings { limits, linger } = self.parts.settings;
            if self.compared.elapsed() >= POSITION_CHECK && self.compare_positions().await?.is_break() {
                return Ok(());
            }
            let flow = match self.parts.intake.take(limits, linger, POSITION_CHECK).await {
                Taken::Records(records) => {
                    let span = tracing::debug_span!("batch", writer = self.parts.name, records = records.len());
                    self.fold_and_write(records).instrument(span).await?
                }
                Taken::Idle => GO_ON,
                Taken::Control(Control::Assigned { partition, epoch, start_offset, is_paused }) => {
                    self.take_over(partition, epoch, start_offset, is_paused).await?
                }
                Taken::Control(Control::Barrier(done)) => {
                    self.drop_ended();
                    // Nobody waits any more when the hand-over's time was over.
                    let _ = done.send(());
                    GO_ON
                }
                Taken::Control(Control::Stop) => STOPPED,
            };
            if flow.is_break() {
                return Ok(());
            }
        }
    }

    /// Loads a partition. Its records come from `start_offset` on, or not at all where it is paused; when the tables say otherwise by now,
    /// the consumer has to look once more.
    async fn take_over(&mut self, partition: i32, epoch: Epoch, start_offset: i64, is_paused: bool) -> Flow {
        let mut backoff = backoff();
        while self.parts.shared.is_current(partition, epoch) {
            match self.loaded(partition).await {
                Ok(loaded) => {
                    self.database_answered();
                    if (loaded.standing.next_offset, loaded.standing.is_paused) == (start_offset, is_paused) {
                        let Loaded { standing, state, open, .. } = loaded;
                        meters::stands(partition, start_offset, state.product_count(), open);
                        self.parts.shared.has_open_orders(partition, open);
                        self.parts.shared.hold(partition, is_paused);
                        self.slots.insert(partition, Slot { epoch, standing, state, open, recent: Recent::default() });
                        self.parts.shared.loaded(partition, epoch);
                    } else {
                        self.resync(partition, epoch);
                    }
                    return Ok(GO_ON);
                }
                Err(error) => {
                    if self.wait_for(error, &mut backoff, vec![(partition, epoch)]).await?.is_break() {
                        return Ok(STOPPED);
                    }
                }
            }
        }
        Ok(GO_ON)
    }

    /// Folds and writes records, however often it takes.
    async fn fold_and_write(&mut self, records: Vec<OwnedRecord>) -> Flow {
        let mut pending = self.sort_out(records);
        let mut backoff = backoff();
        loop {
            self.drop_ended();
            pending.retain(|partition, _| self.slots.contains_key(partition));
            let each = self.allowance.of_each(pending.len());
            pending.values_mut().for_each(|pending| pending.allow(each));
            let batch = self.fold(&pending);
            let fewer = fewer_of(&batch, &pending);
            if !fewer.is_empty() {
                drop(batch);
                for (partition, count) in fewer {
                    pending.entry(partition).or_default().take(count);
                }
                continue;
            }
            let wanted = wanted_of(&batch);
            if !wanted.is_empty() {
                drop(batch);
                if self.look_up_wanted(&mut pending, wanted).await?.is_break() {
                    return Ok(STOPPED);
                }
                continue;
            }
            if needs_prior(&batch, &pending) {
                drop(batch);
                if self.look_up_ids(&mut pending).await?.is_break() {
                    return Ok(STOPPED);
                }
                continue;
            }
            if batch.is_empty() {
                // Nothing is left to write: it was committed before the answer was lost, or is not ours any more.
                self.database_answered();
                return Ok(GO_ON);
            }
            let began = Instant::now();
            let asking = self.parts.shared.asks(&self.parts.name);
            let written = self.parts.store.write(&batch).await;
            drop(asking);
            let effects: Vec<BatchEffects> = batch.into_iter().map(|one| one.effects).collect();
            self.allowance.learn(&written, &effects, began.elapsed());
            let flow = match written {
                Ok(Written::Committed) => {
                    self.database_answered();
                    meters::batch(effects.iter().map(|effects| effects.record_count).sum(), began.elapsed());
                    self.advance_all(&effects);
                    effects.iter().for_each(|effects| committed(&mut pending, effects));
                    if pending.is_empty() {
                        return Ok(GO_ON);
                    }
                    backoff.reset();
                    GO_ON
                }
                Ok(Written::Missed(partitions)) => self.after_miss(&partitions).await?,
                Ok(Written::IdKnown) => self.after_known_id(&mut pending, &effects).await?,
                Ok(Written::CommitUnknown(error)) => self.settle(&mut pending, effects, error).await?,
                Err(error) => self.wait_after(error, &mut backoff).await?,
            };
            if flow.is_break() {
                return Ok(STOPPED);
            }
        }
    }

    /// Records by partition, without those of epochs that ended or of partitions that are being re-read.
    fn sort_out(&self, records: Vec<OwnedRecord>) -> BTreeMap<i32, Pending> {
        let mut pending: BTreeMap<i32, Pending> = BTreeMap::new();
        let mut stale = 0;
        for record in records {
            let slot = self.slots.get(&record.partition);
            let ours = slot.is_some_and(|slot| slot.epoch == record.epoch && !slot.standing.is_paused);
            if ours && self.parts.shared.is_current(record.partition, record.epoch) {
                pending.entry(record.partition).or_default().records.push(record);
            } else {
                stale += 1;
            }
        }
        meters::stale(stale);
        pending
    }

    /// Folds what is pending. Partitions without anything new are left out.
    fn fold<'a>(&self, pending: &'a BTreeMap<i32, Pending>) -> Vec<PartitionBatch<'a>> {
        let fold_one = |(partition, pending): (&i32, &'a Pending)| {
            let slot = self.slots.get(partition)?;
            let Standing { next_offset, generation, .. } = slot.standing;
            let effects = pending.fold(self.partition(*partition), &slot.state, next_offset);
            (!effects.is_empty()).then_some(PartitionBatch { generation, effects, records: pending.taken() })
        };
        pending.iter().filter_map(fold_one).collect()
    }

    fn partition(&self, number: i32) -> Partition {
        Partition { number, count: self.parts.partition_count }
    }

    /// The batch stands: only now the state takes it over.
    #[expect(clippy::expect_used, reason = "a committed batch without a slot: its state would be lost in silence")]
    fn advance_all(&mut self, effects: &[BatchEffects]) {
        for effects in effects {
            let slot = self.slots.get_mut(&effects.partition);
            let slot = slot.expect("a batch is folded over its slot, which only this writer removes, between batches");
            slot.state.apply(effects);
            slot.open.apply(&effects.open_orders);
            slot.recent.apply(effects);
            slot.standing.next_offset = effects.next_offset;
            // A request's span has the position that its record got: by it both sides can be joined.
            let (partition, from, to) = (effects.partition, effects.from_offset, effects.next_offset);
            tracing::debug!(partition, from, to, generation = slot.standing.generation.number, "committed");
            self.parts.shared.has_open_orders(partition, slot.open);
            self.parts.shared.has_told(effects, slot.standing.generation);
            self.parts.shared.committed(partition, to);
            meters::committed(effects, slot.state.product_count(), slot.open);
        }
    }

    /// What is held of these partitions is not what is stored. Normal: a hand-over, rebuilt tables, an operator.
    fn lose_all(&mut self, partitions: &[(i32, Loss)]) {
        meters::missed(partitions.iter().filter(|(_, loss)| *loss == Loss::Moved).count());
        for (partition, loss) in partitions {
            if let Some(slot) = self.slots.remove(partition) {
                let Standing { next_offset, generation, .. } = slot.standing;
                let generation = generation.number;
                match loss {
                    Loss::Moved => {
                        tracing::info!(partition, next_offset, generation, "the position was moved by somebody else");
                    }
                    // Whoever reads the position next says by whom and why.
                    Loss::PausedOrResumed => tracing::debug!(partition, next_offset, "paused, or resumed"),
                    Loss::Unseen => {
                        tracing::info!(
                            partition,
                            next_offset,
                            "an operator had a record skipped, or paused the partition for a moment"
                        );
                    }
                }
                self.resync(*partition, slot.epoch);
            }
        }
    }

    fn resync(&self, partition: i32, epoch: Epoch) {
        self.parts.shared.lost(partition, epoch);
        // The consumer's thread is gone only when the projector stops.
        let _ = self.parts.resyncs.send(Resync { partition, epoch });
    }

    /// Forgets partitions that were given away.
    fn drop_ended(&mut self) {
        let shared = &self.parts.shared;
        self.slots.retain(|partition, slot| {
            let current = shared.is_current(*partition, slot.epoch);
            if !current {
                meters::given_away(*partition);
            }
            current
        });
    }
}
