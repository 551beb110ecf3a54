//! One projector's place in the consumer group: what the Kafka client is for it. It must never deliver a record twice under one
//! epoch, or one that lies before where it was sent.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ledger_store::log_check::LogCheckError;
use ledger_store::positions::StoredPosition;
use ledger_store::{FOLD_VERSION, Pause, StoreError};
use projector::consumer::{ConsumerError, LogClient, PositionSource, of_partitions};
use rdkafka::error::KafkaError;

use crate::coordinator::{Event, MemberId};
use crate::give_way::give_way;
use crate::log::{LogRecord, TOPIC};
use crate::store::unreachable;
use crate::world::{Lost, World, lock};

/// How long a poll waits.
const POLL_WAIT: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy)]
struct Place {
    next_offset: i64,
    paused: bool,
}

pub struct MemoryClient {
    world: Arc<World>,
    who: String,
    pub member: MemberId,
    places: RefCell<BTreeMap<i32, Place>>,
}

/// What a poll brought.
pub enum Polled {
    Event(Event),
    Record(i32, LogRecord),
    Nothing,
}

impl MemoryClient {
    pub fn new(world: Arc<World>, who: &str, member: MemberId) -> Self {
        Self { world, who: who.to_owned(), member, places: RefCell::default() }
    }

    pub async fn poll(&self) -> Polled {
        give_way().await;
        let asleep = lock(&self.world.coordinator).asleep(self.member);
        if let Some(until) = asleep {
            self.world.note(|| format!("{}: does not poll for a while", self.who));
            tokio::time::sleep_until(until).await;
        }
        let mut changes = self.world.changes();
        if let Some(event) = lock(&self.world.coordinator).poll(self.member) {
            self.world.note(|| format!("{}: {event:?}", self.who));
            return Polled::Event(event);
        }
        if let Some((partition, record)) = self.fetch() {
            return Polled::Record(partition, record);
        }
        // What ends the wait is of no consequence: the next poll looks.
        let _ = tokio::time::timeout(POLL_WAIT, changes.changed()).await;
        Polled::Nothing
    }

    fn fetch(&self) -> Option<(i32, LogRecord)> {
        let mut places = self.places.borrow_mut();
        let log = lock(&self.world.log);
        let next = |(partition, place): (&i32, &Place)| {
            let records = log.of(*partition)?.records();
            let record = records.iter().find(|record| record.offset >= place.next_offset)?;
            (!place.paused).then(|| (*partition, record.clone()))
        };
        let mut ready: Vec<(i32, LogRecord)> = places.iter().filter_map(next).collect();
        drop(log);
        if ready.is_empty() {
            return None;
        }
        let (partition, record) = ready.swap_remove(self.world.below(ready.len()));
        if let Some(place) = places.get_mut(&partition) {
            place.next_offset = record.offset + 1;
        }
        Some((partition, record))
    }
}

impl LogClient for MemoryClient {
    fn assign(&self, starts: &[(i32, i64)]) -> Result<(), ConsumerError> {
        let place =
            |(partition, next_offset): &(i32, i64)| (*partition, Place { next_offset: *next_offset, paused: false });
        *self.places.borrow_mut() = starts.iter().map(place).collect();
        Ok(())
    }

    fn unassign(&self) -> Result<(), ConsumerError> {
        self.places.borrow_mut().clear();
        Ok(())
    }

    async fn seek(&self, partition: i32, offset: i64) -> Result<(), ConsumerError> {
        self.world.step(&self.who, "seeking").await.map_err(|Lost| ConsumerError::Client {
            action: "seeking",
            cause: KafkaError::Seek("Erroneous state".to_owned()),
        })?;
        if let Some(place) = self.places.borrow_mut().get_mut(&partition) {
            place.next_offset = offset;
        }
        Ok(())
    }

    fn pause(&self, partition: i32) -> Result<(), ConsumerError> {
        if let Some(place) = self.places.borrow_mut().get_mut(&partition) {
            place.paused = true;
        }
        Ok(())
    }

    fn resume(&self, partitions: &[i32]) -> Result<(), ConsumerError> {
        for (partition, place) in self.places.borrow_mut().iter_mut() {
            place.paused &= !partitions.contains(partition);
        }
        Ok(())
    }

    fn hint(&self, _positions: &BTreeMap<i32, i64>) -> Result<(), ConsumerError> {
        Ok(())
    }
}

/// The positions in the database in memory.
pub struct MemoryPositions {
    pub world: Arc<World>,
    pub who: String,
}

impl PositionSource for MemoryPositions {
    async fn read(&self, partitions: &[i32]) -> Result<Vec<StoredPosition>, LogCheckError> {
        let read = self.world.statement(&self.who, "reading positions").await;
        read.map_err(|Lost| StoreError::from(unreachable()))?;
        let database = lock(&self.world.database);
        let identity = ledger_fold::log_safety::LogIdentity {
            cluster_id: "memory".to_owned(),
            topic_id: "memory".to_owned(),
            partition_count: self.world.shape.partitions,
        };
        let generation =
            database.live_set().map(|set| set.key(database.live)).ok_or_else(|| StoreError::from(unreachable()))?;
        let positions = database.live_set().map(crate::tables::TableSet::positions).unwrap_or_default();
        let stored = positions.into_iter().map(|(partition, next_offset)| StoredPosition {
            partition,
            next_offset,
            identity: identity.clone(),
            generation,
            fold_version: FOLD_VERSION,
            paused: database.paused.contains(&partition).then(|| Pause {
                since: chrono::DateTime::UNIX_EPOCH,
                by: "operator".to_owned(),
                reason: None,
            }),
        });
        Ok(of_partitions(TOPIC, stored.collect(), partitions)?)
    }
}
