//! What Kafka's brokers hold, as far as a relay needs them: a transactional producer per partition with its epoch, outcomes and
//! cursor. Read next: `publishing.rs`, how a relay reaches it.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::oracle::{Place, Said};

/// The coordinator aborts a transaction that lasts longer.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(40);

pub type ProducerEpoch = u64;

#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) epoch: ProducerEpoch,
    pub(crate) entries: Vec<(Place, Said)>,
    pub(crate) cursor: Option<i64>,
    pub(crate) begun: Instant,
}

/// The topics' partition of one number.
#[derive(Debug, Default)]
pub struct TopicPartition {
    pub(crate) epoch: ProducerEpoch,
    pub(crate) open: Option<Transaction>,
    pub cursor: i64,
    /// Outcomes and dead letters, as a reader of committed records sees them.
    pub published: Vec<(Place, Said)>,
}

#[derive(Debug)]
pub struct Broker {
    pub partitions: Vec<TopicPartition>,
    /// Commits that the brokers still carry out after whoever asked is gone.
    pub late: Vec<(i32, ProducerEpoch)>,
    /// What relays told, and brokers append after whoever told it is gone.
    pub late_told: Vec<Vec<u8>>,
}

impl Broker {
    pub fn new(partitions: i32) -> Self {
        Self {
            partitions: (0..partitions).map(|_| TopicPartition::default()).collect(),
            late: Vec::new(),
            late_told: Vec::new(),
        }
    }

    pub fn of(&mut self, partition: i32) -> Option<&mut TopicPartition> {
        usize::try_from(partition).ok().and_then(|partition| self.partitions.get_mut(partition))
    }

    pub fn cursor(&mut self, partition: i32) -> i64 {
        self.of(partition).map_or(0, |topic| topic.cursor)
    }

    /// The cursors, once no transaction is open that could move one.
    pub fn settled_cursors(&mut self) -> Option<BTreeMap<i32, i64>> {
        self.partitions.iter_mut().for_each(TopicPartition::reap);
        if self.partitions.iter().any(|topic| topic.open.is_some()) {
            return None;
        }
        Some((0..).zip(&self.partitions).map(|(partition, topic)| (partition, topic.cursor)).collect())
    }

    /// Fences every producer of `partition`: a new epoch.
    pub fn fence(&mut self, partition: i32) -> ProducerEpoch {
        let Some(topic) = self.of(partition) else { return 0 };
        topic.open = None;
        topic.epoch += 1;
        topic.epoch
    }
}

impl TopicPartition {
    pub(crate) fn reap(&mut self) {
        if self.open.as_ref().is_some_and(|open| open.begun.elapsed() > TRANSACTION_TIMEOUT) {
            self.open = None;
            self.epoch += 1;
        }
    }
}
