//! The topics and how they must be configured. `ledger migrate` creates them from here; nothing alters them later.
//!
//! It must never let the log expire, by time, by size or by an unclean leader (INV-9). Next: [`crate::partitioner`].

/// Partitions of the log unless the operator asked for another number when it was created. Frozen at creation: the
/// count decides where a key lies.
pub const DEFAULT_PARTITION_COUNT: i32 = 8;
/// Default names. Every one is a flag.
pub const ORDERS: &str = "orders";
pub const OUTCOMES: &str = "orders.outcomes";
pub const DEAD_LETTERS: &str = "orders.dead-letters";
/// Where the relay keeps how far it has published: the projector's own.
pub const CURSORS: &str = "orders.outcomes.cursors";

/// Largest record the log takes, in bytes as the broker counts them (after compression). Above the broker's default of
/// 1 MiB, so that another writer's oversized record is parked with a reason, where a refusal would leave its producer
/// retrying; far above what the services append (a body is at most 64 KiB).
pub const MAX_MESSAGE_BYTES: usize = 10 * 1024 * 1024;

/// Of the log, how its broker keeps records, whatever codec a writer used on the way to it: as they are. Then its limit of bytes is
/// one of what whoever reads it holds in memory. A compressed record is bounded by nothing before it is unpacked.
pub const COMPRESSION: (&str, &str) = ("compression.type", "uncompressed");

/// A topic as it must be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    pub name: String,
    pub partition_count: i32,
    pub replication_factor: i32,
    /// Topic-level configuration, as Kafka spells it.
    pub config: Vec<(&'static str, String)>,
}

impl TopicSpec {
    /// The log: it never loses a record, and is kept uncompressed.
    pub fn log(name: &str, partition_count: i32, replication_factor: i32) -> Self {
        let mut spec = Self::never_expiring(name, partition_count, replication_factor);
        spec.config.push((COMPRESSION.0, COMPRESSION.1.to_owned()));
        spec
    }

    /// The topic of the relay's cursors: the last record of each partition is what counts, and it never expires (a
    /// consumer group's offset would, after idle days). Short segments keep it small.
    pub fn cursors(name: &str, partition_count: i32, replication_factor: i32) -> Self {
        let mut spec = Self::never_expiring(name, partition_count, replication_factor);
        spec.config.retain(|(key, _)| *key != "cleanup.policy" && *key != "max.message.bytes");
        spec.config.extend([
            ("cleanup.policy", "compact".to_owned()),
            ("segment.ms", "3600000".to_owned()),
            ("min.cleanable.dirty.ratio", "0.1".to_owned()),
        ]);
        spec
    }

    /// A topic that never loses a record: no retention by time or size, no unclean leader, and an acknowledgement
    /// (`acks=all`) means `min.insync.replicas` copies: 2 of 3 or more replicas, else 1.
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
                ("min.insync.replicas", min_insync_replicas.to_owned()),
                ("unclean.leader.election.enable", "false".to_owned()),
                ("max.message.bytes", MAX_MESSAGE_BYTES.to_string()),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn cursors_are_compacted_and_never_expire() {
        let spec = TopicSpec::cursors(CURSORS, 8, 1);
        for (name, expected) in [("cleanup.policy", "compact"), ("retention.ms", "-1")] {
            let values: Vec<&str> =
                spec.config.iter().filter(|(key, _)| *key == name).map(|(_, value)| value.as_str()).collect();
            assert_eq!(values, [expected], "{name}");
        }
    }
}
