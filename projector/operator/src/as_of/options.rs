//! What stock is asked for: up to where, and of which product.

use chrono::{DateTime, SecondsFormat, Utc};
use ledger_database::DatabaseUrl;
use ledger_kafka::KafkaSettings;
use ledger_schema::{Position, ProductId};

/// Up to where the log is folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// All of it.
    Now,
    /// After this record, of its partition alone: what another partition had come to then is not a fact of the log.
    Record(Position),
    /// Up to the first record that Kafka says is later.
    Time(DateTime<Utc>),
}

impl std::fmt::Display for AsOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Now => f.write_str("now"),
            Self::Record(position) => write!(f, "{position}"),
            Self::Time(time) => f.write_str(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        }
    }
}

/// What is asked.
#[derive(Debug)]
pub struct AsOfOptions {
    pub kafka: KafkaSettings,
    pub orders_topic: String,
    pub as_of: AsOf,
    /// This product alone, which makes it one partition.
    pub product: Option<ProductId>,
    /// Where it stands which records operators had skipped: the log does not say it.
    pub database: Option<DatabaseUrl>,
}
