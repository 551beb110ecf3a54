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

/// First and one-past-last offset of a partition, as the broker reports them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    pub low: i64,
    pub high: i64,
}
