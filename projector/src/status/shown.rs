//! What the status says.

use chrono::{DateTime, Utc};
use ledger_store::Pause;
use ledger_store::generations::Holder;
use serde::Serialize;

use super::generations::{KeptGeneration, RebuildStatus};
use super::log::LogStatus;
use crate::blocked::Blocked;

/// One partition.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionStatus {
    pub partition: i32,
    /// Exclusive end of what was folded.
    pub next_offset: i64,
    /// The last stable offset: exclusive end of what can be folded now. Before the end while a transaction is open.
    pub stable_offset: i64,
    /// The high watermark: exclusive end of the log.
    pub end_offset: i64,
    /// Records left to fold: offsets from the first of them to the end, so marks of transactions between them count. 0 when nothing is
    /// left, whatever marks and aborted records follow.
    pub lag: i64,
    /// Age of the oldest record that is left, by its own time, in seconds. 0 when nothing is left.
    pub lag_seconds: f64,
    /// The time of the first record of an open transaction; everything from the last stable offset on waits for its end.
    pub blocked_since: Option<DateTime<Utc>>,
    /// Since when, by whom and why an operator has paused it; nothing of it is folded until it is resumed.
    pub paused: Option<Pause>,
}

impl PartitionStatus {
    /// The open transaction that blocks the partition.
    pub fn blocked(&self) -> Option<Blocked> {
        let Self { partition, stable_offset, end_offset, .. } = *self;
        self.blocked_since.map(|blocked_since| Blocked { partition, stable_offset, end_offset, blocked_since })
    }
}

/// All partitions of the log.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub topic: String,
    pub cluster_id: String,
    pub topic_id: String,
    /// What Kafka has under the topic's name.
    pub log: LogStatus,
    pub partitions: Vec<PartitionStatus>,
    /// Of all partitions.
    pub lag: i64,
    /// Whether the database server that answered takes no rows: a replica, or a primary whose role was taken away.
    pub database_read_only: bool,
    /// Of the live tables.
    pub generation: i32,
    /// Of the rules that the live tables were folded by.
    pub fold_version: i32,
    /// Of the rules that this program folds by.
    pub program_fold_version: i32,
    /// Earlier generations that can be rolled back to, by number.
    pub kept: Vec<KeptGeneration>,
    /// A rebuild that runs or is unfinished.
    pub rebuild: Option<RebuildStatus>,
    /// Which command changes generations now, be it a rebuild, a rollback or a drop.
    pub working: Option<Holder>,
}
