//! What identifies a log, and how far it reaches, as a broker reports both; and what makes it another one, which services and
//! projector must tell alike. Whether a log may be folded is decided by the fold's `log_safety` (INV-8, INV-9).

use thiserror::Error;

/// What makes a log that log and no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogIdentity {
    pub cluster_id: String,
    /// Kafka's topic id, base64 as its tools print it. A recreated topic has a new one.
    pub topic_id: String,
    pub partition_count: i32,
}

/// A log that is not the one that the tables belong to. Never retryable: a person has to decide.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AnotherLog {
    #[error(
        "topic {topic} is in another Kafka cluster: the positions belong to cluster {expected}, found {found}; give the brokers of \
         that cluster, or this one a database of its own"
    )]
    Cluster { topic: String, expected: String, found: String },
    #[error(
        "topic {topic} was recreated: the positions belong to topic id {expected}, found {found}; bring that topic back, or give \
         this one a database of its own"
    )]
    Topic { topic: String, expected: String, found: String },
    #[error(
        "topic {topic} has another number of partitions: expected {expected}, found {found}; the number is frozen, and Kafka takes \
         none away: import the log into a new topic"
    )]
    PartitionCount { topic: String, expected: i32, found: i32 },
}

impl LogIdentity {
    /// Whether the log that was `found` is this one.
    ///
    /// # Errors
    /// The first difference, in the order cluster, topic, partition count.
    pub fn check(&self, topic: &str, found: &Self) -> Result<(), AnotherLog> {
        let topic = topic.to_owned();
        if found.cluster_id != self.cluster_id {
            let (expected, found) = (self.cluster_id.clone(), found.cluster_id.clone());
            return Err(AnotherLog::Cluster { topic, expected, found });
        }
        if found.topic_id != self.topic_id {
            let (expected, found) = (self.topic_id.clone(), found.topic_id.clone());
            return Err(AnotherLog::Topic { topic, expected, found });
        }
        if found.partition_count != self.partition_count {
            let (expected, found) = (self.partition_count, found.partition_count);
            return Err(AnotherLog::PartitionCount { topic, expected, found });
        }
        Ok(())
    }
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
