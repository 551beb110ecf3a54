//! What every relay of a projector shares, and the topics that it has to do with.

use ledger_database::DatabaseUrl;
use ledger_kafka::{KafkaSettings, LogInspector};

/// The topics that a relay has to do with.
#[derive(Debug, Clone)]
pub struct RelayTopics {
    pub orders: String,
    pub outcomes: String,
    pub dead_letters: String,
    pub cursors: String,
}

/// What every relay of this projector shares.
pub struct RelaySettings {
    pub kafka: KafkaSettings,
    pub inspector: LogInspector,
    pub topics: RelayTopics,
    /// Of the log that the positions belong to.
    pub topic_id: String,
    pub database: DatabaseUrl,
}
