//! The topics and how they must be configured. `ledger migrate` creates them from here; nothing alters them later.
//!
//! It must never let the log expire, by time, by size or by an unclean leader (INV-9). Next: [`crate::partitioner`].

use crate::topic_settings::{
    COMPRESSION_TYPE, Keeps, LOG_APPEND_TIME, MIN_INSYNC_REPLICAS, TIMESTAMP_TYPE, UNCOMPRESSED,
};

/// Partitions of the log unless the operator asked for another number when it was created. Frozen at creation: the
/// count decides where a key lies.
pub const DEFAULT_PARTITION_COUNT: i32 = 8;
/// Default names. Every one is a flag.
pub const ORDERS: &str = "orders";
pub const OUTCOMES: &str = "orders.outcomes";
pub const DEAD_LETTERS: &str = "orders.dead-letters";
/// Where the relay keeps how far it has published: the projector's own.
pub const CURSORS: &str = "orders.outcomes.cursors";

/// Largest record the log takes, in bytes as the broker counts them (of the log: unpacked). Above the broker's default of
/// 1 MiB, so that another writer's oversized record is parked with a reason, where a refusal would leave its producer
/// retrying; far above what the services append (a body is at most 64 KiB).
pub const MAX_MESSAGE_BYTES: usize = 10 * 1024 * 1024;

/// A topic as it must be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    pub name: String,
    pub partition_count: i32,
    pub replication_factor: i32,
    /// Topic-level configuration, as Kafka spells it.
    pub config: Vec<(&'static str, String)>,
    /// What of it an existing topic must keep to.
    pub keeps: Keeps,
}

impl TopicSpec {
    /// The log: it never loses a record, and is kept uncompressed.
    pub fn log(name: &str, partition_count: i32, replication_factor: i32) -> Self {
        let mut spec = Self::never_expiring(name, partition_count, replication_factor);
        spec.config.push((COMPRESSION_TYPE, UNCOMPRESSED.to_owned()));
        spec
    }

    /// The topic of the relay's cursors: the last record of each partition is what counts, and it never expires (a
    /// consumer group's offset would, after idle days). Short segments keep it small.
    pub fn cursors(name: &str, partition_count: i32, replication_factor: i32) -> Self {
        let mut spec = Self::never_expiring(name, partition_count, replication_factor);
        spec.keeps = Keeps::LastOfEachKey;
        spec.config.retain(|(key, _)| *key != "cleanup.policy" && *key != "max.message.bytes");
        spec.config.extend([
            ("cleanup.policy", "compact".to_owned()),
            ("segment.ms", "3600000".to_owned()),
            ("min.cleanable.dirty.ratio", "0.1".to_owned()),
        ]);
        spec
    }

    /// A topic that the relay publishes to: as the log, but whoever runs it may let it expire later.
    pub fn published(name: &str, partition_count: i32, replication_factor: i32) -> Self {
        Self { keeps: Keeps::UntilExpired, ..Self::never_expiring(name, partition_count, replication_factor) }
    }

    /// A topic that never loses a record: no retention by time or size, no unclean leader, and an acknowledgement
    /// (`acks=all`) means `min.insync.replicas` copies: 2 of 3 or more replicas, else 1. The broker's clock times its records, so
    /// a writer whose clock is wrong is not refused.
    pub fn never_expiring(name: &str, partition_count: i32, replication_factor: i32) -> Self {
        let min_insync_replicas = if replication_factor >= 3 { "2" } else { "1" };
        Self {
            name: name.to_owned(),
            partition_count,
            replication_factor,
            config: vec![
                ("cleanup.policy", "delete".to_owned()),
                ("retention.ms", "-1".to_owned()),
                ("retention.bytes", "-1".to_owned()),
                (MIN_INSYNC_REPLICAS, min_insync_replicas.to_owned()),
                ("unclean.leader.election.enable", "false".to_owned()),
                ("max.message.bytes", MAX_MESSAGE_BYTES.to_string()),
                (TIMESTAMP_TYPE, LOG_APPEND_TIME.to_owned()),
            ],
            keeps: Keeps::Everything,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic_settings::check_clock;

    #[test]
    fn the_log_never_expires() {
        let spec = TopicSpec::log(ORDERS, DEFAULT_PARTITION_COUNT, 3);
        let value = |name: &str| spec.config.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
        assert_eq!(value("retention.ms"), Some("-1"));
        assert_eq!(value("cleanup.policy"), Some("delete"));
        assert_eq!(value("min.insync.replicas"), Some("2"));
        assert_eq!(value("compression.type"), Some("uncompressed"));
        assert_eq!(spec.partition_count, 8);
        let single = TopicSpec::never_expiring(ORDERS, 8, 1);
        assert!(single.config.contains(&("min.insync.replicas", "1".to_owned())));
    }

    #[test]
    fn what_is_created_keeps_what_it_must() {
        for spec in
            [TopicSpec::never_expiring("t", 1, 1), TopicSpec::published("t", 1, 1), TopicSpec::cursors("t", 1, 1)]
        {
            let settings = spec.config.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            assert_eq!(spec.keeps.check("t", &settings), Ok(()));
            assert_eq!(check_clock("t", &settings), Ok(()));
        }
    }

    #[test]
    fn cursors_are_compacted_and_never_expire() {
        let spec = TopicSpec::cursors(CURSORS, 8, 1);
        for (name, expected) in
            [("cleanup.policy", "compact"), ("retention.ms", "-1"), (TIMESTAMP_TYPE, LOG_APPEND_TIME)]
        {
            let values: Vec<&str> =
                spec.config.iter().filter(|(key, _)| *key == name).map(|(_, value)| value.as_str()).collect();
            assert_eq!(values, [expected], "{name}");
        }
    }
}
