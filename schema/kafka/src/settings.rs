//! Settings of Kafka's clients. Every setting that the exactly-once argument rests on is set here and cannot be overridden
//! by `--kafka-properties`. It must never repeat a property's value in an error: it may be a secret. Next: `properties.rs`, how they are read.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use crate::properties::{self, PropertiesError, Property};
use crate::property_files::{self, OAUTH_CONFIG};

/// How long a question to the cluster may take before it counts as unreachable.
pub const KAFKA_TIMEOUT: Duration = Duration::from_secs(10);

/// What stands in the names of properties that hold secrets.
const SECRET_WORDS: [&str; 7] =
    ["password", "secret", "key.pem", "token", "jaas", "credential", "sasl.oauthbearer.config"];

/// Where Kafka is and how to speak to it.
#[derive(Clone)]
pub struct KafkaSettings {
    brokers: String,
    properties: Vec<(String, String)>,
}

impl KafkaSettings {
    /// `properties`: `key=value`, comma separated; a value in double quotes may hold commas ([`crate::properties`]).
    ///
    /// # Errors
    /// [`PropertiesError`] for what is not `key=value`, names a pinned property, or a file that cannot be used.
    pub fn new(brokers: &str, properties: &str) -> Result<Self, PropertiesError> {
        Self::of(brokers, properties::of_list(properties)?)
    }

    /// As [`Self::new`], with more properties from a file, one `key=value` a line. Those of `properties` win over them.
    ///
    /// # Errors
    /// [`PropertiesError`], which names the file and the line of it.
    pub fn with_file(brokers: &str, properties: &str, file: Option<&Path>) -> Result<Self, PropertiesError> {
        let Some(file) = file.filter(|file| !file.as_os_str().is_empty()) else {
            return Self::new(brokers, properties);
        };
        let mut all = properties::of_file(file)?;
        property_files::check_secrets_in(file, &all)?;
        all.extend(properties::of_list(properties)?);
        Self::of(brokers, all)
    }

    /// The later one of two of a name counts.
    fn of(brokers: &str, properties: Vec<Property>) -> Result<Self, PropertiesError> {
        property_files::check_named(&properties)?;
        Ok(Self { brokers: brokers.to_owned(), properties })
    }

    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// What of the properties is a secret, or may be one, by its name: for whoever must keep them out of a text.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let is_secret = |name: &str| SECRET_WORDS.iter().any(|word| name.contains(word));
        self.properties.iter().filter(move |(name, _)| is_secret(name)).map(|(_, value)| value.as_str())
    }

    /// Whether clients need a token, and where it is.
    pub(crate) fn token_config(&self) -> Option<&str> {
        let found = self.properties.iter().rev().find(|(key, _)| key == OAUTH_CONFIG);
        found.map(|(_, value)| value.as_str()).filter(|config| !config.is_empty())
    }

    pub(crate) fn logs_in_by_token(&self) -> bool {
        self.token_config().is_some()
    }

    /// What every client has. The properties of `--kafka-properties` are in it: what is set afterwards wins over them.
    pub fn client(&self, name: &str) -> ClientConfig {
        keep_openssl_to_the_end();
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

    /// A client that only asks: no group, so it takes part in nothing. Of ends and times it hears what a reader at `isolation`
    /// (`read_committed` or `read_uncommitted`) can reach.
    pub fn inspector(&self, isolation: &str) -> ClientConfig {
        let mut config = self.client("ledger-inspector");
        config.set("isolation.level", isolation);
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

/// Has OpenSSL, which librdkafka speaks TLS by, stay as it is when the process exits. Left to itself, which it is when librdkafka is the first to call
/// it, it takes itself apart then, beneath clients that are dropped aside (`disposal.rs`) and whose threads still speak: a command that
/// had done its work over TLS ended by SIGSEGV, now and then.
fn keep_openssl_to_the_end() {
    openssl_sys::init();
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
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_value_does_not_show_and_the_list_wins_over_the_file() {
        let folder = std::env::temp_dir().join(format!("ledger-kafka-settings-{}", std::process::id()));
        std::fs::write(&folder, "sasl.password=from,file\nlinger.ms=7\n").expect("a file");
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o600)).expect("ours");
        let settings = KafkaSettings::with_file("b:1", "linger.ms=2", Some(&folder)).expect("valid");
        std::fs::remove_file(&folder).expect("it was there");
        assert_eq!(settings.client("x").get("sasl.password"), Some("from,file"));
        assert_eq!(settings.client("x").get("linger.ms"), Some("2"));
        assert!(!format!("{settings:?}").contains("from"));
        assert_eq!(settings.secrets().collect::<Vec<_>>(), ["from,file"]);
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
