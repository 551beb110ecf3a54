//! Why nothing was paused, resumed or skipped, or not all. Each says where the partition stands and what to do.

use ledger_database::schema_version::SchemaVersionError;
use ledger_database::{DatabaseError, Fault, fault_of};
use ledger_fold::log_safety::LogRefusal;
use ledger_kafka::KafkaUseError;
use ledger_schema::Position;
use ledger_store::StoreError;
use projector::blocked::Blocked;
use thiserror::Error;

/// An intervention was refused, or failed.
#[derive(Debug, Error)]
pub enum InterventionError {
    #[error("there are no positions of topic {topic}: `ledger project` creates them when it first starts")]
    NoPositions { topic: String },
    #[error("partition {partition} does not exist: topic {topic} has partitions 0 to {}", partitions - 1)]
    NoPartition { topic: String, partition: i32, partitions: usize },
    #[error(
        "the row of partition {partition} was locked for {seconds} s: a batch is being written. Whether it is paused says `ledger status`; \
         the same command tries again"
    )]
    Locked { partition: i32, seconds: u64 },
    #[error(
        "paused, but a rebuild or a rollback has been swapping tables for {seconds} s: until it is over, positions may still change. \
         `ledger status` shows who"
    )]
    Swapping { seconds: u64 },
    #[error(
        "{place} is folded already: partition {} stands at {next_offset}, exclusive, and only the next record can be skipped",
        place.partition
    )]
    Folded { place: Position, next_offset: i64 },
    #[error(
        "{place} was folded already, by tables that are not live now: of partition {} somebody may have observed everything before \
         {furthest}, and a rebuild would no longer come to the same",
        place.partition
    )]
    FoldedBefore { place: Position, furthest: i64 },
    #[error(
        "{place} is not next: the next record of partition {} to be folded is {}:{next}",
        place.partition, place.partition
    )]
    NotNext { place: Position, next: i64 },
    #[error("{place} does not exist: partition {} stands at {next_offset} and has nothing left to fold", place.partition)]
    NothingLeft { place: Position, next_offset: i64 },
    #[error("{place} cannot be read yet: {blocked}")]
    Blocked { place: Position, blocked: Blocked },
    #[error(
        "partition {} moves on while it is looked at: pause it first (`ledger pause {}`), and resume it afterwards",
        place.partition, place.partition
    )]
    Moves { place: Position },
    #[error(transparent)]
    Refused(#[from] LogRefusal),
    #[error("{step}: {cause}")]
    Sql { step: &'static str, cause: sqlx::Error },
    #[error(transparent)]
    Schema(#[from] SchemaVersionError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Kafka(#[from] KafkaUseError),
}

impl InterventionError {
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Sql { cause, .. } => fault_of(cause) == Fault::ConnectionLost,
            Self::Schema(error) => error.is_unreachable(),
            Self::Database(error) => error.is_unreachable(),
            Self::Store(error) => error.is_unreachable(),
            Self::Kafka(error) => error.is_unreachable(),
            _ => false,
        }
    }

    /// Whether the transaction was given up for others' locks, and another attempt may get them.
    pub(super) fn passes(&self) -> bool {
        match self {
            Self::Sql { cause, .. } => fault_of(cause) == Fault::Retry,
            Self::Store(error) => error.fault() == Some(Fault::Retry),
            _ => false,
        }
    }
}

/// Names the step in an error of the database.
pub(super) fn sql(step: &'static str) -> impl Fn(sqlx::Error) -> InterventionError {
    move |cause| InterventionError::Sql { step, cause }
}
