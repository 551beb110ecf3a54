//! Our share of the consumer group: partitions are assigned, re-read, paused, and given away. All of it runs on the
//! consumer's thread, in the client's callbacks and between its polls. Read next: `rebalance.rs` (how
//! they come and go), `client.rs` and `positions.rs`, what it
//! needs of Kafka and of MariaDB.
//!
//! Every time a partition's records begin anew (assignment, re-read), it gets a new epoch; records carry theirs, and the
//! writers drop those of older ones. So nothing that was queued before can be folded after.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ledger_kafka::record::{Epoch, OwnedRecord};
use ledger_store::positions::StoredPosition;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ConsumerError;
use super::errors::Patience;
use super::log_client::LogClient;
use super::positions::PositionSource;
use crate::intake::{Control, Intake};
use crate::meters;
use crate::relay::Relays;
use crate::shared::{Resync, Shared};

/// How long a full intake is waited for before its partition is paused. Short outages of the database pass unnoticed, and
/// the group is served again before anybody misses us.
const FULL_WAIT: Duration = Duration::from_millis(500);
/// Between attempts to read positions while a server is away.
pub(super) const RETRY_WAIT: Duration = Duration::from_millis(200);
/// The name under which this part waits for a server.
pub(super) const PART: &str = "consumer";
/// Between warnings about a cluster that is away: the client reports every attempt to reach it.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(30);
/// What a [`Group`] is made of.
pub struct GroupParts<P, R> {
    pub topic: String,
    pub positions: P,
    /// One per writer; partition p belongs to number p modulo their count.
    pub intakes: Vec<Arc<Intake>>,
    pub shared: Arc<Shared>,
    /// They publish what is decided in the partitions that are ours.
    pub relays: R,
    pub stop: CancellationToken,
}

pub struct Group<P, R> {
    pub(super) parts: GroupParts<P, R>,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// Assigned partitions; without an epoch while the position is being read anew.
    pub(super) assigned: BTreeMap<i32, Option<Epoch>>,
    /// Paused because their writer does not keep up.
    pub(super) paused: BTreeSet<i32>,
    /// Paused by an operator, so nothing of them is fetched (INV-14). They stay ours.
    pub(super) held: BTreeSet<i32>,
    /// What went wrong in a callback, which cannot return it.
    pub(super) failure: Option<ConsumerError>,
    resync_tried: Option<Instant>,
    /// Brokers said that they do not know the topic; when it was looked at last.
    pub(super) topic_in_doubt: Option<Instant>,
    pub(super) patience: Patience,
    complained: Option<Instant>,
}

impl<P: PositionSource, R: Relays> Group<P, R> {
    pub fn new(parts: GroupParts<P, R>) -> Self {
        Self { parts, state: Mutex::default() }
    }

    pub fn topic(&self) -> &str {
        &self.parts.topic
    }

    /// The epoch under which records of the partition are delivered; `None` when they are to be dropped.
    pub fn epoch_of(&self, partition: i32) -> Option<Epoch> {
        let state = self.state();
        let is_held = state.held.contains(&partition);
        state.assigned.get(&partition).copied().flatten().filter(|_| !is_held)
    }

    /// What is due between two polls and waits for nothing; gives the partitions whose positions are to be read anew, for
    /// [`Group::resync`].
    ///
    /// # Errors
    /// What went wrong in a callback, or the client's.
    pub fn between_polls(
        &self,
        client: &impl LogClient,
        resyncs: &Receiver<Resync>,
    ) -> Result<Vec<i32>, ConsumerError> {
        self.state().failure.take().map_or(Ok(()), Err)?;
        self.resume_caught_up(client)?;
        resyncs.try_iter().for_each(|resync| self.end_for_resync(resync));
        Ok(self.ended())
    }

    /// Gives a record to its writer when there is room.
    ///
    /// # Errors
    /// The record, for [`Group::deliver_late`].
    pub fn deliver(&self, record: OwnedRecord) -> Result<(), OwnedRecord> {
        self.intake_of(record.partition).try_push(record)
    }

    /// Gives a record to its writer, waiting for room. Where there is none for long, the record in hand still goes in, and its
    /// partition is paused. Only a partition that has just delivered is ever paused: the client resumes after the last
    /// record that it delivered, and loses its place when there is none.
    ///
    /// # Errors
    /// The client's.
    pub async fn deliver_late(&self, client: &impl LogClient, record: OwnedRecord) -> Result<(), ConsumerError> {
        let partition = record.partition;
        let intake = self.intake_of(partition);
        // A writer that has made us wait is not waited for again until it has caught up.
        let stalled = self.state().paused.iter().any(|paused| self.same_writer(*paused, partition));
        let wait = if stalled { Duration::ZERO } else { FULL_WAIT };
        if let Err(record) = intake.push_within(record, wait).await {
            intake.push_over(record);
            client.pause(partition)?;
            self.state().paused.insert(partition);
            meters::paused();
        }
        Ok(())
    }

    /// Resumes paused partitions whose writer has caught up.
    fn resume_caught_up(&self, client: &impl LogClient) -> Result<(), ConsumerError> {
        let mut state = self.state();
        if state.paused.is_empty() {
            return Ok(());
        }
        let caught_up = |partition: &i32| self.intake_of(*partition).is_half_empty();
        let ready: Vec<i32> = state.paused.iter().copied().filter(caught_up).collect();
        if ready.is_empty() {
            return Ok(());
        }
        state.paused.retain(|partition| !ready.contains(partition));
        drop(state);
        client.resume(&ready)
    }

    /// A writer lost this partition's position. Its records are dropped from here on, until the position was read anew.
    fn end_for_resync(&self, Resync { partition, epoch }: Resync) {
        let mut state = self.state();
        if let Some(current) = state.assigned.get_mut(&partition)
            && *current == Some(epoch)
        {
            *current = None;
            // Still ours, so not ready: an epoch under which nothing is delivered and nothing can be loaded.
            self.parts.shared.begin_epoch(partition);
        }
    }

    /// Partitions whose positions are to be read anew now.
    fn ended(&self) -> Vec<i32> {
        let mut state = self.state();
        let ended: Vec<i32> = state.assigned.iter().filter(|(_, epoch)| epoch.is_none()).map(|(p, _)| *p).collect();
        if ended.is_empty() || state.resync_tried.is_some_and(|tried| tried.elapsed() < RETRY_WAIT) {
            return Vec::new();
        }
        state.resync_tried = Some(Instant::now());
        ended
    }

    /// Reads positions anew that were lost, and seeks there. What cannot be done yet is tried again after the next poll.
    ///
    /// # Errors
    /// What is wrong with the log or the positions.
    pub async fn resync(&self, client: &impl LogClient, ended: &[i32]) -> Result<(), ConsumerError> {
        match self.parts.positions.read(ended).await {
            Ok(stored) => {
                self.kafka_answers();
                for position in &stored {
                    self.seek(client, position).await;
                }
            }
            Err(error) if self.waits_for(&error) => tracing::debug!(%error, "the positions cannot be read yet"),
            Err(error) => return Err(error.into()),
        }
        let mut state = self.state();
        if state.assigned.values().all(Option::is_some) {
            state.resync_tried = None;
        }
        Ok(())
    }

    async fn seek(&self, client: &impl LogClient, position: &StoredPosition) {
        let StoredPosition { partition, next_offset, .. } = *position;
        let sought = client.seek(partition, next_offset).await;
        // Held only after the seek, and let go only after it: the client resumes where it was sent last.
        match sought.and_then(|()| self.hold_or_let_go(client, position)) {
            Ok(()) => self.begin(position),
            Err(error) => tracing::debug!(partition, next_offset, %error, "cannot seek yet"),
        }
    }

    /// Has the client fetch nothing of a partition that an operator has paused, and go on with one that was resumed. What the client
    /// still delivers of it is dropped.
    pub(super) fn hold_or_let_go(
        &self,
        client: &impl LogClient,
        position: &StoredPosition,
    ) -> Result<(), ConsumerError> {
        let partition = position.partition;
        match &position.paused {
            Some(pause) => {
                client.pause(partition)?;
                let mut state = self.state();
                // Whether its writer keeps up says nothing any more.
                state.paused.remove(&partition);
                if state.held.insert(partition) {
                    tracing::warn!(
                        partition,
                        next_offset = position.next_offset,
                        "the partition is {pause}; nothing of it is folded until `ledger resume {partition}`"
                    );
                }
            }
            None if self.state().held.contains(&partition) => {
                client.resume(&[partition])?;
                self.state().held.remove(&partition);
                tracing::info!(partition, next_offset = position.next_offset, "the partition is resumed");
            }
            None => {}
        }
        Ok(())
    }

    /// Publishes how far positions were committed, for lag tools. Whether that succeeds is of no consequence.
    pub fn hint(&self, client: &impl LogClient) {
        let committed = self.parts.shared.take_committed();
        if !committed.is_empty()
            && let Err(error) = client.hint(&committed)
        {
            tracing::debug!(%error, "the offsets for lag tools were not taken");
        }
    }

    /// Begins an epoch of a partition whose next record is the one at the position.
    pub(super) fn begin(&self, position: &StoredPosition) {
        let (partition, start_offset, is_paused) =
            (position.partition, position.next_offset, position.paused.is_some());
        let epoch = self.parts.shared.begin_epoch(partition);
        self.state().assigned.insert(partition, Some(epoch));
        self.intake_of(partition).tell(Control::Assigned { partition, epoch, start_offset, is_paused });
    }

    /// A partition without a writer would lose its records.
    #[expect(
        clippy::expect_used,
        reason = "Kafka's partition numbers are not negative, and there is at least one writer"
    )]
    fn intake_of(&self, partition: i32) -> &Arc<Intake> {
        let index = usize::try_from(partition).ok().and_then(|index| index.checked_rem(self.parts.intakes.len()));
        index.and_then(|index| self.parts.intakes.get(index)).expect("every partition has a writer (INV-8)")
    }

    fn same_writer(&self, one: i32, other: i32) -> bool {
        Arc::ptr_eq(self.intake_of(one), self.intake_of(other))
    }

    /// Whether a warning about the cluster is due, or was given a moment ago.
    pub(super) fn complains(&self) -> bool {
        let mut state = self.state();
        let due = state.complained.is_none_or(|complained| complained.elapsed() >= COMPLAINT_INTERVAL);
        if due {
            state.complained = Some(Instant::now());
        }
        due
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
