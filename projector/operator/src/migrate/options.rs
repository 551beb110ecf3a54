//! What is to be there: logins, topics, their partitions.

use ledger_database::DatabaseUrl;
use ledger_kafka::KafkaSettings;
use projector::relay::RelayTopics;

/// What a migration is to make sure of. A role without a URL is left out, and the report says so.
#[derive(Debug, Clone)]
pub struct MigrateOptions {
    /// Creates database and users; without it they must be there.
    pub admin: Option<DatabaseUrl>,
    pub owner: Option<DatabaseUrl>,
    pub projector: Option<DatabaseUrl>,
    pub reader: Option<DatabaseUrl>,
    pub kafka: KafkaSettings,
    pub topics: RelayTopics,
    pub partitions: i32,
    /// `None`: 3 where the cluster has that many brokers, else what it has.
    pub replication_factor: Option<i32>,
    /// The database was restored from an older copy: whatever the log holds counts as observed.
    pub restored: bool,
}
