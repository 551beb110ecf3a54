//! Why the status cannot be known.

use ledger_database::DatabaseError;
use ledger_kafka::KafkaUseError;
use ledger_store::StoreError;
use thiserror::Error;

use super::generations::RebuildStatus;

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
