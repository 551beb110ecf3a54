//! Kafka, as the projector, the operator's commands and the order services use it: settings of clients, one classification
//! of errors, facts about topics, raw records and ranges of the log. It must never know what a record says.
//!
//! Reading order: [`settings`], [`faults`] (what an error means), [`inspector`] (facts about topics), [`record`], [`replay`]
//! (ranges of the log), [`topics`] (creation), [`disposal`]; `native` is the one file with unsafe code.

pub mod disposal;
pub mod faults;
pub mod inspector;
mod native;
pub mod record;
pub mod replay;
pub mod settings;
pub mod topics;

use std::time::Duration;

pub use disposal::DroppedAside;
pub use faults::{Fault, fault_of};
pub use inspector::{LogInspector, QuietContext, ask, log_line};
use rdkafka::error::KafkaError;
pub use settings::{KafkaSettings, PropertiesError};
use thiserror::Error;
pub use topics::{TopicOutcome, TopicsError, ensure_topics};

/// How long a question to the cluster may take before it counts as unreachable.
pub const KAFKA_TIMEOUT: Duration = Duration::from_secs(10);

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
