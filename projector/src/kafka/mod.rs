//! Clients of Kafka and their settings. Every setting that the exactly-once argument rests on is set here and cannot be
//! overridden by `--kafka-properties`. Read next: `inspector.rs` (facts about topics), `topics.rs` (creation).

mod disposal;
mod inspector;
mod topics;

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use thiserror::Error;

use crate::cli::KafkaArgs;
use crate::exit::UsageError;

pub(crate) use disposal::DroppedAside;
pub use inspector::{LogInspector, ask};
pub(crate) use inspector::{QuietContext, log_line};
pub use topics::{TopicOutcome, TopicsError, ensure_topics};

/// How long a question to the cluster may take before it counts as unreachable.
pub const KAFKA_TIMEOUT: Duration = Duration::from_secs(10);

/// Properties that decide correctness. `--kafka-properties` may not name them.
const PINNED: &[&str] = &[
    "auto.offset.reset",
    "bootstrap.servers",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "group.id",
    "group.protocol",
    "isolation.level",
    "partition.assignment.strategy",
];

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

/// Where Kafka is and how to speak to it.
#[derive(Debug, Clone)]
pub struct KafkaSettings {
    brokers: String,
    properties: Vec<(String, String)>,
}

impl KafkaSettings {
    /// # Errors
    /// [`UsageError::KafkaProperties`] for what is not `key=value`, or names a pinned property.
    pub fn of(args: &KafkaArgs) -> Result<Self, UsageError> {
        Self::new(&args.kafka_brokers, args.kafka_properties.expose())
    }

    /// # Errors
    /// As [`Self::of`]. Values are never repeated: they may be secrets.
    pub fn new(brokers: &str, properties: &str) -> Result<Self, UsageError> {
        let parse = |pair: &str| match pair.split_once('=') {
            Some((key, _)) if PINNED.contains(&key.trim()) => Err(format!("{} is set by the projector", key.trim())),
            Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
            _ => Err("must be key=value, comma separated".to_owned()),
        };
        let pairs = properties.split(',').filter(|pair| !pair.trim().is_empty());
        let properties = pairs.map(parse).collect::<Result<_, _>>().map_err(UsageError::KafkaProperties)?;
        Ok(Self { brokers: brokers.to_owned(), properties })
    }

    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// What every client has.
    pub fn client(&self, name: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", name)
            // A dead broker is found out and asked again quickly; the defaults go up to 10 s.
            .set("reconnect.backoff.max.ms", "1000")
            .set("socket.keepalive.enable", "true")
            .set_log_level(RDKafkaLogLevel::Warning);
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        config
    }

    /// A client that only asks: no group, so it takes part in nothing.
    pub fn inspector(&self) -> ClientConfig {
        let mut config = self.client("ledger-inspector");
        // The end of a partition is then the last stable offset: what a reader of committed records can reach.
        config.set("isolation.level", "read_committed").set("allow.auto.create.topics", "false");
        config
    }

    /// The projector's consumer of the log.
    pub fn group_consumer(&self, group: &str) -> ClientConfig {
        let mut config = self.client("ledger-projector");
        config
            .set("group.id", group)
            // The next-generation protocol is not ripe in this librdkafka.
            .set("group.protocol", "classic")
            // Eager: all partitions are revoked before any is assigned, which keeps the hand-over one step.
            .set("partition.assignment.strategy", "range")
            // Positions are MariaDB's; the group's offsets are a hint for lag tools.
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // Any default but this one skips lost records in silence.
            .set("auto.offset.reset", "error")
            .set("isolation.level", "read_committed")
            .set("allow.auto.create.topics", "false")
            // The broker's lower limit: how long a killed projector's partitions stay with it.
            .set("session.timeout.ms", "6000")
            .set("heartbeat.interval.ms", "1500")
            // The default of a second stalls a consumer that is slower than the fetcher.
            .set("fetch.queue.backoff.ms", "2")
            // Memory. A single larger record is still delivered: the broker always sends at least one.
            .set("queued.max.messages.kbytes", "8192")
            .set("fetch.max.bytes", "16777216")
            .set("fetch.message.max.bytes", "524288");
        config
    }
}

/// Sorts an error of the client: what says that no broker answered, and the rest.
pub(crate) fn use_error(brokers: &str, action: &'static str, cause: KafkaError) -> KafkaUseError {
    match cause.rdkafka_error_code() {
        Some(code) if is_no_answer(code) => {
            KafkaUseError::Unreachable { brokers: brokers.to_owned(), cause: code.to_string() }
        }
        _ => KafkaUseError::Failed { action, cause },
    }
}

/// Codes that mean "no broker answered".
pub(crate) fn is_no_answer(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::RequestTimedOut
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::MessageTimedOut
            | RDKafkaErrorCode::NetworkException
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_checked_without_being_repeated() {
        let settings = KafkaSettings::new("b:1", "sasl.password=p=1, security.protocol=SASL_SSL,").expect("valid");
        assert_eq!(settings.client("x").get("sasl.password"), Some("p=1"));
        for (bad, says) in [
            ("secret", "--kafka-properties: must be key=value, comma separated"),
            ("=secret", "--kafka-properties: must be key=value, comma separated"),
            ("auto.offset.reset=latest", "--kafka-properties: auto.offset.reset is set by the projector"),
        ] {
            assert_eq!(KafkaSettings::new("b:1", bad).expect_err(bad).to_string(), says);
        }
    }

    #[test]
    fn the_consumer_never_skips_by_itself() {
        let config = KafkaSettings::new("b:1", "").expect("valid").group_consumer("g");
        for (key, value) in [
            ("auto.offset.reset", "error"),
            ("enable.auto.commit", "false"),
            ("isolation.level", "read_committed"),
            ("group.protocol", "classic"),
        ] {
            assert_eq!(config.get(key), Some(value));
        }
    }
}
