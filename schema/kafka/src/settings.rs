//! Settings of Kafka's clients. Every setting that the exactly-once argument rests on is set here and cannot be overridden
//! by `--kafka-properties`. It must never repeat a property's value in an error: it may be a secret.

use std::fmt;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use thiserror::Error;

/// How long a question to the cluster may take before it counts as unreachable.
pub const KAFKA_TIMEOUT: Duration = Duration::from_secs(10);

/// Properties that decide correctness. `--kafka-properties` may not name them.
/// Aliases are among them: of two names of one property, which is applied last is a matter of chance.
const PINNED: &[&str] = &[
    "acks",
    "allow.auto.create.topics",
    "auto.offset.reset",
    "bootstrap.servers",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "group.id",
    "group.protocol",
    "isolation.level",
    "message.timeout.ms",
    "metadata.broker.list",
    "partition.assignment.strategy",
    "partitioner",
    "request.required.acks",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "transactional.id",
];

/// Properties that are not taken. It never repeats a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PropertiesError {
    #[error("must be key=value, comma separated")]
    Form,
    #[error("{0} is set by the ledger itself")]
    Pinned(String),
}

/// Where Kafka is and how to speak to it.
#[derive(Clone)]
pub struct KafkaSettings {
    brokers: String,
    properties: Vec<(String, String)>,
}

impl KafkaSettings {
    /// `properties`: `key=value`, comma separated.
    ///
    /// # Errors
    /// [`PropertiesError`] for what is not `key=value`, or names a pinned property.
    pub fn new(brokers: &str, properties: &str) -> Result<Self, PropertiesError> {
        let parse = |pair: &str| match pair.split_once('=') {
            Some((key, _)) if PINNED.contains(&key.trim()) => Err(PropertiesError::Pinned(key.trim().to_owned())),
            Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
            _ => Err(PropertiesError::Form),
        };
        let pairs = properties.split(',').filter(|pair| !pair.trim().is_empty());
        let properties = pairs.map(parse).collect::<Result<_, _>>()?;
        Ok(Self { brokers: brokers.to_owned(), properties })
    }

    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// What every client has. The properties of `--kafka-properties` are in it: what is set afterwards wins over them.
    pub fn client(&self, name: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", name)
            // A dead broker is found out and tried again quickly; the defaults go up to 10 s.
            .set("reconnect.backoff.max.ms", "1000")
            .set("socket.keepalive.enable", "true")
            // A producer's default is to have a topic that was deleted made anew, under its name, with the broker's settings.
            .set("allow.auto.create.topics", "false")
            .set_log_level(RDKafkaLogLevel::Warning);
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        config
    }

    /// A client that only asks: no group, so it takes part in nothing.
    pub fn inspector(&self) -> ClientConfig {
        let mut config = self.client("ledger-inspector");
        // A time is then looked up among what a reader of committed records can reach. Of ends it asks for both, by name.
        config.set("isolation.level", "read_committed");
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

/// Names of properties only: a value may be a secret.
impl fmt::Debug for KafkaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.properties.iter().map(|(name, _)| name).collect();
        f.debug_struct("KafkaSettings").field("brokers", &self.brokers).field("properties", &names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_checked_without_being_repeated() {
        let settings = KafkaSettings::new("b:1", "sasl.password=p=1, security.protocol=SASL_SSL,").expect("valid");
        assert_eq!(settings.client("x").get("sasl.password"), Some("p=1"));
        assert!(!format!("{settings:?}").contains("p=1"));
        for (bad, says) in [
            ("secret", "must be key=value, comma separated"),
            ("=secret", "must be key=value, comma separated"),
            ("auto.offset.reset=latest", "auto.offset.reset is set by the ledger itself"),
            ("acks=1", "acks is set by the ledger itself"),
            ("retry.backoff.ms=1", "retry.backoff.ms is set by the ledger itself"),
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
