//! What the status says.

use ledger_store::generations::Holder;
use serde::Serialize;

use super::generations::{KeptGeneration, RebuildStatus};
use super::log::LogStatus;

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionStatus {
    pub partition: i32,
    /// Exclusive end of what was folded.
    pub next_offset: i64,
    /// Exclusive end of the log.
    pub end_offset: i64,
    pub lag: i64,
}

/// All partitions of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub topic: String,
    pub cluster_id: String,
    pub topic_id: String,
    /// What Kafka has under the topic's name.
    pub log: LogStatus,
    pub partitions: Vec<PartitionStatus>,
    pub lag: i64,
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
