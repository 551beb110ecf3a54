//! What verifying shares out: what every worker knows, the tables as one of them sees them, and what it found.

use std::collections::BTreeMap;
use std::sync::Mutex;

use ledger_database::{Tables, Watched};
use ledger_fold::Skips;
use ledger_fold::log_safety::LogIdentity;
use ledger_kafka::KafkaSettings;

use super::difference::Differences;
use super::positions::Positions;
use super::progress::Progress;
use super::sums::Unbalanced;
use super::told::Correspondence;

/// Rows that may differ before the rest is not looked at: each takes memory, and tables that differ so much are to be rebuilt.
pub(super) const MAX_WRONG_ROWS: usize = 100_000;

/// What every worker knows.
pub(super) struct Job {
    pub(super) kafka: KafkaSettings,
    pub(super) topic: String,
    pub(super) identity: LogIdentity,
    pub(super) tables: Tables,
    /// Most differences that are listed.
    pub(super) limit: usize,
    pub(super) progress: Progress,
    /// What partitions tell each other: sender and receiver may be different workers'.
    pub(super) between: Mutex<Correspondence>,
}

/// A worker's tables as they are at one moment.
pub(super) struct View {
    pub(super) connection: Watched,
    pub(super) positions: Positions,
    /// Of the partitions that are verified here: the end of the log, exclusive.
    pub(super) ends: BTreeMap<i32, i64>,
    /// What operators had skipped, of all partitions.
    pub(super) skips: BTreeMap<i32, Skips>,
    /// Whether rows of no partition are looked for here.
    pub(super) takes_others: bool,
}

/// What a worker found.
pub(super) struct WorkerFindings {
    pub(super) differences: Differences,
    pub(super) records: u64,
    pub(super) duplicates: u64,
    pub(super) skipped: u64,
    pub(super) unbalanced: Unbalanced,
    /// Up to where each partition was folded, exclusive.
    pub(super) folded: BTreeMap<i32, i64>,
    /// It stopped early, at so many differences.
    pub(super) gave_up: bool,
}
