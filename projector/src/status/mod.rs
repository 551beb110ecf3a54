//! Where the projection stands: position, end and lag of each partition, and the generations of its tables. It only reads. `ledger status` prints it, and the
//! projector's `/status` answers the same JSON.

mod generations;

use serde::Serialize;
use sqlx::Connection;
use thiserror::Error;

use crate::database::{self, DatabaseError, DatabaseUrl, NO_SUCH_TABLE, number_of};
use crate::generations::{GenerationsError, Holder};
use crate::kafka::{KafkaUseError, LogInspector, ask};
use crate::output::Report;
use crate::store::positions::{self, StoredPosition};
use crate::store::{FOLD_VERSION, StoreError};
use generations::Known;
pub use generations::{KeptGeneration, RebuildStatus};

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
    #[error(transparent)]
    Generations(#[from] GenerationsError),
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
            Self::Generations(error) => error.is_unreachable(),
            Self::Store(_) | Self::NotMigrated | Self::NoPositions { .. } => false,
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
    let known = generations::read(&mut connection, topic, stored.first().map(|position| position.generation)).await?;
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
        generation: first.generation,
        fold_version: first.fold_version,
        program_fold_version: FOLD_VERSION,
        kept,
        rebuild,
        working,
    })
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
        let Self { topic, topic_id, cluster_id, lag, generation, fold_version, .. } = self;
        let mut lines = vec![
            format!("topic {topic} (id {topic_id}, cluster {cluster_id}), lag {lag}"),
            format!("generation {generation} is live (fold version {fold_version})"),
        ];
        if *fold_version != self.program_fold_version {
            let program = self.program_fold_version;
            lines.push(format!("this program folds by version {program}: `ledger rebuild` makes tables of it"));
        }
        if !self.kept.is_empty() {
            let kept: Vec<String> = self.kept.iter().map(|kept| kept.generation.to_string()).collect();
            lines.push(format!("kept for `ledger rollback`: {}", kept.join(", ")));
        }
        lines.extend(self.rebuild.as_ref().map(ToString::to_string));
        // A rebuild that runs is told of already.
        let running = self.rebuild.as_ref().is_some_and(|rebuild| rebuild.running);
        lines.extend(self.working.as_ref().filter(|_| !running).map(|holder| format!("running: {holder}")));
        Some(lines.join("\n"))
    }
}
