//! Kafka and MariaDB themselves, as a running relay's session uses them.

use std::sync::Arc;

use ledger_kafka::KafkaUseError;
use ledger_store::log_check;
use sqlx::MySqlConnection;

use super::cursor::CursorReader;
use super::error::RelayError;
use super::publisher::Publisher;
use super::rows::{self, Outstanding};
use super::seam::{OutboxRows, RelayBroker};
use super::settings::{RelaySettings, RelayTopics};

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

    async fn open(&self) -> Result<Publisher, RelayError> {
        Publisher::open(Arc::clone(&self.settings), self.partition)
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
pub struct OutboxTable {
    settings: Arc<RelaySettings>,
    partition: i32,
}

impl OutboxTable {
    pub fn new(settings: Arc<RelaySettings>, partition: i32) -> Self {
        Self { settings, partition }
    }
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
