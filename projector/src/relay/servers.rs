//! Kafka and MariaDB themselves, as a running relay's session uses them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger_database::Watched;
use ledger_failpoints::FailPoint;
use ledger_kafka::{KafkaUseError, TOPIC_PATIENCE};
use ledger_store::outbox::OutboxEntry;
use ledger_store::{GenerationKey, log_check};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::cursor::CursorReader;
use super::error::RelayError;
use super::publisher::Publisher;
use super::rows::{self, Outstanding};
use super::seam::{OutboxRows, PublishError, RelayBroker};
use super::settings::RelaySettings;
use crate::appender::{AT_ONCE, LogRecord};

/// Between questions about a topic that brokers do not know.
const TOPIC_PAUSE: Duration = Duration::from_secs(1);

/// Kafka itself. Its calls block: for a relay's own thread only.
pub(super) struct KafkaBroker {
    pub(super) settings: Arc<RelaySettings>,
    pub(super) partition: i32,
}

impl RelayBroker for KafkaBroker {
    type Producer = Publisher;

    /// A topic that was deleted, or made anew with other partitions, is refused, where its broker's answers would look like
    /// those of one that is not ready yet. A broker that has just started may not have heard of a topic: it is asked again.
    async fn check_topics(&self) -> Result<(), RelayError> {
        let topics = &self.settings.topics;
        let begin = Instant::now();
        loop {
            match log_check::check_outputs(&self.settings.inspector, &topics.orders, &topics.outputs()) {
                Err(error) if error.is_topic_missing() && begin.elapsed() < TOPIC_PATIENCE => {
                    tokio::time::sleep(TOPIC_PAUSE).await;
                }
                checked => return Ok(checked?),
            }
        }
    }

    async fn open(&self) -> Result<Publisher, RelayError> {
        Publisher::open(Arc::clone(&self.settings), self.partition)
            .map_err(|cause| KafkaUseError::Failed { action: "opening the relay's producer", cause }.into())
    }

    async fn read_cursor(&self) -> Result<i64, RelayError> {
        let RelaySettings { kafka, inspector, topics, topic_id, .. } = &*self.settings;
        let cursor = CursorReader::new(kafka, topics, topic_id).read(self.partition)?;
        // No cursor lies after a position, and no position after the last stable offset.
        let end = inspector.watermarks(&topics.orders, self.partition).map_err(known_a_moment_ago)?.stable;
        if cursor > end {
            return Err(RelayError::CursorBeyondLog { partition: self.partition, expected: end, found: cursor });
        }
        Ok(cursor)
    }

    async fn tell(&self, told: &[OutboxEntry<'_>]) -> Result<(), PublishError> {
        for told in told.chunks(AT_ONCE) {
            let records: Vec<_> = told.iter().map(LogRecord::of_entry).collect();
            self.settings.log.append(&records).await?;
        }
        ledger_failpoints::reach(FailPoint::RelayTold);
        Ok(())
    }
}

/// A leader that has just started may not have heard of a topic that [`RelayBroker::check_topics`] found: the next session looks
/// again, and knows for how long.
fn known_a_moment_ago(error: KafkaUseError) -> KafkaUseError {
    match error {
        KafkaUseError::MissingTopic { .. } => {
            let cause = KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition);
            KafkaUseError::Failed { action: "reading the end of the log", cause }
        }
        error => error,
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

/// A relay takes only some rows at a time, and what lasts longer than all its steps together may (`step.rs`) is reported as stuck.
const STATEMENT_LIMIT: Duration = Duration::from_secs(40);

impl OutboxRows for OutboxTable {
    type Connection = Watched;

    async fn connect(&self) -> Result<Watched, RelayError> {
        let mut connection = ledger_database::connect(&self.settings.database).await?;
        connection.set_limit(STATEMENT_LIMIT);
        Ok(connection)
    }

    async fn generation(&self, connection: &mut Watched) -> Result<Option<GenerationKey>, RelayError> {
        rows::generation(connection, &self.settings.topics.orders, self.partition).await
    }

    async fn load(&self, connection: &mut Watched, cursor: i64) -> Result<Outstanding, RelayError> {
        rows::load(connection, &self.settings.topics.orders, self.partition, cursor).await
    }

    async fn swap_is_under_way(&self, connection: &mut Watched) -> Result<bool, RelayError> {
        rows::swap_is_under_way(connection, self.partition).await
    }

    async fn prune(&self, connection: &mut Watched, cursor: i64) -> Result<(), RelayError> {
        rows::prune(connection, self.partition, cursor).await
    }
}
