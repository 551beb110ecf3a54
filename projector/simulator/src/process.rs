//! A projector of the schedule: the real writers, intakes, group and relays, put together as `projection.rs` does it. It must
//! never do what the real one would not.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use ledger_store::GenerationKey;
use projector::consumer::{ConsumerError, Group, GroupParts};
use projector::intake::{Control, Intake, Limits};
use projector::relay::{CurrentStep, OutboxRows, Outstanding, PartitionRelay, PlainRow, RelayError, Relays};
use projector::shared::{Resync, Shared};
use projector::writer::{BatchSettings, Writer, WriterParts};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::coordinator::{Event, MemberId};
use crate::database::RowKey;
use crate::member::{MemoryClient, MemoryPositions, Polled};
use crate::publishing::MemoryBroker;
use crate::scheduler::{ProcessId, Tasks};
use crate::settings::Mutant;
use crate::store::{MemoryStore, Target, unreachable};
use crate::world::{Lost, World, lock};

/// How long the consumer has to hand over.
const STOP_WAIT: Duration = Duration::from_secs(7);
/// How long a relay's stop is waited for.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// One incarnation of a projector.
pub struct Projector {
    pub name: String,
    pub process: ProcessId,
    pub member: MemberId,
    pub shared: Arc<Shared>,
    stop: CancellationToken,
    /// Ends with the consumer.
    handed_over: oneshot::Receiver<()>,
    intakes: Vec<Arc<Intake>>,
}

impl Projector {
    /// Starts it; it joins the group, and gets its share at the next rebalance.
    pub fn start(world: &Arc<World>, tasks: &Tasks, process: ProcessId, name: &str) -> Self {
        world.note(|| format!("{name} starts"));
        let member = lock(&world.coordinator).join();
        let shared = Arc::new(Shared::new(world.shape.partitions));
        let records = world.shape.batch_records;
        let limits = Limits { records, bytes: 1 << 20 };
        let held = Limits { records: records * 2, bytes: 1 << 21 };
        let (resync, resyncs) = channel();
        let stop = CancellationToken::new();
        let intakes: Vec<_> = (0..world.shape.writers).map(|_| Arc::new(Intake::new(held))).collect();
        for (number, intake) in intakes.iter().enumerate() {
            let who = format!("{name}.writer-{number}");
            let writer = Writer::new(WriterParts {
                name: format!("writer-{number}"),
                store: MemoryStore::new(Arc::clone(world), &who, Target::Live),
                partition_count: world.shape.partitions,
                intake: Arc::clone(intake),
                shared: Arc::clone(&shared),
                resyncs: resync.clone(),
                settings: BatchSettings { limits, linger: world.shape.linger },
                stop: stop.clone(),
            });
            let ended = Arc::clone(world);
            tasks.spawn(process, &who.clone(), async move {
                if let Err(error) = writer.run().await {
                    ended.violated(|| format!("{who} stopped: {error}"));
                }
            });
        }
        let relays = MemoryRelays {
            world: Arc::clone(world),
            tasks: tasks.clone(),
            process,
            name: name.to_owned(),
            shared: Arc::clone(&shared),
            running: RefCell::default(),
        };
        let group = Group::new(GroupParts {
            topic: crate::log::TOPIC.to_owned(),
            positions: MemoryPositions { world: Arc::clone(world), who: format!("{name}.consumer") },
            intakes: intakes.clone(),
            shared: Arc::clone(&shared),
            relays,
            stop: stop.clone(),
        });
        let client = MemoryClient::new(Arc::clone(world), &format!("{name}.consumer"), member);
        let (ended, who) = (Arc::clone(world), format!("{name}.consumer"));
        let (done, handed_over) = oneshot::channel();
        let stopped = stop.clone();
        tasks.spawn(process, &who.clone(), async move {
            if let Err(error) = consume(&ended, &group, &client, &resyncs, &stopped).await {
                ended.violated(|| format!("{who} stopped: {error}"));
            }
            group.hand_over(&client).await;
            drop(done);
        });
        Self { name: name.to_owned(), process, member, shared, stop, handed_over, intakes }
    }

    /// Stops it in the order of `projection.rs`: the consumer hands over, then the writers end. What takes too long is left.
    pub async fn stop(&mut self) {
        self.shared.health.stopping();
        self.stop.cancel();
        let _ = tokio::time::timeout(STOP_WAIT, &mut self.handed_over).await;
        self.intakes.iter().for_each(|intake| intake.tell(Control::Stop));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The consumer's loop, as `LogConsumer` has it.
async fn consume(
    world: &World,
    group: &Group<MemoryPositions, MemoryRelays>,
    client: &MemoryClient,
    resyncs: &Receiver<Resync>,
    stop: &CancellationToken,
) -> Result<(), ConsumerError> {
    while !stop.is_cancelled() {
        match client.poll().await {
            Polled::Event(Event::Assign(partitions)) => group.rebalance(client, Some(partitions)).await,
            Polled::Event(Event::Revoke) => {
                group.rebalance(client, None).await;
                lock(&world.coordinator).gave_back(client.member);
                world.has_changed();
            }
            Polled::Record(partition, record) => {
                if let Some(epoch) = group.epoch_of(partition)
                    && let Err(record) = group.deliver(record.owned(partition, epoch))
                {
                    group.deliver_late(client, record).await?;
                }
            }
            Polled::Nothing => {}
        }
        let ended = group.between_polls(client, resyncs)?;
        if !ended.is_empty() {
            group.resync(client, &ended).await?;
        }
    }
    Ok(())
}

/// The relays of one projector, each a task.
struct MemoryRelays {
    world: Arc<World>,
    tasks: Tasks,
    process: ProcessId,
    name: String,
    shared: Arc<Shared>,
    running: RefCell<BTreeMap<i32, (CancellationToken, oneshot::Receiver<()>)>>,
}

impl Relays for MemoryRelays {
    fn start(&self, partitions: &[i32]) -> Result<(), RelayError> {
        for partition in partitions.iter().copied() {
            if self.running.borrow().contains_key(&partition) {
                continue;
            }
            let commits = self.shared.commits(partition);
            let stop = CancellationToken::new();
            let (done, ended) = oneshot::channel();
            let who = format!("{}.relay-{partition}", self.name);
            let world = &self.world;
            let relay = PartitionRelay {
                broker: MemoryBroker {
                    world: Arc::clone(world),
                    who: who.clone(),
                    partition,
                    read_early: std::sync::Mutex::default(),
                },
                outbox: MemoryOutbox { world: Arc::clone(world), who: who.clone(), partition },
                partition,
                commits,
                shared: Arc::clone(&self.shared),
                stop: stop.clone(),
                step: Arc::new(CurrentStep::default()),
            };
            let world = Arc::clone(world);
            self.tasks.spawn(self.process, &who.clone(), async move {
                if let Err(error) = relay.run().await {
                    world.violated(|| format!("{who} stopped: {error}"));
                }
                drop(done);
            });
            self.running.borrow_mut().insert(partition, (stop, ended));
        }
        Ok(())
    }

    async fn stop(&self) {
        let stopping = std::mem::take(&mut *self.running.borrow_mut());
        stopping.values().for_each(|(stop, _)| stop.cancel());
        let deadline = Instant::now() + STOP_LIMIT;
        for (_, ended) in stopping.into_values() {
            // What takes longer is left to be fenced.
            let _ = tokio::time::timeout_at(deadline, ended).await;
        }
    }
}

/// The outbox of one partition.
struct MemoryOutbox {
    world: Arc<World>,
    who: String,
    partition: i32,
}

impl MemoryOutbox {
    /// Rows that a relay sees: of the live generation, which the same statement finds out.
    fn visible(&self, key: &RowKey, live: i32) -> bool {
        key.partition == self.partition && (key.generation == live || key.generation == 0)
    }

    async fn statement(&self, what: &'static str) -> Result<(), RelayError> {
        self.world.statement(&self.who, what).await.map_err(|Lost| RelayError::Connection(unreachable()))
    }
}

impl OutboxRows for MemoryOutbox {
    type Connection = Cell<bool>;

    async fn connect(&self) -> Result<Cell<bool>, RelayError> {
        self.world.stall(false).await;
        self.statement("connecting to the database").await?;
        Ok(Cell::new(true))
    }

    async fn swap_is_under_way(&self, _connection: &mut Cell<bool>) -> Result<bool, RelayError> {
        self.statement("looking for a swap").await?;
        let database = lock(&self.world.database);
        Ok(database.swapping && database.guard.is_some() && !self.world.has(Mutant::BarrierMissing))
    }

    async fn generation(&self, _connection: &mut Cell<bool>) -> Result<Option<GenerationKey>, RelayError> {
        self.statement("looking which tables are live").await?;
        let database = lock(&self.world.database);
        Ok(database.live_set().map(|set| set.key(database.live)))
    }

    async fn load(&self, _connection: &mut Cell<bool>, cursor: i64) -> Result<Outstanding, RelayError> {
        self.world.stall(false).await;
        self.statement("reading the outbox").await?;
        let database = lock(&self.world.database);
        let after = |(key, _): &(&RowKey, &crate::database::OutboxRow)| {
            self.visible(key, database.live) && key.next_offset > cursor
        };
        let rows = database.outbox.iter().filter(after).map(|(key, row)| {
            let RowKey { partition, first_offset, next_offset, .. } = *key;
            let key = ledger_store::outbox::OutboxKey { partition, first_offset, next_offset };
            PlainRow::decompress(key, row.entry_count, &row.entries)
        });
        Ok(Outstanding { rows: rows.collect::<Result<_, _>>()?, is_backlog: false })
    }

    async fn prune(&self, _connection: &mut Cell<bool>, cursor: i64) -> Result<(), RelayError> {
        self.statement("pruning the outbox").await?;
        let mut database = lock(&self.world.database);
        database.outbox.retain(|key, _| key.partition != self.partition || key.next_offset > cursor);
        Ok(())
    }
}
