//! Kafka could not be used: by what an operator would have to do. Read next: `faults.rs`, what an error of the client means.

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;
use thiserror::Error;

use crate::faults::{Fault, code_of, fault_of};

/// Kafka could not be used.
#[derive(Debug, Error)]
pub enum KafkaUseError {
    #[error("Kafka at {brokers} cannot be reached: {cause}")]
    Unreachable { brokers: String, cause: String },
    /// Brokers answer, and do not let the client in.
    #[error(
        "Kafka at {brokers} does not let this program in (LEDGER_KAFKA_PROPERTIES, LEDGER_KAFKA_PROPERTIES_FILE): {cause}"
    )]
    NotAdmitted { brokers: String, cause: String },
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

    /// Whether the same question may be answered a moment later: no broker answered, or leaders and coordinators move.
    pub fn passes(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Failed { cause, .. } => fault_of(cause).passes(),
            Self::NotAdmitted { .. } | Self::MissingTopic { .. } | Self::Native { .. } => false,
        }
    }

    /// Whether brokers do not let the client in. Who has used them already waits until somebody has mended that.
    pub fn is_not_admitted(&self) -> bool {
        match self {
            Self::NotAdmitted { .. } => true,
            Self::Failed { cause, .. } => fault_of(cause) == Fault::NotAdmitted,
            Self::Unreachable { .. } | Self::MissingTopic { .. } | Self::Native { .. } => false,
        }
    }

    /// Whether brokers do not know the topic. One that has just started may say so of a topic that is there: see
    /// [`TOPIC_PATIENCE`](crate::faults::TOPIC_PATIENCE).
    pub fn is_topic_missing(&self) -> bool {
        match self {
            Self::MissingTopic { .. } => true,
            Self::Failed { cause, .. } => fault_of(cause) == Fault::NoTopic,
            Self::Unreachable { .. } | Self::NotAdmitted { .. } | Self::Native { .. } => false,
        }
    }
}

/// Sorts an error of the client: what says that no broker answered, that none lets it in, and the rest.
pub fn use_error(brokers: &str, action: &'static str, cause: KafkaError) -> KafkaUseError {
    match (fault_of(&cause), code_of(&cause)) {
        (Fault::NoAnswer, Some(code)) => {
            KafkaUseError::Unreachable { brokers: brokers.to_owned(), cause: code.to_string() }
        }
        (Fault::NotAdmitted, Some(code)) => {
            KafkaUseError::NotAdmitted { brokers: brokers.to_owned(), cause: code.to_string() }
        }
        _ => KafkaUseError::Failed { action, cause },
    }
}

/// A client that cannot be made. The client's own text repeats the value of the property that it refuses, which may be a
/// secret: only the name is kept.
pub fn settings_refused(cause: KafkaError) -> KafkaUseError {
    let action = "Kafka client settings";
    match cause {
        KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, _, name, _) => {
            let cause = if looks_like_a_property(&name) {
                format!("there is no property {name}")
            } else {
                "there is no property of that name, which is not shown: it may be part of a value with a comma, which stands in \
                 double quotes"
                    .to_owned()
            };
            KafkaUseError::Native { action, cause }
        }
        KafkaError::ClientConfig(_, _, name, _) => {
            KafkaUseError::Native { action, cause: format!("the value of the property {name} is refused") }
        }
        cause => KafkaUseError::Failed { action, cause },
    }
}

/// Names of librdkafka's properties are words in lower case with dots between them. What is not one may be the end of a
/// password that has a comma.
fn looks_like_a_property(name: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    name.contains('.') && name.split('.').all(is_word)
}

#[cfg(test)]
mod tests {
    use rdkafka::consumer::BaseConsumer;
    use rdkafka::error::RDKafkaErrorCode as Code;

    use super::*;
    use crate::settings::KafkaSettings;

    #[test]
    fn whether_it_is_asked_again_follows_from_the_code() {
        for (code, unreachable, passes, topic_missing) in [
            (Code::OperationTimedOut, true, true, false),
            (Code::OffsetNotAvailable, false, true, false),
            (Code::NotLeaderForPartition, false, true, false),
            (Code::UnknownTopicOrPartition, false, false, true),
            (Code::TopicAuthorizationFailed, false, false, false),
        ] {
            for cause in [KafkaError::MetadataFetch(code), KafkaError::AdminOp(code)] {
                let error = use_error("b:1", "asking", cause);
                assert_eq!(
                    (error.is_unreachable(), error.passes(), error.is_topic_missing()),
                    (unreachable, passes, topic_missing),
                    "{code}"
                );
            }
        }
        let refused = use_error("b:1", "asking", KafkaError::MetadataFetch(Code::Authentication));
        assert!(refused.is_not_admitted() && !refused.is_unreachable() && !refused.passes(), "{refused}");
        let missing = KafkaUseError::MissingTopic { topic: "t".to_owned() };
        assert!(!missing.is_not_admitted());
        assert!(missing.is_topic_missing() && !missing.passes());
    }

    #[test]
    fn what_the_client_refuses_is_named_without_its_value() {
        for (properties, says) in [
            ("sasl.pasword=hunter2", "Kafka client settings: there is no property sasl.pasword"),
            (
                "socket.timeout.ms=hunter2",
                "Kafka client settings: the value of the property socket.timeout.ms is refused",
            ),
        ] {
            let settings = KafkaSettings::new("b:1", properties).expect("well formed");
            let client: Result<BaseConsumer, _> = settings.client("x").create();
            assert_eq!(client.map_err(settings_refused).err().expect("refused").to_string(), says);
        }
    }

    #[test]
    fn what_may_be_the_end_of_a_password_is_not_shown() {
        for properties in ["sasl.password=hun,ter2=x", "sasl.password=hun,Ter.ter2=x", "sasl.password=hun,ter=2"] {
            let settings = KafkaSettings::new("b:1", properties).expect("well formed");
            let client: Result<BaseConsumer, _> = settings.client("x").create();
            let said = client.map_err(settings_refused).err().expect("refused").to_string();
            assert!(said.contains("not shown") && !said.contains("ter"), "{said}");
        }
    }
}
