//! What every relay of a projector shares, and the topics that it has to do with.

use ledger_database::DatabaseUrl;
use ledger_kafka::{KafkaSettings, LogInspector};
use ledger_schema::topic_settings::Keeps;

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

/// What every relay of this projector shares.
pub struct RelaySettings {
    pub kafka: KafkaSettings,
    pub inspector: LogInspector,
    pub topics: RelayTopics,
    /// Of the log that the positions belong to.
    pub topic_id: String,
    pub database: DatabaseUrl,
}
