//! Why there is no answer: each says what was asked that the log does not have.

use ledger_fold::log_safety::LogRefusal;
use ledger_kafka::KafkaUseError;
use ledger_kafka::replay::ReplayError;
use ledger_schema::{Position, ProductId};
use projector::blocked::Blocked;
use thiserror::Error;

use super::options::AsOf;

/// There is no answer.
#[derive(Debug, Error)]
pub enum AsOfError {
    #[error(transparent)]
    Kafka(#[from] KafkaUseError),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error(transparent)]
    Refused(#[from] LogRefusal),
    #[error("{position} does not exist: topic {topic} has partitions 0 to {last}", last = partitions - 1)]
    NoPartition { topic: String, position: Position, partitions: i32 },
    #[error("{position} lies beyond the log: partition {partition} of topic {topic} ends at {end}, exclusive", partition = position.partition)]
    BeyondTheLog { topic: String, position: Position, end: i64 },
    #[error("{position} cannot be read yet: topic {topic} {blocked}")]
    BehindTransaction { topic: String, position: Position, blocked: Blocked },
    #[error("product {product} lies in partition {expected}, and {position} is of another")]
    OtherPartition { product: ProductId, expected: i32, position: Position },
    #[error(
        "{time} lies before the log: the first record of topic {topic} is of {first}, and a time means, of each partition, all before \
         the first record that is later"
    )]
    BeforeTheLog { topic: String, time: AsOf, first: String },
    #[error("{time} has not come yet")]
    Future { time: AsOf },
    #[error("product {product} is not known as of {as_of}: no receipt stands before")]
    UnknownProduct { product: ProductId, as_of: AsOf },
}

impl AsOfError {
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Kafka(error) => error.is_unreachable(),
            Self::Replay(error) => error.is_unreachable(),
            _ => false,
        }
    }
}
