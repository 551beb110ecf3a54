//! The last records that the follower read, in its order: who was cut off for a moment gets from here what it missed, without a
//! question to Kafka. Bounded in number and in bytes.

use std::collections::VecDeque;

use bytes::Bytes;
use ledger_schema::Position;

/// About what some seconds of a busy ledger publish.
const MOST_RECORDS: usize = 8192;
const MOST_BYTES: usize = 8 * 1024 * 1024;
/// What a record costs beside its value.
const BYTES_AROUND: usize = 64;

/// A record, its value not read yet.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) at: Position,
    pub(super) value: Option<Bytes>,
}

impl Record {
    fn size(&self) -> usize {
        self.value.as_ref().map_or(0, Bytes::len) + BYTES_AROUND
    }
}

/// The last records.
#[derive(Debug)]
pub(super) struct Recent {
    records: VecDeque<Record>,
    bytes: usize,
    /// By partition, the offset from which on it has everything.
    base: Vec<i64>,
}

impl Recent {
    /// Empty, from a place on.
    pub(super) fn from(base: Vec<i64>) -> Self {
        Self { records: VecDeque::new(), bytes: 0, base }
    }

    pub(super) fn push(&mut self, record: Record) {
        self.bytes += record.size();
        self.records.push_back(record);
        while (self.records.len() > MOST_RECORDS || self.bytes > MOST_BYTES)
            && let Some(oldest) = self.records.pop_front()
        {
            self.bytes -= oldest.size();
            raise(&mut self.base, oldest.at);
        }
    }

    /// Whether it has everything from `place` on.
    pub(super) fn reaches(&self, place: &[i64]) -> bool {
        self.base.iter().zip(place).all(|(base, next_offset)| base <= next_offset)
    }

    /// The records from `place` on, at most so many, each with the place behind it.
    pub(super) fn since(&self, place: &[i64], most: usize) -> Vec<(Record, Vec<i64>)> {
        let mut after = self.base.clone();
        let mut found = Vec::new();
        for record in &self.records {
            raise(&mut after, record.at);
            let next_offset = usize::try_from(record.at.partition).ok().and_then(|at| place.get(at));
            if next_offset.is_some_and(|next_offset| record.at.offset >= *next_offset) {
                if found.len() == most {
                    break;
                }
                found.push((record.clone(), after.clone()));
            }
        }
        found
    }
}

/// Moves a place behind a record.
pub(super) fn raise(place: &mut [i64], record: Position) {
    if let Some(next_offset) = usize::try_from(record.partition).ok().and_then(|at| place.get_mut(at)) {
        *next_offset = (*next_offset).max(record.offset + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(partition: i32, offset: i64, bytes: usize) -> Record {
        Record { at: Position { partition, offset }, value: Some(Bytes::from(vec![b'x'; bytes])) }
    }

    fn offsets(found: &[(Record, Vec<i64>)]) -> Vec<(i32, i64)> {
        found.iter().map(|(record, _)| (record.at.partition, record.at.offset)).collect()
    }

    #[test]
    fn it_gives_what_follows_a_place_with_the_places_behind() {
        let mut recent = Recent::from(vec![10, 20]);
        for (partition, offset) in [(0, 10), (1, 21), (0, 12), (1, 22)] {
            recent.push(record(partition, offset, 1));
        }
        let all = recent.since(&[10, 20], 9);
        assert_eq!(offsets(&all), [(0, 10), (1, 21), (0, 12), (1, 22)]);
        let places: Vec<_> = all.iter().map(|(_, place)| place.clone()).collect();
        assert_eq!(places, [vec![11, 20], vec![11, 22], vec![13, 22], vec![13, 23]]);
        assert_eq!(offsets(&recent.since(&[12, 22], 9)), [(0, 12), (1, 22)]);
        assert_eq!(offsets(&recent.since(&[12, 22], 1)), [(0, 12)]);
        assert!(recent.since(&[99, 99], 9).is_empty());
        assert!(recent.reaches(&[10, 20]) && !recent.reaches(&[9, 20]) && !recent.reaches(&[10, 19]));
    }

    #[test]
    fn it_is_bounded_and_says_what_it_has_no_more() {
        let mut recent = Recent::from(vec![0]);
        for offset in 0..=8192 {
            recent.push(record(0, offset, 1));
        }
        assert!(recent.reaches(&[1]) && !recent.reaches(&[0]));
        recent.push(record(0, 8193, MOST_BYTES - BYTES_AROUND));
        assert_eq!((recent.records.len(), recent.base[0]), (1, 8193), "a large one leaves room for no other");
        recent.push(record(0, 8194, 10));
        assert_eq!((recent.records.len(), recent.bytes), (1, 10 + BYTES_AROUND));
    }
}
