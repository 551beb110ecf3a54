//! Every setting: a flag and an environment variable each. Secrets are never printed, not even when they are wrong.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use axum::http::HeaderValue;
use clap::{Parser, ValueEnum};
use ledger_auth::AuthArgs;
use ledger_kafka::{KafkaSettings, PropertiesError};
use ledger_tls::TlsArgs;
use tracing_subscriber::EnvFilter;

/// REST for orders and stock over the ledger's log. Stateless: run any number of them behind a gateway.
#[derive(Debug, Clone, Parser)]
#[command(name = "order-service", version, about)]
pub struct Settings {
    /// Kafka's bootstrap servers, comma separated
    #[arg(long, env = "LEDGER_KAFKA_BROKERS", default_value = "127.0.0.1:29092")]
    pub kafka_brokers: String,
    /// More librdkafka properties, key=value comma separated, such as security.protocol=ssl; a value with commas in double quotes
    #[arg(long, env = "LEDGER_KAFKA_PROPERTIES", default_value = "", hide_env_values = true)]
    pub kafka_properties: Secret,
    /// A file of such properties, one key=value a line; those of --kafka-properties win over them
    #[arg(long, env = "LEDGER_KAFKA_PROPERTIES_FILE", value_name = "FILE")]
    pub kafka_properties_file: Option<PathBuf>,
    /// The topic of the log
    #[arg(long, env = "LEDGER_ORDERS_TOPIC", default_value = ledger_schema::topics::ORDERS)]
    pub orders_topic: String,
    /// The topic of outcomes, which answers Prefer: wait
    #[arg(long, env = "LEDGER_OUTCOMES_TOPIC", default_value = ledger_schema::topics::OUTCOMES)]
    pub outcomes_topic: String,
    /// The database user that may only read: mysql://ledger_reader:PASSWORD@HOST:PORT/DATABASE
    #[arg(long, env = "LEDGER_READER_DATABASE_URL", hide_env_values = true)]
    pub reader_database_url: Secret,
    /// Address to serve on
    #[arg(long, env = "LEDGER_SERVICE_LISTEN", default_value = "127.0.0.1:8081")]
    pub listen: SocketAddr,
    #[command(flatten)]
    pub tls: TlsArgs,
    #[command(flatten)]
    pub auth: AuthArgs,
    /// Origins whose pages may call this service from a browser (https://shop.example), comma separated; none: no page of elsewhere
    #[arg(long, env = "LEDGER_CORS_ORIGINS", value_name = "ORIGINS", default_value = "", value_parser = parse_origins)]
    pub cors_origins: Origins,
    /// Name of this service, in X-Order-Service and in the events' ce_source
    #[arg(long, env = "LEDGER_SERVICE_NAME", default_value = "a", value_parser = parse_name)]
    pub name: String,
    /// Longest that a request waits for a decision (Prefer: wait) or for the projection (?after=)
    #[arg(long, env = "LEDGER_MAX_WAIT_SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=300))]
    pub max_wait_seconds: u64,
    /// Requests that wait at the same time; the next are answered as if their time were over
    #[arg(long, env = "LEDGER_MAX_WAITERS", default_value_t = 4096)]
    pub max_waiters: usize,
    /// Longest from append to acknowledgement; after it the outcome is unknown
    #[arg(long, env = "LEDGER_DELIVERY_TIMEOUT_MS", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(100..=60_000))]
    pub delivery_timeout_ms: u64,
    /// How long the producer gathers events for one request to the broker
    #[arg(long, env = "LEDGER_LINGER_MS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=1_000))]
    pub linger_ms: u64,
    /// Streams of events at the same time; the next are 503
    #[arg(long, env = "LEDGER_EVENTS_MAX_STREAMS", default_value_t = 4096, value_parser = parse_count(1, 1_000_000))]
    pub events_max_streams: usize,
    /// Of them, those that read what they missed from the topic of outcomes by themselves (up to 16 MiB each); the next are 503
    #[arg(long, env = "LEDGER_EVENTS_MAX_CATCH_UPS", default_value_t = 4, value_parser = parse_count(1, 256))]
    pub events_max_catch_ups: usize,
    /// Events that a stream may have before it; a reader that is slower than that is told and dropped
    #[arg(long, env = "LEDGER_EVENTS_BUFFER", default_value_t = 1024, value_parser = parse_count(16, 65_536))]
    pub events_buffer: usize,
    /// Longest silence on a stream of events; keep it well below what gateways and proxies allow (nginx here: 60 s)
    #[arg(long, env = "LEDGER_EVENTS_HEARTBEAT_MS", default_value_t = 15_000, value_parser = clap::value_parser!(u64).range(50..=300_000))]
    pub events_heartbeat_ms: u64,
    /// Events in the producer's queue; a full queue is 503 at once
    #[arg(long, env = "LEDGER_QUEUE_MAX_MESSAGES", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub queue_max_messages: u32,
    /// KiB in the producer's queue
    #[arg(long, env = "LEDGER_QUEUE_MAX_KBYTES", default_value_t = 65_536, value_parser = clap::value_parser!(u32).range(1..=2_097_151))]
    pub queue_max_kbytes: u32,
    /// Connections to the database
    #[arg(long, env = "LEDGER_DATABASE_CONNECTIONS", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub database_connections: u32,
    /// Longest wait for a connection, and again for one query
    #[arg(long, env = "LEDGER_DATABASE_TIMEOUT_MS", default_value_t = 3_000, value_parser = clap::value_parser!(u64).range(50..=60_000))]
    pub database_timeout_ms: u64,
    /// Longest that each server is waited for at start
    #[arg(long, env = "LEDGER_STARTUP_TIMEOUT_SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub startup_timeout_seconds: u64,
    /// Longest that a request's body may take to arrive
    #[arg(long, env = "LEDGER_BODY_TIMEOUT_SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub body_timeout_seconds: u64,
    /// Connections of clients at the same time
    #[arg(long, env = "LEDGER_MAX_CONNECTIONS", default_value_t = 8_192, value_parser = parse_count(1, 1_000_000))]
    pub max_connections: usize,
    /// Longest that a connection may be idle, and that a request's headers may take; keep it above the gateway's own (nginx: 60)
    #[arg(long, env = "LEDGER_IDLE_TIMEOUT_SECONDS", default_value_t = 75, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub idle_timeout_seconds: u64,
    /// Longest that an answer may wait for a client that does not read it
    #[arg(long, env = "LEDGER_WRITE_TIMEOUT_SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub write_timeout_seconds: u64,
    /// After SIGTERM, how long /readyz says no, and all else goes on, before connections are refused
    #[arg(long, env = "LEDGER_DRAIN_MS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    pub drain_ms: u64,
    /// After SIGTERM, how long requests in flight may take
    #[arg(long, env = "LEDGER_STOP_TIMEOUT_SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub stop_timeout_seconds: u64,
    /// What is logged: a level, or TARGET=LEVEL comma separated
    #[arg(long, env = "LEDGER_LOG", default_value = "info", value_parser = parse_log)]
    pub log: String,
    /// How it is logged (on stderr)
    #[arg(long, env = "LEDGER_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

impl Settings {
    pub(crate) fn kafka(&self) -> Result<KafkaSettings, PropertiesError> {
        let (properties, file) = (self.kafka_properties.reveal(), self.kafka_properties_file.as_deref());
        KafkaSettings::with_file(&self.kafka_brokers, properties, file)
    }

    pub(crate) fn database_timeout(&self) -> Duration {
        Duration::from_millis(self.database_timeout_ms)
    }

    pub(crate) fn startup_timeout(&self) -> Duration {
        Duration::from_secs(self.startup_timeout_seconds)
    }

    pub(crate) fn stop_timeout(&self) -> Duration {
        Duration::from_secs(self.stop_timeout_seconds)
    }
}

/// A value that is never printed. Parsing never fails, because clap would repeat the value in its error.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

fn parse_name(text: &str) -> Result<String, &'static str> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if (1..=32).contains(&text.len()) && text.bytes().all(is_allowed) {
        Ok(text.to_owned())
    } else {
        Err("expected 1 to 32 letters, digits, dots, underscores or hyphens")
    }
}

/// The origins of [`Settings::cors_origins`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(pub(crate) Vec<HeaderValue>);

/// Each as a browser sends it: scheme, host, and a port that is not the scheme's.
fn parse_origins(text: &str) -> Result<Origins, String> {
    let parse = |origin: &str| {
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let is_origin = host.is_some_and(|host| {
            !host.contains(['/', '?', '#', '@', '*']) && host.parse::<axum::http::uri::Authority>().is_ok()
        });
        let value = HeaderValue::try_from(origin).ok().filter(|_| is_origin && *origin == origin.to_ascii_lowercase());
        value.ok_or_else(|| format!("expected origins such as https://shop.example, comma separated, found {origin}"))
    };
    let origins = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
    origins.map(parse).collect::<Result<_, _>>().map(Origins)
}

fn parse_log(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// An integer of these bounds, both included.
fn parse_count(least: usize, most: usize) -> impl Fn(&str) -> Result<usize, String> + Clone {
    move |text| {
        let count = text.parse().ok().filter(|count| (least..=most).contains(count));
        count.ok_or_else(|| format!("expected an integer from {least} to {most}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Settings::command().debug_assert();
    }

    #[test]
    fn secrets_do_not_print() {
        let url = "mysql://ledger_reader:hunter2@127.0.0.1:1/ledger";
        let properties = "sasl.password=hunter2, linger.ms=2";
        let settings = Settings::try_parse_from(["x", "--reader-database-url", url, "--kafka-properties", properties])
            .expect("valid");
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert_eq!(settings.reader_database_url.reveal(), url);
        assert!(!format!("{:?}", settings.kafka()).contains("hunter2"));
    }

    #[test]
    fn origins() {
        assert_eq!(parse_origins("").map(|origins| origins.0.len()), Ok(0));
        assert_eq!(parse_origins("https://shop.example, http://127.0.0.1:3000").map(|origins| origins.0.len()), Ok(2));
        for bad in
            ["*", "null", "shop.example", "https://shop.example/", "https://*.example", "https://a@b", "HTTPS://x"]
        {
            assert!(parse_origins(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names() {
        for (name, good) in [("a", true), ("order-service_1.b", true), ("", false), ("a b", false), ("ä", false)] {
            assert_eq!(parse_name(name).is_ok(), good, "{name}");
        }
    }
}
