//! Where the projection stands: position, end and lag of each partition, and the generations of its tables. It only reads. `ledger status` prints it, and the
//! projector's `/status` answers the same JSON.

mod generations;

use generations::Known;
pub use generations::{KeptGeneration, RebuildStatus};
use ledger_database::{DatabaseError, DatabaseUrl, NO_SUCH_TABLE, number_of};
use ledger_kafka::{KafkaUseError, LogInspector, ask};
use ledger_store::generations::Holder;
use ledger_store::positions::{self, StoredPosition};
use ledger_store::{FOLD_VERSION, StoreError};
use serde::Serialize;
use sqlx::Connection;
use thiserror::Error;

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
    /// Of the live tables.
    pub generation: i32,
    /// Of the rules that the live tables were folded by.
    pub fold_version: i32,
    /// Of the rules that this program folds by.
    pub program_fold_version: i32,
    /// Earlier generations that can be rolled back to, by number.
    pub kept: Vec<KeptGeneration>,
    /// A rebuild that runs or is unfinished.
    pub rebuild: Option<RebuildStatus>,
    /// Which command changes generations now, be it a rebuild, a rollback or a drop.
    pub working: Option<Holder>,
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
    #[error(
        "there are no positions of topic {topic}: `ledger project` creates them when it first starts{}",
        rebuild.as_ref().map_or_else(String::new, |rebuild| format!("; {rebuild}"))
    )]
    NoPositions { topic: String, rebuild: Option<RebuildStatus> },
}

impl StatusError {
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Database(error) => error.is_unreachable(),
            Self::Kafka(error) => error.is_unreachable(),
            Self::Store(error) => error.is_unreachable(),
            Self::NotMigrated | Self::NoPositions { .. } => false,
        }
    }
}

/// Reads the status with a connection of its own.
///
/// # Errors
/// [`StatusError`].
pub async fn read(url: &DatabaseUrl, inspector: &LogInspector, topic: &str) -> Result<Status, StatusError> {
    let mut connection = ledger_database::connect(url).await?;
    let stored = match positions::read(&mut connection, topic).await {
        Err(StoreError::Database { cause, .. }) if number_of(&cause) == Some(NO_SUCH_TABLE) => {
            return Err(StatusError::NotMigrated);
        }
        stored => stored?,
    };
    let known =
        generations::read(&mut connection, topic, stored.first().map(|position| position.generation.number)).await?;
    // A projector reads this every two seconds, and the server warns of each client that goes without a word. Whether it
    // hears the word changes nothing for us.
    let _closed = connection.close().await;
    let (inspector, topic) = (inspector.clone(), topic.to_owned());
    ask(move || of_positions(&inspector, topic, &stored, known)).await
}

/// Adds the ends of the partitions. Blocks.
fn of_positions(
    inspector: &LogInspector,
    topic: String,
    stored: &[StoredPosition],
    known: Known,
) -> Result<Status, StatusError> {
    let Known { kept, rebuild, working } = known;
    let Some(first) = stored.first() else { return Err(StatusError::NoPositions { topic, rebuild }) };
    let status_of = |position: &StoredPosition| {
        let end_offset = inspector.watermarks(&topic, position.partition)?.high;
        let (partition, next_offset) = (position.partition, position.next_offset);
        // The end is read after the position, so it is not behind it, but for a log that lost records.
        Ok(PartitionStatus { partition, next_offset, end_offset, lag: (end_offset - next_offset).max(0) })
    };
    let partitions = stored.iter().map(status_of).collect::<Result<Vec<_>, KafkaUseError>>()?;
    Ok(Status {
        lag: partitions.iter().map(|partition| partition.lag).sum(),
        partitions,
        cluster_id: first.identity.cluster_id.clone(),
        topic_id: first.identity.topic_id.clone(),
        topic,
        generation: first.generation.number,
        fold_version: first.fold_version,
        program_fold_version: FOLD_VERSION,
        kept,
        rebuild,
        working,
    })
}
