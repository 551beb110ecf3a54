//! Errors of the consumer, and which of the client's pass by themselves. What is not known to pass stops the projector: an
//! error may mean a hole in what was delivered, and a hole must never be folded over.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use thiserror::Error;

use crate::log_check::LogCheckError;
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
    let code = cause.rdkafka_error_code();
    match code {
        Some(code) if passes(code) && !matches!(cause, KafkaError::MessageConsumptionFatal(_)) => {
            tracing::debug!(%cause, "the Kafka client mends this itself");
            Ok(())
        }
        Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
            Err(ConsumerError::OffsetGone { topic: topic.to_owned(), cause })
        }
        _ => Err(ConsumerError::Consuming { topic: topic.to_owned(), cause }),
    }
}

/// Codes after which the client goes on at the same place: brokers that are away or change roles, and the group's own.
pub(crate) fn passes(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::NetworkException
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::ReplicaNotAvailable
            | Code::BrokerNotAvailable
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::OffsetNotAvailable
            | Code::KafkaStorageError
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::RebalanceInProgress
            | Code::IllegalGeneration
            | Code::UnknownMemberId
            | Code::PollExceeded
            | Code::PartitionEOF
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_to_pass_passes() {
        let error = KafkaError::MessageConsumption;
        for code in [RDKafkaErrorCode::AllBrokersDown, RDKafkaErrorCode::PollExceeded] {
            assert!(judge("orders", error(code)).is_ok(), "{code}");
        }
        for code in [RDKafkaErrorCode::AutoOffsetReset, RDKafkaErrorCode::OffsetOutOfRange] {
            assert!(matches!(judge("orders", error(code)), Err(ConsumerError::OffsetGone { .. })), "{code}");
        }
        for code in [
            RDKafkaErrorCode::BadMessage,
            RDKafkaErrorCode::BadCompression,
            RDKafkaErrorCode::UnknownTopicOrPartition,
            RDKafkaErrorCode::TopicAuthorizationFailed,
        ] {
            assert!(matches!(judge("orders", error(code)), Err(ConsumerError::Consuming { .. })), "{code}");
        }
        let fatal = KafkaError::MessageConsumptionFatal(RDKafkaErrorCode::IllegalGeneration);
        assert!(judge("orders", fatal).is_err());
    }
}
