//! Which id the row (or rows) of each offset has, for one partition: four bytes per record, however large the record is. It says whether
//! a row that claims an offset is the row of that offset; it must never be taken as proof that no row is too many, since two
//! ids may have one fingerprint. (The number of rows proves that.)

use std::hash::{BuildHasher, Hash, RandomState};

/// Fingerprints by offset. The hash has a random key, so that ids which meet in one run do not in the next.
#[derive(Debug)]
pub(super) struct Seen {
    hash: RandomState,
    fingerprints: Vec<u32>,
}

/// No row stands at that offset. (The fingerprint of one id in four billion is changed to another.)
const NONE: u32 = 0;

impl Seen {
    /// Room for offsets before `end`.
    pub(super) fn new(end: i64) -> Self {
        Self {
            hash: RandomState::new(),
            fingerprints: vec![NONE; usize::try_from(end).expect("a position is no offset below 0")],
        }
    }

    /// The row of the record at `offset` has `id`, in that table.
    pub(super) fn set(&mut self, table: &str, id: impl Hash, offset: i64) {
        let fingerprint = self.fingerprint(table, id);
        self.fingerprints[usize::try_from(offset).expect("an offset of the log")] = fingerprint;
    }

    /// Whether the row of the record at `offset` has `id`, in that table.
    pub(super) fn is(&self, table: &str, id: impl Hash, offset: i64) -> bool {
        // Any offset may stand in a row. None outside of what is folded has a row.
        let found = usize::try_from(offset).ok().and_then(|offset| self.fingerprints.get(offset));
        found.is_some_and(|found| *found == self.fingerprint(table, id))
    }

    fn fingerprint(&self, table: &str, id: impl Hash) -> u32 {
        let hash = self.hash.hash_one((table, id)) >> 32;
        u32::try_from(hash).expect("32 bits are left").max(NONE + 1)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_offset_has_one_id() {
        let mut seen = Seen::new(2);
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        seen.set("orders", one, 1);
        assert!(seen.is("orders", one, 1));
        for (table, id, offset) in [("orders", other, 1), ("stock_movements", one, 1), ("orders", one, 0)] {
            assert!(!seen.is(table, id, offset), "{table} {id} {offset}");
        }
        for outside in [-1, 2, i64::MAX] {
            assert!(!seen.is("orders", one, outside));
        }
    }
}
