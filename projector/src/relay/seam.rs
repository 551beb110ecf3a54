//! What a relay's session needs of Kafka and of the outbox, and nothing more: the running relay has the Kafka client and
//! MariaDB, the simulator has both in memory. It must never hold an order of steps: that is `partition.rs`.

use std::future::Future;

use ledger_kafka::{AppendAnswer, Refusal, append_answer_of_code};
use rdkafka::error::KafkaError;

use super::error::RelayError;
use super::plan::Publication;
use super::rows::Outstanding;

/// Most bytes of a dead letter's key, value and headers as received. The first fits the topic as `ledger migrate` makes it; the
/// others are tried one after the other when a topic, made by somebody else, refuses that as too large.
pub(super) const RECEIVED_LIMITS: [usize; 4] = [8 * 1024 * 1024, 512 * 1024, 64 * 1024, 2 * 1024];

/// Kafka, for the relay of one partition.
pub trait RelayBroker {
    type Producer: RelayProducer;

    /// Whether the topics are there, and fit the log.
    fn check_topics(&self) -> impl Future<Output = Result<(), RelayError>>;

    /// `init_transactions`: fences every earlier producer of the partition, and ends what it left open.
    fn open(&self, received_limit: usize) -> impl Future<Output = Result<Self::Producer, RelayError>>;

    /// The last committed cursor; never beyond the log's end.
    fn read_cursor(&self) -> impl Future<Output = Result<i64, RelayError>>;
}

/// A producer that has fenced every earlier one of its partition.
pub trait RelayProducer {
    /// Publishes in one Kafka transaction: the entries in order, then the cursor.
    fn publish(&self, publication: &Publication<'_>) -> impl Future<Output = Result<(), PublishError>>;
}

/// It is unknown whether a transaction stands.
#[derive(Debug)]
pub struct PublishError {
    /// A topic takes no record of that size.
    pub is_too_large: bool,
    pub cause: String,
}

impl From<KafkaError> for PublishError {
    fn from(error: KafkaError) -> Self {
        let answer = error.rdkafka_error_code().map(append_answer_of_code);
        let is_too_large = answer == Some(AppendAnswer::BeforeAppend(Refusal::TooLarge));
        Self { is_too_large, cause: error.to_string() }
    }
}

/// The outbox of one partition.
pub trait OutboxRows {
    type Connection;

    fn connect(&self) -> impl Future<Output = Result<Self::Connection, RelayError>>;

    /// Whether the holder of the guard has fenced the relays, or is about to, and has not renamed the tables yet. Looked at after
    /// [`RelayBroker::open`] and before the cursor is read.
    fn swap_is_under_way(&self, connection: &mut Self::Connection) -> impl Future<Output = Result<bool, RelayError>>;

    /// The next rows of the live generation after the cursor.
    fn load(
        &self,
        connection: &mut Self::Connection,
        cursor: i64,
    ) -> impl Future<Output = Result<Outstanding, RelayError>>;

    /// Removes rows that lie before the cursor.
    fn prune(&self, connection: &mut Self::Connection, cursor: i64) -> impl Future<Output = Result<(), RelayError>>;
}
