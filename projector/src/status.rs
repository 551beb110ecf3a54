//! Where the projection stands: position, end and lag of each partition. It only reads. `ledger status` prints it, and the
//! projector's `/status` answers the same JSON.

use serde::Serialize;
use thiserror::Error;

use crate::database::{self, DatabaseError, DatabaseUrl, NO_SUCH_TABLE, number_of};
use crate::kafka::{KafkaUseError, LogInspector, ask};
use crate::output::Report;
use crate::store::StoreError;
use crate::store::positions::{self, StoredPosition};

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionStatus {
    pub partition: i32,
    /// Exclusive end of what was folded.
    pub next_offset: i64,
    /// Exclusive end of the log.
    pub end_offset: i64,
    pub lag: i64,
}

/// All partitions of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub topic: String,
    pub cluster_id: String,
    pub topic_id: String,
    pub partitions: Vec<PartitionStatus>,
    pub lag: i64,
}

/// The status cannot be known.
#[derive(Debug, Error)]
pub enum StatusError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Kafka(#[from] KafkaUseError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the database has no tables: run `ledger migrate`")]
    NotMigrated,
    #[error("there are no positions of topic {topic}: `ledger project` creates them when it first starts")]
    NoPositions { topic: String },
}

impl StatusError {
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Database(error) => error.is_unreachable(),
            Self::Kafka(error) => error.is_unreachable(),
            _ => false,
        }
    }
}

/// Reads the status with a connection of its own.
///
/// # Errors
/// [`StatusError`].
pub async fn read(url: &DatabaseUrl, inspector: &LogInspector, topic: &str) -> Result<Status, StatusError> {
    let mut connection = database::connect(url).await?;
    let stored = match positions::read(&mut connection, topic).await {
        Err(StoreError::Database { cause, .. }) if number_of(&cause) == Some(NO_SUCH_TABLE) => {
            return Err(StatusError::NotMigrated);
        }
        stored => stored?,
    };
    let (inspector, topic) = (inspector.clone(), topic.to_owned());
    ask(move || of_positions(&inspector, topic, &stored)).await
}

/// Adds the ends of the partitions. Blocks.
fn of_positions(inspector: &LogInspector, topic: String, stored: &[StoredPosition]) -> Result<Status, StatusError> {
    let Some(first) = stored.first() else { return Err(StatusError::NoPositions { topic }) };
    let status_of = |position: &StoredPosition| {
        let end_offset = inspector.watermarks(&topic, position.partition)?.high;
        let (partition, next_offset) = (position.partition, position.next_offset);
        // The end is read after the position, so it is not behind it, but for a log that lost records.
        Ok(PartitionStatus { partition, next_offset, end_offset, lag: (end_offset - next_offset).max(0) })
    };
    let partitions = stored.iter().map(status_of).collect::<Result<Vec<_>, KafkaUseError>>()?;
    let lag = partitions.iter().map(|partition| partition.lag).sum();
    let (cluster_id, topic_id) = (first.identity.cluster_id.clone(), first.identity.topic_id.clone());
    Ok(Status { topic, cluster_id, topic_id, partitions, lag })
}

impl Report for Status {
    fn header(&self) -> Vec<&'static str> {
        vec!["partition", "position", "end", "lag"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |status: &PartitionStatus| {
            [i64::from(status.partition), status.next_offset, status.end_offset, status.lag]
                .map(|n| n.to_string())
                .into()
        };
        self.partitions.iter().map(row).collect()
    }

    fn summary(&self) -> Option<String> {
        Some(format!("topic {} (id {}, cluster {}), lag {}", self.topic, self.topic_id, self.cluster_id, self.lag))
    }
}
