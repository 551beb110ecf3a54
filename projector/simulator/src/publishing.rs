//! The way of a relay to the brokers in memory: outcomes and cursor become visible together, and requests and their answers get
//! lost as the schedule has it. It must never let a fenced producer commit.

use std::sync::Arc;

use ledger_kafka::KafkaUseError;
use ledger_store::outbox::{EntryContent, OutboxEntry};
use projector::relay::{Publication, PublishError, RelayBroker, RelayError, RelayProducer};
use tokio::time::Instant;

use crate::broker::{ProducerEpoch, TopicPartition, Transaction};
use crate::oracle::{Place, Said};
use crate::published;
use crate::settings::Mutant;
use crate::telling;
use crate::world::{Lost, Request, World, lock};

/// What the brokers do with a request to commit; false when its producer is fenced.
pub(crate) fn commit_now(world: &World, partition: i32, epoch: ProducerEpoch) -> bool {
    let mut broker = lock(&world.broker);
    let Some(topic) = broker.of(partition) else { return false };
    topic.reap();
    if topic.epoch != epoch {
        return false;
    }
    let Some(Transaction { entries, cursor, .. }) = topic.open.take() else { return false };
    let before = topic.cursor;
    topic.cursor = cursor.unwrap_or(before);
    let after = topic.cursor;
    let earlier = topic.published.last().map(|(place, _)| *place);
    topic.published.extend(entries.iter().cloned());
    drop(broker);
    let before =
        if world.has(Mutant::CursorOutsideTransaction) { earlier.map_or(0, |(offset, _)| offset + 1) } else { before };
    world.note(|| format!("published of partition {partition}: {entries:?}, cursor {after}"));
    if let Err(wrong) = published::check(world, partition, earlier, &entries, before, after) {
        world.violated(|| wrong);
    }
    world.has_changed();
    true
}

/// The brokers, for the relay of one partition.
pub struct MemoryBroker {
    pub world: Arc<World>,
    pub who: String,
    pub partition: i32,
    /// What the mutant that reads the cursor too early has read.
    pub read_early: std::sync::Mutex<Option<i64>>,
}

pub struct MemoryProducer {
    world: Arc<World>,
    who: String,
    partition: i32,
    epoch: ProducerEpoch,
}

fn away() -> RelayError {
    RelayError::Kafka(KafkaUseError::Unreachable { brokers: "memory".to_owned(), cause: "it is away".to_owned() })
}

impl MemoryBroker {
    async fn step(&self, what: &'static str) -> Result<(), RelayError> {
        self.world.step(&self.who, what).await.map_err(|Lost| away())
    }
}

impl RelayBroker for MemoryBroker {
    type Producer = MemoryProducer;

    async fn check_topics(&self) -> Result<(), RelayError> {
        self.step("checking the topics").await?;
        if self.world.has(Mutant::CursorBeforeInit) {
            *lock(&self.read_early) = Some(lock(&self.world.broker).cursor(self.partition));
        }
        Ok(())
    }

    async fn open(&self) -> Result<MemoryProducer, RelayError> {
        self.world.stall(false).await;
        self.step("init_transactions").await?;
        let epoch = lock(&self.world.broker).fence(self.partition);
        self.world.note(|| format!("{}: fenced earlier producers, epoch {epoch}", self.who));
        self.world.has_changed();
        let (world, who, partition) = (Arc::clone(&self.world), self.who.clone(), self.partition);
        Ok(MemoryProducer { world, who, partition, epoch })
    }

    async fn tell(&self, told: &[OutboxEntry<'_>]) -> Result<(), PublishError> {
        self.world.stall(true).await;
        let values = told.iter().map(|entry| entry.value.as_deref().unwrap_or_default().to_vec()).collect();
        telling::tell(&self.world, &self.who, values).await.map_err(|Lost| doubt("what was told is not acknowledged"))
    }

    async fn read_cursor(&self) -> Result<i64, RelayError> {
        self.step("reading the cursor").await?;
        let early = lock(&self.read_early).take();
        Ok(early.unwrap_or_else(|| lock(&self.world.broker).cursor(self.partition)))
    }
}

impl MemoryProducer {
    async fn step(&self, what: &'static str) -> Result<(), PublishError> {
        self.world.step(&self.who, what).await.map_err(|Lost| doubt("no answer"))
    }

    /// Adds to the open transaction, where the epoch still allows it.
    fn add(&self, change: impl FnOnce(&mut TopicPartition)) -> Result<(), PublishError> {
        let mut broker = lock(&self.world.broker);
        let topic = broker.of(self.partition).ok_or_else(|| doubt("no such partition"))?;
        topic.reap();
        if topic.epoch != self.epoch {
            return Err(doubt("fenced"));
        }
        change(topic);
        Ok(())
    }
}

fn doubt(cause: &str) -> PublishError {
    PublishError { too_large: None, cause: cause.to_owned() }
}

fn said(entry: &OutboxEntry<'_>) -> (Place, Said) {
    let said = match &entry.content {
        EntryContent::Outcome { event_type, .. } => {
            Said::of_outcome(event_type, entry.value.as_deref().unwrap_or_default())
        }
        EntryContent::DeadLetter { reason, .. } => Said::of_dead_letter(reason),
        EntryContent::Told { .. } => unreachable!("what is told is no part of a Kafka transaction"),
    };
    ((entry.offset, entry.index), said)
}

impl RelayProducer for MemoryProducer {
    async fn publish(&self, publication: &Publication<'_>) -> Result<(), PublishError> {
        self.world.stall(true).await;
        self.step("sending outcomes").await?;
        let entries: Vec<_> = publication.entries.iter().map(said).collect();
        let (epoch, next_offset) = (self.epoch, publication.next_offset);
        self.add(|topic| topic.open = Some(Transaction { epoch, entries, cursor: None, begun: Instant::now() }))?;
        self.step("sending the cursor").await?;
        let outside = self.world.has(Mutant::CursorOutsideTransaction);
        self.add(|topic| {
            if let Some(open) = topic.open.as_mut().filter(|open| open.epoch == epoch) {
                open.cursor = Some(next_offset);
            }
            if outside {
                topic.cursor = next_offset;
            }
        })?;
        match self.world.request(&self.who, "the commit of a Kafka transaction").await {
            Request::Answered if commit_now(&self.world, self.partition, epoch) => return Ok(()),
            Request::Unanswered => drop(commit_now(&self.world, self.partition, epoch)),
            Request::Late => {
                lock(&self.world.broker).late.push((self.partition, epoch));
                self.world.has_changed();
            }
            Request::Answered => return Err(doubt("fenced")),
            Request::Dropped => {}
        }
        Err(doubt("no answer to the commit"))
    }
}
