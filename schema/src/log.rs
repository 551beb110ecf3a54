//! What identifies a log, and how far it reaches, as a broker reports both. Facts only: whether a log may be folded is decided
//! by the fold's `log_safety` (INV-8, INV-9).

/// What makes a log that log and no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogIdentity {
    pub cluster_id: String,
    /// Kafka's topic id, base64 as its tools print it. A recreated topic has a new one.
    pub topic_id: String,
    pub partition_count: i32,
}

/// Where a partition begins and ends, as the broker reports it. Three different things: a position of ours never stands after the
/// last stable offset, and may stand before it for ever where only marks of transactions and aborted records follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    /// The first offset.
    pub low: i64,
    /// The last stable offset: exclusive end of what readers of committed records can be given. Before `high` while a transaction is
    /// open; then it is the offset of that transaction's first record.
    pub stable: i64,
    /// The high watermark: exclusive end of what all in-sync replicas have, open transactions included.
    pub high: i64,
}

impl Watermarks {
    /// Whether an open transaction keeps readers of committed records from the end.
    pub fn is_blocked(&self) -> bool {
        self.stable < self.high
    }
}
