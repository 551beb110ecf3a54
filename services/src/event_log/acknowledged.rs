//! How far each partition of the log is known to reach, from acknowledgements and from the tables. A record that is appended
//! later lies after it; one that is acknowledged before it lies in another topic (INV-9).

use std::sync::atomic::{AtomicI64, Ordering};

/// Per partition, the offset that the next record has at least.
pub(super) struct Acknowledged {
    next_offsets: Vec<AtomicI64>,
}

impl Acknowledged {
    /// `folded`: partition and next offset, as the tables have it.
    pub(super) fn new(partition_count: i32, folded: &[(i32, i64)]) -> Self {
        let acknowledged = Self { next_offsets: (0..partition_count).map(|_| AtomicI64::new(0)).collect() };
        for (partition, next_offset) in folded {
            acknowledged.raise(*partition, *next_offset);
        }
        acknowledged
    }

    /// To be asked before an append: acknowledgements of appends at the same time come in any order.
    pub(super) fn next_offset(&self, partition: i32) -> i64 {
        self.of(partition).map_or(0, |next_offset| next_offset.load(Ordering::Acquire))
    }

    pub(super) fn raise(&self, partition: i32, next_offset: i64) {
        if let Some(known) = self.of(partition) {
            known.fetch_max(next_offset, Ordering::AcqRel);
        }
    }

    /// The log is another one from here on: what was known of the one before says nothing of it.
    pub(super) fn forget(&self) {
        self.next_offsets.iter().for_each(|next_offset| next_offset.store(0, Ordering::Release));
    }

    fn of(&self, partition: i32) -> Option<&AtomicI64> {
        usize::try_from(partition).ok().and_then(|partition| self.next_offsets.get(partition))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_only_rise() {
        let acknowledged = Acknowledged::new(2, &[(1, 7), (9, 3)]);
        assert_eq!([0, 1, 9].map(|partition| acknowledged.next_offset(partition)), [0, 7, 0]);
        acknowledged.raise(1, 5);
        acknowledged.raise(0, 2);
        assert_eq!([0, 1].map(|partition| acknowledged.next_offset(partition)), [2, 7]);
        acknowledged.forget();
        assert_eq!([0, 1].map(|partition| acknowledged.next_offset(partition)), [0, 0]);
    }
}
