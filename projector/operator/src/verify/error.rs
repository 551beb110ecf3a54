//! Why the tables could not be held against the log. Nothing was changed.

use ledger_fold::log_safety::LogRefusal;
use ledger_kafka::replay::ReplayError;
use ledger_kafka::{KafkaUseError, TopicsError};
use ledger_store::StoreError;
use thiserror::Error;

/// The tables could not be held against the log. Nothing was changed.
#[derive(Debug, Error)]
pub enum VerifyError {
    #[error("the tables cannot be read: {0}")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Kafka(#[from] KafkaUseError),
    #[error(transparent)]
    Topics(#[from] TopicsError),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error(transparent)]
    Refused(#[from] LogRefusal),
    #[error("there are no positions of topic {topic}: nothing was folded from it into these tables")]
    NoPositions { topic: String },
    #[error("a part of the program failed; its message stands above")]
    WorkerDied,
}

impl VerifyError {
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_unreachable(),
            Self::Kafka(error) => error.is_unreachable(),
            Self::Replay(error) => error.is_unreachable(),
            Self::Topics(error) => error.is_unreachable(),
            _ => false,
        }
    }
}
