//! Up to where the log is published, and so where a rebuild ends: at the relay's cursor, per partition, never at the log's end. What lies before the cursor is
//! published; what lies after it the live projector folds after the swap, with its outcomes. So the rebuilt tables never hold an
//! effect whose outcome nobody published, also when the outbox was lost with the database.

use std::collections::BTreeMap;
use std::time::Duration;

use ledger_kafka::{KafkaSettings, KafkaUseError, LogInspector, ask};
use projector::blocked::blocked_among;
use projector::relay::{CursorReader, RelayError, RelayTopics};
use thiserror::Error;
use tokio::time::Instant;

/// Exclusive ends, by partition.
pub(crate) type Ends = BTreeMap<i32, i64>;

/// How far the log is published cannot be known.
#[derive(Debug, Error)]
pub enum EndsError {
    #[error(transparent)]
    Cursor(#[from] RelayError),
    #[error("a part of the program failed: {0}")]
    Part(String),
}

impl EndsError {
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Cursor(error) => error.is_unreachable(),
            Self::Part(_) => false,
        }
    }
}

/// Further attempts to read a cursor while Kafka has troubles of its own, and the pause before each.
const FURTHER_ATTEMPTS: usize = 4;
const PAUSE: Duration = Duration::from_secs(1);
/// The transaction of a relay that died is ended by its broker after the relay's 40 s, and the broker looks every 10 s.
const TRANSACTION_PATIENCE: Duration = Duration::from_secs(60);

/// Reads cursors, and checks them against the log.
#[derive(Clone)]
pub(crate) struct EndReader {
    pub(crate) kafka: KafkaSettings,
    pub(crate) inspector: LogInspector,
    pub(crate) topics: RelayTopics,
    /// Of the log: the cursor of another log is refused.
    pub(crate) topic_id: String,
}

impl EndReader {
    /// The cursors as they stand now, of all partitions.
    ///
    /// # Errors
    /// What the relay would be refused for, too; or Kafka, when it does not answer for a while.
    pub(crate) async fn read(&self, partition_count: i32) -> Result<Ends, EndsError> {
        let reads = (0..partition_count).map(|partition| (partition, tokio::spawn(self.clone().patiently(partition))));
        // All at once: each waits for brokers, not for us.
        let reads: Vec<_> = reads.collect();
        let mut ends = Ends::new();
        for (partition, read) in reads {
            let end = read.await.map_err(|error| EndsError::Part(error.to_string()))??;
            ends.insert(partition, end);
        }
        Ok(ends)
    }

    async fn patiently(self, partition: i32) -> Result<i64, RelayError> {
        let (begun, mut troubles, mut blocked) = (Instant::now(), 0, false);
        loop {
            let reader = self.clone();
            match ask(move || reader.one(partition)).await {
                Err(found @ RelayError::Blocked { .. }) if begun.elapsed() < TRANSACTION_PATIENCE => {
                    if !std::mem::replace(&mut blocked, true) {
                        tracing::warn!(partition, "{found}: waiting for at most {} s", TRANSACTION_PATIENCE.as_secs());
                    }
                }
                // A relay that runs: its very first transaction may have been committed between the look for a cursor and the look
                // for what was published. The next look finds its cursor.
                Err(error @ (RelayError::Kafka(_) | RelayError::LostCursor { .. })) if troubles < FURTHER_ATTEMPTS => {
                    troubles += 1;
                    tracing::debug!(partition, %error, "the cursor could not be read: once more");
                }
                read => return read,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Says which partitions an open transaction blocks. It does not keep a rebuild from its end: a cursor lies before it.
    ///
    /// # Errors
    /// Kafka's.
    pub(crate) async fn name_blocked(&self, partition_count: i32) -> Result<(), KafkaUseError> {
        let Self { kafka, inspector, topics, .. } = self.clone();
        let blocked = ask(move || {
            let marks = inspector.watermarks_of(&topics.orders, &(0..partition_count).collect::<Vec<_>>())?;
            blocked_among(&kafka, &topics.orders, &marks)
        });
        for blocked in blocked.await? {
            tracing::warn!("{} {blocked}; the new tables end before it, as the live ones do", self.topics.orders);
        }
        Ok(())
    }

    /// Blocks.
    fn one(&self, partition: i32) -> Result<i64, RelayError> {
        let found = CursorReader::new(&self.kafka, &self.topics, &self.topic_id).read(partition)?;
        // No cursor lies after a position, and no position after the last stable offset.
        let expected = self.inspector.watermarks(&self.topics.orders, partition)?.stable;
        if found > expected {
            return Err(RelayError::CursorBeyondLog { partition, expected, found });
        }
        Ok(found)
    }
}
