//! Kafka could not be used: by what an operator would have to do. Read next: `faults.rs`, what an error of the client means.

use rdkafka::error::KafkaError;
use thiserror::Error;

use crate::faults::{Fault, fault_of};

/// Kafka could not be used.
#[derive(Debug, Error)]
pub enum KafkaUseError {
    #[error("Kafka at {brokers} cannot be reached: {cause}")]
    Unreachable { brokers: String, cause: String },
    #[error("topic {topic} does not exist: run `ledger migrate`")]
    MissingTopic { topic: String },
    #[error("{action}: {cause}")]
    Failed { action: &'static str, cause: KafkaError },
    #[error("{action}: {cause}")]
    Native { action: &'static str, cause: String },
}

impl KafkaUseError {
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// Sorts an error of the client: what says that no broker answered, and the rest.
pub fn use_error(brokers: &str, action: &'static str, cause: KafkaError) -> KafkaUseError {
    match (fault_of(&cause), cause.rdkafka_error_code()) {
        (Fault::NoAnswer, Some(code)) => {
            KafkaUseError::Unreachable { brokers: brokers.to_owned(), cause: code.to_string() }
        }
        _ => KafkaUseError::Failed { action, cause },
    }
}
