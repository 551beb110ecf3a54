//! What a relay's session needs of Kafka and of the outbox, and nothing more: the running relay has the Kafka client and
//! MariaDB, the simulator has both in memory. It must never hold an order of steps: that is `partition.rs`.

use std::fmt;
use std::future::Future;

use ledger_schema::EventId;
use ledger_store::GenerationKey;
use ledger_store::outbox::OutboxEntry;
use rdkafka::error::KafkaError;

use super::error::RelayError;
use super::plan::Publication;
use super::rows::Outstanding;

/// Kafka, for the relay of one partition.
pub trait RelayBroker {
    type Producer: RelayProducer;

    /// Whether the topics are there, and fit the log.
    fn check_topics(&self) -> impl Future<Output = Result<(), RelayError>>;

    /// `init_transactions`: fences every earlier producer of the partition, and ends what it left open.
    fn open(&self) -> impl Future<Output = Result<Self::Producer, RelayError>>;

    /// The last committed cursor; never beyond the log's end.
    fn read_cursor(&self) -> impl Future<Output = Result<i64, RelayError>>;

    /// Appends to the log what other partitions are told, in order; all of it stands there when this is answered. Outside of any Kafka
    /// transaction, and by a producer that nobody fences: so it may come again, from whoever was frozen for years.
    fn tell(&self, told: &[OutboxEntry<'_>]) -> impl Future<Output = Result<(), PublishError>>;
}

/// A producer that has fenced every earlier one of its partition.
pub trait RelayProducer {
    /// Publishes in one Kafka transaction: the entries in order, then the cursor.
    fn publish(&self, publication: &Publication<'_>) -> impl Future<Output = Result<(), PublishError>>;
}

/// It is unknown whether a transaction stands.
#[derive(Debug)]
pub struct PublishError {
    /// What a topic did not take because of its size, where that is why.
    pub too_large: Option<TooLarge>,
    pub cause: String,
}

/// Records of one topic that it does not take: one by itself, or some that were sent in one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooLarge {
    pub topic: String,
    pub first: EventId,
    pub last: EventId,
    pub count: usize,
    pub is_outcome: bool,
    /// Of the first: key, value and headers as they were sent.
    pub bytes: usize,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, first, last, count, bytes, .. } = self;
        let what = if self.is_outcome { "outcome" } else { "dead letter" };
        if *count > 1 {
            return write!(f, "topic {topic} does not take the {count} records {first} to {last} in one batch");
        }
        write!(f, "topic {topic} does not take {what} {first} of {bytes} bytes: raise its max.message.bytes")
    }
}

impl From<KafkaError> for PublishError {
    fn from(error: KafkaError) -> Self {
        Self { too_large: None, cause: error.to_string() }
    }
}

/// The outbox of one partition.
pub trait OutboxRows {
    type Connection;

    fn connect(&self) -> impl Future<Output = Result<Self::Connection, RelayError>>;

    /// Whether the holder of the guard has fenced the relays, or is about to, and has not renamed the tables yet. Looked at after
    /// [`RelayBroker::open`] and before the cursor is read.
    fn swap_is_under_way(&self, connection: &mut Self::Connection) -> impl Future<Output = Result<bool, RelayError>>;

    /// Which tables are live; `None` where the partition has no position.
    fn generation(
        &self,
        connection: &mut Self::Connection,
    ) -> impl Future<Output = Result<Option<GenerationKey>, RelayError>>;

    /// The next rows of the live generation after the cursor.
    fn load(
        &self,
        connection: &mut Self::Connection,
        cursor: i64,
    ) -> impl Future<Output = Result<Outstanding, RelayError>>;

    /// Removes rows that lie before the cursor.
    fn prune(&self, connection: &mut Self::Connection, cursor: i64) -> impl Future<Output = Result<(), RelayError>>;
}
