//! What every relay of a projector shares, and the topics that it has to do with.

use std::sync::Arc;

use ledger_database::DatabaseUrl;
use ledger_kafka::{KafkaSettings, LogInspector};
use ledger_schema::topic_settings::Keeps;

use crate::appender::LogAppender;

/// The topics that a relay has to do with.
#[derive(Debug, Clone)]
pub struct RelayTopics {
    pub orders: String,
    pub outcomes: String,
    pub dead_letters: String,
    pub cursors: String,
}

impl RelayTopics {
    /// The topics that are written, and what each must keep.
    pub fn outputs(&self) -> [(&str, Keeps); 3] {
        [
            (&self.outcomes, Keeps::UntilExpired),
            (&self.dead_letters, Keeps::UntilExpired),
            (&self.cursors, Keeps::LastOfEachKey),
        ]
    }
}

/// How what is published is packed on its way and on the broker's disk.
///
/// Every client reads what is not packed. Of the codecs, gzip is the one that all come with; lz4, snappy and zstd are missing in
/// several clients out of the box, which then stop or crash at the first outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// The default: outcomes are small, and packing them costs the projector's own cores.
    #[default]
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Compression {
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// Kafka's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

impl std::fmt::Display for Compression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Compression {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|codec| codec.as_str() == text)
            .ok_or_else(|| format!("must be one of {}", Self::ALL.map(Self::as_str).join(", ")))
    }
}

/// What every relay of this projector shares.
pub struct RelaySettings {
    pub kafka: KafkaSettings,
    pub compression: Compression,
    pub inspector: LogInspector,
    pub topics: RelayTopics,
    /// Of the log that the positions belong to.
    pub topic_id: String,
    pub database: DatabaseUrl,
    /// Appends what other partitions are told.
    pub log: Arc<LogAppender>,
}
