//! What a relay's session needs of Kafka and of the outbox, and nothing more: the running relay has the Kafka client and
//! MariaDB, the simulator has both in memory. It must never hold an order of steps: that is `partition.rs`.

use std::future::Future;
use std::sync::Arc;

use ledger_kafka::KafkaUseError;
use ledger_store::log_check;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use sqlx::MySqlConnection;

use super::cursor::CursorReader;
use super::error::RelayError;
use super::group::{RelaySettings, RelayTopics};
use super::plan::Publication;
use super::publisher::Publisher;
use super::rows::{self, Outstanding};

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
        let is_too_large = error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge);
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

/// Kafka itself. Its calls block: for a relay's own thread only.
pub(super) struct KafkaBroker {
    pub(super) settings: Arc<RelaySettings>,
    pub(super) partition: i32,
}

impl RelayBroker for KafkaBroker {
    type Producer = Publisher;

    /// A topic that was deleted, or made anew with other partitions, is refused, where its broker's answers would look like
    /// those of one that is not ready yet.
    async fn check_topics(&self) -> Result<(), RelayError> {
        let RelayTopics { orders, outcomes, dead_letters, cursors } = &self.settings.topics;
        Ok(log_check::check_outputs(&self.settings.inspector, orders, &[outcomes, dead_letters, cursors])?)
    }

    async fn open(&self, received_limit: usize) -> Result<Publisher, RelayError> {
        Publisher::open(Arc::clone(&self.settings), self.partition, received_limit)
            .map_err(|cause| KafkaUseError::Failed { action: "opening the relay's producer", cause }.into())
    }

    async fn read_cursor(&self) -> Result<i64, RelayError> {
        let RelaySettings { kafka, inspector, topics, topic_id, .. } = &*self.settings;
        let cursor = CursorReader::new(kafka, topics, topic_id).read(self.partition)?;
        let end = inspector.watermarks(&topics.orders, self.partition)?.high;
        if cursor > end {
            return Err(RelayError::CursorBeyondLog { partition: self.partition, expected: end, found: cursor });
        }
        Ok(cursor)
    }
}

/// The table in MariaDB.
pub(super) struct OutboxTable {
    pub(super) settings: Arc<RelaySettings>,
    pub(super) partition: i32,
}

impl OutboxRows for OutboxTable {
    type Connection = MySqlConnection;

    async fn connect(&self) -> Result<MySqlConnection, RelayError> {
        Ok(ledger_database::connect(&self.settings.database).await?)
    }

    async fn load(&self, connection: &mut MySqlConnection, cursor: i64) -> Result<Outstanding, RelayError> {
        rows::load(connection, &self.settings.topics.orders, self.partition, cursor).await
    }

    async fn swap_is_under_way(&self, connection: &mut MySqlConnection) -> Result<bool, RelayError> {
        rows::swap_is_under_way(connection, self.partition).await
    }

    async fn prune(&self, connection: &mut MySqlConnection, cursor: i64) -> Result<(), RelayError> {
        rows::prune(connection, self.partition, cursor).await
    }
}
