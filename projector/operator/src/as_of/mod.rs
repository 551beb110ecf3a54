//! Stock as it was: after a record, at a time, or now; and how a product's number came about. All from the log, so that it can be
//! asked while the tables are doubted, or gone. It reads, and writes nothing.
//!
//! Reading order: [`ends`] (which part of the log an answer is about), [`replayed`] (its fold), [`levels`] and [`explain`] (the two
//! answers).
//!
//! Memory is proportional to products, and to the records of one partition: the fold has to know which ids it has seen, and there
//! is no table to ask. So partitions are folded one after the other.

pub mod ends;
pub mod explain;
pub mod levels;
mod replayed;

use chrono::{DateTime, SecondsFormat, Utc};
pub use explain::{Entry, Explained, explain};
use ledger_fold::log_safety::LogRefusal;
use ledger_kafka::replay::ReplayError;
use ledger_kafka::{KafkaSettings, KafkaUseError};
use ledger_schema::{Position, ProductId};
pub use levels::{Level, Levels, levels};
use thiserror::Error;

/// Up to where the log is folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// All of it.
    Now,
    /// After this record, of its partition alone: what another partition had come to then is not a fact of the log.
    Record(Position),
    /// Up to the first record that Kafka says is later.
    Time(DateTime<Utc>),
}

impl std::fmt::Display for AsOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Now => f.write_str("now"),
            Self::Record(position) => write!(f, "{position}"),
            Self::Time(time) => f.write_str(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        }
    }
}

/// What is asked.
#[derive(Debug)]
pub struct AsOfOptions {
    pub kafka: KafkaSettings,
    pub orders_topic: String,
    pub as_of: AsOf,
    /// This product alone, which makes it one partition.
    pub product: Option<ProductId>,
}

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
    #[error("product {product} lies in partition {expected}, and {position} is of another")]
    OtherPartition { product: ProductId, expected: i32, position: Position },
    #[error("{time} lies before the log: the first record of topic {topic} is of {first}")]
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
