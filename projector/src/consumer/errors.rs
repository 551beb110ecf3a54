//! Errors of the consumer, and which of the client's pass by themselves. What is not known to pass stops the projector: an
//! error may mean a hole in what was delivered, and a hole must never be folded over.

use ledger_kafka::{Fault, TOPIC_PATIENCE, fault_of};
use ledger_store::log_check::LogCheckError;
use rdkafka::error::KafkaError;
use thiserror::Error;
use tokio::time::Instant;

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

/// What follows from an error of the client that does not stop the projector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judged {
    /// The client mends it by itself.
    Passes,
    /// Brokers do not know the topic: whether it is gone has to be looked at.
    TopicInDoubt,
}

/// Passes over what the client mends itself.
///
/// # Errors
/// Everything else.
pub(super) fn judge(topic: &str, cause: KafkaError) -> Result<Judged, ConsumerError> {
    match fault_of(&cause) {
        // Who is not let in any more is let in again once somebody has mended the credentials: `log_watch.rs` says so meanwhile.
        Fault::NoAnswer | Fault::Passes | Fault::NotAdmitted => {
            tracing::debug!(%cause, "the Kafka client mends this itself");
            Ok(Judged::Passes)
        }
        Fault::NoTopic => {
            tracing::warn!(%cause, "brokers do not know the topic: looking again");
            Ok(Judged::TopicInDoubt)
        }
        Fault::OffsetGone => Err(ConsumerError::OffsetGone { topic: topic.to_owned(), cause }),
        Fault::Other => Err(ConsumerError::Consuming { topic: topic.to_owned(), cause }),
    }
}

/// Which answers about the log are waited for: those that pass, and that we are not let in, for as long as they come; and that the topic is missing, for a
/// while. It was there, or we would not ask: a broker that has just started may not have heard of it yet.
#[derive(Debug, Default)]
pub(super) struct Patience {
    missing_since: Option<Instant>,
}

impl Patience {
    /// Whether the same question is worth asking again after `error`.
    pub(super) fn waits_for(&mut self, error: &LogCheckError) -> bool {
        if !error.is_topic_missing() {
            self.missing_since = None;
            return error.is_retryable() || error.is_not_admitted();
        }
        let now = Instant::now();
        now.duration_since(*self.missing_since.get_or_insert(now)) < TOPIC_PATIENCE
    }

    /// An answer came.
    pub(super) fn answered(&mut self) {
        self.missing_since = None;
    }
}

#[cfg(test)]
mod tests {
    use ledger_fold::log_safety::LogRefusal;
    use ledger_kafka::KafkaUseError;
    use rdkafka::error::RDKafkaErrorCode as Code;

    use super::*;

    #[test]
    fn leaders_that_move_stop_nobody_and_a_log_that_is_gone_does() {
        let consumed = |code| judge("orders", KafkaError::MessageConsumption(code));
        for code in [Code::OffsetNotAvailable, Code::NotLeaderForPartition, Code::AllBrokersDown, Code::Authentication]
        {
            assert_eq!(consumed(code).expect("passes"), Judged::Passes, "{code}");
        }
        assert_eq!(consumed(Code::UnknownTopicOrPartition).expect("looked at"), Judged::TopicInDoubt);
        for code in [Code::OffsetOutOfRange, Code::AutoOffsetReset, Code::LogTruncation] {
            assert!(matches!(consumed(code), Err(ConsumerError::OffsetGone { .. })), "{code}");
        }
        for code in [Code::BadMessage, Code::TopicAuthorizationFailed, Code::Unknown] {
            assert!(matches!(consumed(code), Err(ConsumerError::Consuming { .. })), "{code}");
        }
    }

    fn failed(code: Code) -> LogCheckError {
        KafkaUseError::Failed { action: "asking", cause: KafkaError::MetadataFetch(code) }.into()
    }

    #[tokio::test(start_paused = true)]
    async fn a_missing_topic_is_waited_for_a_while_and_moving_leaders_for_ever() {
        let mut patience = Patience::default();
        let missing = || LogCheckError::from(KafkaUseError::MissingTopic { topic: "orders".to_owned() });
        assert!(patience.waits_for(&missing()));
        tokio::time::advance(TOPIC_PATIENCE / 2).await;
        assert!(patience.waits_for(&failed(Code::UnknownTopicOrPartition)), "said otherwise, and the same");
        // Whoever knows the topic, and has no leader for it, knows it.
        assert!(patience.waits_for(&failed(Code::LeaderNotAvailable)));
        assert!(patience.waits_for(&missing()));
        tokio::time::advance(TOPIC_PATIENCE).await;
        assert!(!patience.waits_for(&missing()), "it is gone");
        patience.answered();
        for _ in 0..3 {
            tokio::time::advance(TOPIC_PATIENCE * 10).await;
            assert!(patience.waits_for(&failed(Code::OffsetNotAvailable)));
            assert!(patience.waits_for(&failed(Code::Authentication)), "a password that was rotated");
        }
        let truncated = LogRefusal::IncompletePositions { topic: "orders".to_owned(), expected: 3, found: 2 };
        assert!(!patience.waits_for(&truncated.into()), "what is refused is refused");
    }
}
