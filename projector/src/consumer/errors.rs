//! Errors of the consumer, and which of the client's pass by themselves. What is not known to pass stops the projector: an
//! error may mean a hole in what was delivered, and a hole must never be folded over.

use ledger_kafka::{Fault, fault_of};
use ledger_store::log_check::LogCheckError;
use rdkafka::error::KafkaError;
use thiserror::Error;

use crate::relay::RelayError;

/// The consumer cannot go on.
#[derive(Debug, Error)]
pub enum ConsumerError {
    #[error("{action}: {cause}")]
    Client { action: &'static str, cause: KafkaError },
    #[error("consuming topic {topic}: {cause}")]
    Consuming { topic: String, cause: KafkaError },
    #[error("topic {topic} does not have the offset at which the projection stands: {cause}")]
    OffsetGone { topic: String, cause: KafkaError },
    #[error(transparent)]
    Log(#[from] LogCheckError),
    #[error(transparent)]
    Relay(#[from] RelayError),
    #[error("the consumer's thread ended unexpectedly")]
    Thread,
}

impl ConsumerError {
    pub(super) fn client(action: &'static str) -> impl Fn(KafkaError) -> Self {
        move |cause| Self::Client { action, cause }
    }
}

/// Passes over what the client mends itself.
///
/// # Errors
/// Everything else.
pub(super) fn judge(topic: &str, cause: KafkaError) -> Result<(), ConsumerError> {
    match fault_of(&cause) {
        Fault::NoAnswer | Fault::Passes => {
            tracing::debug!(%cause, "the Kafka client mends this itself");
            Ok(())
        }
        Fault::OffsetGone => Err(ConsumerError::OffsetGone { topic: topic.to_owned(), cause }),
        Fault::Other => Err(ConsumerError::Consuming { topic: topic.to_owned(), cause }),
    }
}
