//! What a rebuild is to do, and with what.

use ledger_database::DatabaseUrl;
use ledger_kafka::KafkaSettings;
use projector::relay::RelayTopics;
use projector::writer::BatchSettings;

use super::consent::Consent;
use crate::generations::swap::Patience;

/// What a rebuild is to do, and with what.
#[derive(Debug, Clone)]
pub struct RebuildOptions {
    pub kafka: KafkaSettings,
    /// The owner's.
    pub database: DatabaseUrl,
    pub topics: RelayTopics,
    pub writers: usize,
    pub batch: BatchSettings,
    /// What an earlier run left is dropped, instead of continued.
    pub restart: bool,
    /// Builds, compares and drops.
    pub dry_run: bool,
    pub consent: Consent,
    /// Of differences between live and new tables, how many are listed.
    pub difference_limit: usize,
    /// How long others may hold the tables when they are to be swapped.
    pub patience: Patience,
}
