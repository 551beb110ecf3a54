//! Our share of the consumer group: partitions are assigned, re-read, paused, and given away. All of it runs on the
//! consumer's thread, in the client's callbacks and between its polls.
//!
//! Every time a partition's records begin anew (assignment, re-read), it gets a new epoch; records carry theirs, and the
//! writers drop those of older ones. So nothing that was queued before can be folded after.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ledger_database::DatabaseUrl;
use ledger_kafka::record::{Epoch, OwnedRecord};
use ledger_kafka::{KAFKA_TIMEOUT, LogInspector, log_line};
use ledger_store::StoreError;
use ledger_store::log_check::{self, LogCheckError};
use ledger_store::positions::{self, StoredPosition};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::{ConsumerError, GroupContext};
use crate::intake::{Control, Intake};
use crate::meters;
use crate::relay::RelayGroup;
use crate::shared::{Resync, Shared};

/// How long a full intake is waited for before its partition is paused. Short outages of the database pass unnoticed, and
/// the group is served again before anybody misses us.
const FULL_WAIT: Duration = Duration::from_millis(500);
/// How long a hand-over waits for the writers' batches in flight. Whoever takes over needs no such wait to be safe: the
/// compare-and-set fences us. It only spares both a miss.
const HAND_OVER_WAIT: Duration = Duration::from_secs(5);
/// Between attempts to read positions while a server is away.
const RETRY_WAIT: Duration = Duration::from_millis(200);
/// Between warnings about a cluster that is away: the client reports every attempt to reach it.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(30);
/// The name under which this part waits for the database.
const PART: &str = "consumer";

type Client = BaseConsumer<GroupContext>;

/// What a [`Group`] is made of.
pub struct GroupParts {
    pub topic: String,
    pub database: DatabaseUrl,
    pub inspector: LogInspector,
    pub runtime: Handle,
    /// One per writer; partition p belongs to number p modulo their count.
    pub intakes: Vec<Arc<Intake>>,
    pub shared: Arc<Shared>,
    /// They publish what is decided in the partitions that are ours.
    pub relays: RelayGroup,
    pub stop: CancellationToken,
}

pub struct Group {
    parts: GroupParts,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Assigned partitions; without an epoch while the position is being read anew.
    assigned: BTreeMap<i32, Option<Epoch>>,
    /// Paused because their writer does not keep up.
    paused: BTreeSet<i32>,
    /// What went wrong in a callback, which cannot return it.
    failure: Option<ConsumerError>,
    resync_tried: Option<Instant>,
    complained: Option<Instant>,
}

impl Group {
    pub fn new(parts: GroupParts) -> Self {
        Self { parts, state: Mutex::default() }
    }

    pub fn topic(&self) -> &str {
        &self.parts.topic
    }

    /// The epoch under which records of the partition are delivered; `None` when they are to be dropped.
    pub(super) fn epoch_of(&self, partition: i32) -> Option<Epoch> {
        self.state().assigned.get(&partition).copied().flatten()
    }

    /// What went wrong in a callback.
    ///
    /// # Errors
    /// That.
    pub(super) fn take_failure(&self) -> Result<(), ConsumerError> {
        self.state().failure.take().map_or(Ok(()), Err)
    }

    /// Gives a record to its writer, waiting for room. Where there is none for long, the record in hand still goes in, and its
    /// partition is paused. Only a partition that has just delivered is ever paused: the client resumes after the last
    /// record that it delivered, and loses its place when there is none.
    pub(super) fn deliver(&self, client: &Client, record: OwnedRecord) -> Result<(), ConsumerError> {
        let partition = record.partition;
        let Some(intake) = self.intake_of(partition) else { return Ok(()) };
        // A writer that has made us wait is not waited for again until it has caught up.
        let stalled = self.state().paused.iter().any(|paused| self.same_writer(*paused, partition));
        let wait = if stalled { Duration::ZERO } else { FULL_WAIT };
        if let Err(record) = intake.push_within(record, wait) {
            intake.push_over(record);
            client.pause(&self.list([partition])).map_err(ConsumerError::client("pausing"))?;
            self.state().paused.insert(partition);
            meters::paused();
        }
        Ok(())
    }

    /// Resumes paused partitions whose writer has caught up.
    pub(super) fn resume_caught_up(&self, client: &Client) -> Result<(), ConsumerError> {
        let mut state = self.state();
        if state.paused.is_empty() {
            return Ok(());
        }
        let caught_up = |partition: &i32| self.intake_of(*partition).is_none_or(|intake| intake.is_half_empty());
        let ready: Vec<i32> = state.paused.iter().copied().filter(caught_up).collect();
        if ready.is_empty() {
            return Ok(());
        }
        state.paused.retain(|partition| !ready.contains(partition));
        drop(state);
        client.resume(&self.list(ready)).map_err(ConsumerError::client("resuming"))
    }

    /// A writer lost this partition's position. Its records are dropped from here on, until the position was read anew.
    pub(super) fn end_for_resync(&self, Resync { partition, epoch }: Resync) {
        let mut state = self.state();
        if let Some(current) = state.assigned.get_mut(&partition)
            && *current == Some(epoch)
        {
            *current = None;
            self.parts.shared.end_epoch(partition);
        }
    }

    /// Reads positions anew that were lost, and seeks there. What cannot be done yet is tried again after the next poll.
    pub(super) fn resync_ended(&self, client: &Client) -> Result<(), ConsumerError> {
        let ended = {
            let mut state = self.state();
            let ended: Vec<i32> = state.assigned.iter().filter(|(_, epoch)| epoch.is_none()).map(|(p, _)| *p).collect();
            if ended.is_empty() || state.resync_tried.is_some_and(|tried| tried.elapsed() < RETRY_WAIT) {
                return Ok(());
            }
            state.resync_tried = Some(Instant::now());
            ended
        };
        match self.read_positions(&ended) {
            Ok(stored) => stored.iter().for_each(|position| self.seek(client, position)),
            Err(error) if error.is_retryable() => tracing::debug!(%error, "the positions cannot be read yet"),
            Err(error) => return Err(error.into()),
        }
        if self.state().assigned.values().all(Option::is_some) {
            self.state().resync_tried = None;
        }
        Ok(())
    }

    fn seek(&self, client: &Client, position: &StoredPosition) {
        let StoredPosition { partition, next_offset, .. } = *position;
        // With a timeout the client answers when the seek has taken effect, so no record from before it can follow under the
        // new epoch. Just after an assignment it refuses ("Erroneous state"), and is asked again.
        match client.seek(&self.parts.topic, partition, Offset::Offset(next_offset), KAFKA_TIMEOUT) {
            Ok(()) => self.begin(partition, next_offset),
            Err(error) => tracing::debug!(partition, next_offset, %error, "cannot seek yet"),
        }
    }

    /// Tells Kafka how far positions were committed, for lag tools. Whether it hears is of no consequence.
    pub(super) fn hint(&self, client: &Client) {
        let mut list = TopicPartitionList::new();
        for (partition, next_offset) in self.parts.shared.take_committed() {
            if list.add_partition_offset(&self.parts.topic, partition, Offset::Offset(next_offset)).is_err() {
                return;
            }
        }
        if list.count() > 0
            && let Err(error) = client.commit(&list, CommitMode::Async)
        {
            tracing::debug!(%error, "the offsets for lag tools were not taken");
        }
    }

    /// Gives all partitions away: ends their epochs, so that what is queued is dropped, and waits for batches in flight.
    pub(super) fn hand_over(&self, client: &Client) {
        let (assigned, paused) = {
            let mut state = self.state();
            (std::mem::take(&mut state.assigned), std::mem::take(&mut state.paused))
        };
        if assigned.is_empty() {
            return;
        }
        for partition in assigned.keys() {
            self.parts.shared.end_epoch(*partition);
            self.parts.shared.health.loaded(*partition);
        }
        self.wait_for_writers();
        // After the last batch in flight, so that its outcomes are not left to the next owner without need.
        self.parts.relays.stop();
        self.hint(client);
        // The client keeps the flag with the partition, also until we are assigned it again.
        if !paused.is_empty()
            && let Err(error) = client.resume(&self.list(paused))
        {
            tracing::debug!(%error, "paused partitions were not resumed before they were given away");
        }
    }

    fn wait_for_writers(&self) {
        let deadline = Instant::now() + HAND_OVER_WAIT;
        let barrier = |intake: &Arc<Intake>| {
            let (done, wait) = sync_channel(1);
            intake.tell(Control::Barrier(done));
            wait
        };
        let barriers: Vec<Receiver<()>> = self.parts.intakes.iter().map(barrier).collect();
        for barrier in barriers {
            let left = deadline.saturating_duration_since(Instant::now());
            if barrier.recv_timeout(left).is_err() {
                tracing::info!("a batch in flight did not end in time: the compare-and-set will tell");
            }
        }
    }

    /// Takes partitions over: positions from MariaDB, checked against the log, set in the list, assigned once.
    fn take_over(&self, client: &Client, list: &mut TopicPartitionList) -> Result<(), ConsumerError> {
        let partitions: Vec<i32> = list.elements().iter().map(|element| element.partition()).collect();
        let Some(stored) = self.read_until_answered(&partitions)? else { return Ok(()) };
        for position in &stored {
            list.set_partition_offset(&self.parts.topic, position.partition, Offset::Offset(position.next_offset))
                .map_err(ConsumerError::client("setting the starting offset"))?;
        }
        client.assign(list).map_err(ConsumerError::client("assigning"))?;
        for position in &stored {
            self.begin(position.partition, position.next_offset);
        }
        self.parts.relays.start(partitions.iter().copied())?;
        self.parts.shared.health.joined();
        tracing::info!(?partitions, "partitions taken over");
        Ok(())
    }

    /// Begins an epoch of a partition whose next record is the one at `start_offset`.
    fn begin(&self, partition: i32, start_offset: i64) {
        let epoch = self.parts.shared.begin_epoch(partition);
        self.state().assigned.insert(partition, Some(epoch));
        self.parts.shared.health.loading(partition);
        if let Some(intake) = self.intake_of(partition) {
            intake.tell(Control::Assigned { partition, epoch, start_offset });
        }
    }

    /// Positions, once both servers answer; `None` when the projector stops first. The group waits for us meanwhile, and would
    /// wait in vain for anybody else: the servers that we wait for are theirs, too.
    fn read_until_answered(&self, partitions: &[i32]) -> Result<Option<Vec<StoredPosition>>, LogCheckError> {
        while !self.parts.stop.is_cancelled() {
            match self.read_positions(partitions) {
                Ok(stored) => {
                    if self.parts.shared.health.database_answered(PART) {
                        tracing::info!("positions can be read again");
                    }
                    return Ok(Some(stored));
                }
                Err(error) if error.is_retryable() => {
                    if self.parts.shared.health.waits_for_database(PART) {
                        tracing::warn!(%error, "positions cannot be read: trying again");
                    }
                    std::thread::sleep(RETRY_WAIT);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Stored positions of `partitions`, checked against the log as it is now (INV-8, INV-9).
    fn read_positions(&self, partitions: &[i32]) -> Result<Vec<StoredPosition>, LogCheckError> {
        let topic = &self.parts.topic;
        let mut stored = self.parts.runtime.block_on(async {
            let mut connection = ledger_database::connect(&self.parts.database).await?;
            positions::read(&mut connection, topic).await
        })?;
        stored.retain(|position| partitions.contains(&position.partition));
        let missing = |partition: &&i32| !stored.iter().any(|position| position.partition == **partition);
        if let Some(partition) = partitions.iter().find(missing) {
            return Err(StoreError::PositionGone { topic: topic.clone(), partition: *partition }.into());
        }
        log_check::check(&self.parts.inspector, topic, &stored)?;
        Ok(stored)
    }

    fn intake_of(&self, partition: i32) -> Option<&Arc<Intake>> {
        let index = usize::try_from(partition).ok()?;
        self.parts.intakes.get(index.checked_rem(self.parts.intakes.len())?)
    }

    fn same_writer(&self, one: i32, other: i32) -> bool {
        match (self.intake_of(one), self.intake_of(other)) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    fn list(&self, partitions: impl IntoIterator<Item = i32>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(&self.parts.topic, partition);
        }
        list
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        log_line(level, fac, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let mut state = self.0.state();
        if state.complained.is_some_and(|complained| complained.elapsed() < COMPLAINT_INTERVAL) {
            tracing::debug!(%error, reason, "the Kafka client reports an error, and goes on");
        } else {
            state.complained = Some(Instant::now());
            tracing::warn!(%error, reason, "the Kafka client reports an error, and goes on");
        }
    }
}

impl ConsumerContext for GroupContext {
    /// Overrides the default, which would assign before the positions are known. Eager protocol: whatever is assigned is
    /// assigned whole, and revoked whole.
    fn rebalance(&self, client: &Client, event: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let done = if event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.0.take_over(client, list)
        } else {
            self.0.hand_over(client);
            client.unassign().map_err(ConsumerError::client("giving partitions away"))
        };
        if let Err(error) = done {
            // The client waits for an answer to its callback, whatever it is.
            let _ = client.unassign();
            self.0.state().failure = Some(error);
        }
    }
}
