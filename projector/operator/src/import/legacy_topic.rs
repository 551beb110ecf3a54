//! The old topic as it was found at the start, how far to read it, and what reading it gives. Next: [`super::source`].

use std::collections::BTreeMap;

use ledger_fold::log_safety::Watermarks;
use ledger_schema::Position;
use ledger_schema::log::LogIdentity;
use projector::blocked::Blocked;
use rdkafka::error::KafkaError;

use super::derived_id::OldTopic;
use super::legacy_record::Taken;
use super::refusal::Refusal;
use super::topic_watch::OldTopicChanged;

/// The old topic as it was found at the start, partition by partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LegacyTopic {
    pub name: String,
    pub identity: LogIdentity,
    pub partitions: BTreeMap<i32, Watermarks>,
}

impl LegacyTopic {
    /// How many offsets there were to read. (Transaction markers count too, so there may be fewer records.)
    pub(crate) fn len(&self) -> u64 {
        let offsets = self.partitions.values().map(|marks| marks.high - marks.low);
        offsets.map(|count| u64::try_from(count).expect("a topic ends where it begins, or later")).sum()
    }

    /// What ids by place are made of.
    pub(crate) fn as_old_topic(&self) -> OldTopic {
        OldTopic { name: self.name.clone(), id: self.identity.topic_id.clone() }
    }
}

/// How far to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// The high watermarks that [`LegacyTopic`] names, also where an open transaction stands before one.
    End,
    /// For ever.
    Stopped,
}

/// One record, taken or refused.
pub(crate) type Parsed = (Position, Result<Taken, Refusal>);

/// Why the reader ended before the end.
#[derive(Debug)]
pub(crate) enum SourceError {
    Kafka(KafkaError),
    /// An open transaction was waited for in vain.
    Blocked(Blocked),
    Changed(OldTopicChanged),
}

impl From<KafkaError> for SourceError {
    fn from(cause: KafkaError) -> Self {
        Self::Kafka(cause)
    }
}

impl From<OldTopicChanged> for SourceError {
    fn from(changed: OldTopicChanged) -> Self {
        Self::Changed(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_what_is_left_of_every_partition() {
        let marks = |low, high| Watermarks { low, stable: low, high };
        let partitions = BTreeMap::from([(0, marks(0, 10)), (1, marks(5, 5)), (2, marks(7, 9))]);
        let identity =
            LogIdentity { cluster_id: "cluster".to_owned(), topic_id: "topic".to_owned(), partition_count: 3 };
        assert_eq!(LegacyTopic { name: "legacy".to_owned(), identity, partitions }.len(), 12);
    }
}
