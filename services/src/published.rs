//! How far the fold is known to be, by partition, from the outcomes that were published: the topic of outcomes carries what every
//! service answers from, so whatever stands before it is older than what somebody was told.
//!
//! It must never say more than was published, and it is of this process alone: it begins with nothing at each start.

use std::sync::atomic::{AtomicI64, Ordering};

use ledger_schema::Position;

/// By partition, the next offset (exclusive) that is known. Never goes down.
#[derive(Debug)]
pub(crate) struct Furthest {
    next_offsets: Box<[AtomicI64]>,
}

impl Furthest {
    pub(crate) fn new(partition_count: i32) -> Self {
        Self { next_offsets: (0..partition_count).map(|_| AtomicI64::new(0)).collect() }
    }

    /// The record at `position` is decided; false where there is no such partition.
    pub(crate) fn raise(&self, position: Position) -> bool {
        self.raise_to(position.partition, position.offset.saturating_add(1))
    }

    pub(crate) fn raise_to(&self, partition: i32, next_offset: i64) -> bool {
        let known = usize::try_from(partition).ok().and_then(|partition| self.next_offsets.get(partition));
        let Some(known) = known else { return false };
        // Mostly it stands there already, and a load is cheaper than a write that all cores wait for.
        if known.load(Ordering::Relaxed) < next_offset {
            known.fetch_max(next_offset, Ordering::AcqRel);
        }
        true
    }

    /// What is known now.
    pub(crate) fn now(&self) -> Box<[i64]> {
        self.next_offsets.iter().map(|known| known.load(Ordering::Acquire)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_only_goes_up_and_knows_its_partitions_alone() {
        let furthest = Furthest::new(2);
        assert!(furthest.raise(Position { partition: 1, offset: 41 }));
        assert!(furthest.raise(Position { partition: 1, offset: 7 }));
        assert!(!furthest.raise(Position { partition: 2, offset: 7 }));
        assert!(!furthest.raise(Position { partition: -1, offset: 7 }));
        assert_eq!(*furthest.now(), [0, 42]);
    }
}
