//! The orders that this run has met: the same id again with the same contents is a repeat, with others a conflict. The ledger cannot
//! tell either before it has folded what was appended.
//!
//! Memory: of each order its id (16 bytes), a fingerprint of its contents (8) and its place (8), in hash tables that are between
//! 44 and 88 % full: 38 to 75 bytes an order. (Several tables, since one has half its size besides while it grows.) At the limit
//! nothing more is remembered, which is told: what then stands twice is for the fold to find. Two contents that share a fingerprint
//! (one pair in 2^64, keyed at random) would pass for a repeat.
//!
//! It must never say that it knows an order that it has not met. Next: [`super::verdict`].

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use ledger_schema::{LineContents, OrderContents, OrderId, Position};
use uuid::Uuid;

/// Of the 64 bits of a place, those of the offset: 17 million million records, in a million partitions.
const OFFSET_BITS: u32 = 44;

#[derive(Debug, Clone, Copy)]
struct Met {
    contents: u64,
    /// Partition and offset.
    place: u64,
}

/// What was met under an id before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Nothing,
    Same,
    /// With other contents, at this place.
    Other(Position),
}

/// Tables, by the last bits of the id.
const TABLES: usize = 16;

pub(super) struct Seen {
    by_id: [HashMap<Uuid, Met>; TABLES],
    len: usize,
    keyed: RandomState,
    limit: usize,
    is_full: bool,
}

impl Seen {
    /// `limit` is how many orders are remembered.
    pub(super) fn new(limit: usize) -> Self {
        let by_id = std::array::from_fn(|_| HashMap::new());
        Self { by_id, len: 0, keyed: RandomState::new(), limit, is_full: false }
    }

    pub(super) fn before(&self, id: OrderId, contents: OrderContents<'_>) -> Before {
        match self.by_id[table_of(id)].get(&id.as_uuid()) {
            None => Before::Nothing,
            Some(met) if met.contents == self.fingerprint(contents) => Before::Same,
            Some(met) => Before::Other(unpacked(met.place)),
        }
    }

    pub(super) fn remember(&mut self, id: OrderId, contents: OrderContents<'_>, position: Position) {
        if self.len >= self.limit {
            self.is_full = true;
            return;
        }
        let contents = self.fingerprint(contents);
        if let Entry::Vacant(free) = self.by_id[table_of(id)].entry(id.as_uuid()) {
            free.insert(Met { contents, place: packed(position) });
            self.len += 1;
        }
    }

    /// Whether orders were met that are not remembered.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    fn fingerprint(&self, contents: OrderContents<'_>) -> u64 {
        let OrderContents { user_id, lines, currency, hold_seconds } = contents;
        let mut hasher = self.keyed.build_hasher();
        (user_id, lines.len(), currency, hold_seconds).hash(&mut hasher);
        for LineContents { product_id, quantity, unit_price } in lines {
            (product_id, quantity, unit_price).hash(&mut hasher);
        }
        hasher.finish()
    }
}

fn table_of(id: OrderId) -> usize {
    let [.., last] = id.as_uuid().into_bytes();
    usize::from(last) % TABLES
}

fn packed(Position { partition, offset }: Position) -> u64 {
    let offset = u64::try_from(offset).ok().filter(|offset| offset >> OFFSET_BITS == 0);
    let partition = u64::try_from(partition).ok().filter(|partition| partition >> (u64::BITS - OFFSET_BITS) == 0);
    let offset = offset.expect("an offset of Kafka's is not negative, and no partition holds 2^44 records");
    partition.expect("a partition's number is not negative, and no topic has 2^20 partitions") << OFFSET_BITS | offset
}

fn unpacked(place: u64) -> Position {
    let partition = i32::try_from(place >> OFFSET_BITS).expect("20 bits");
    let offset = i64::try_from(place & ((1 << OFFSET_BITS) - 1)).expect("44 bits");
    Position { partition, offset }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEA: LineContents<'_> = LineContents { product_id: "tea", quantity: 3, unit_price: 250 };

    fn of(line: LineContents<'static>) -> OrderContents<'static> {
        OrderContents::of_one_line("alice", line)
    }

    fn id(n: u128) -> OrderId {
        OrderId::from_uuid(Uuid::from_u128(n))
    }

    #[test]
    fn an_id_again_is_a_repeat_or_a_conflict() {
        let mut seen = Seen::new(10);
        let place = Position { partition: 7, offset: 1 << 43 };
        assert_eq!(seen.before(id(1), of(TEA)), Before::Nothing);
        seen.remember(id(1), of(TEA), place);
        seen.remember(id(1), of(LineContents { quantity: 4, ..TEA }), Position { partition: 0, offset: 0 });
        assert_eq!(seen.before(id(1), of(TEA)), Before::Same, "the first one counts");
        for other in [
            OrderContents::of_one_line("bob", TEA),
            of(LineContents { product_id: "milk", ..TEA }),
            of(LineContents { quantity: 4, ..TEA }),
            of(LineContents { unit_price: 251, ..TEA }),
            OrderContents { currency: Some("EUR"), ..of(TEA) },
            OrderContents { hold_seconds: Some(60), ..of(TEA) },
            OrderContents { lines: vec![TEA, LineContents { product_id: "milk", ..TEA }], ..of(TEA) },
            // The parts cannot run together.
            OrderContents::of_one_line("alicet", LineContents { product_id: "ea", ..TEA }),
        ] {
            assert_eq!(seen.before(id(1), other.clone()), Before::Other(place), "{other:?}");
        }
        assert_eq!(seen.before(id(2), of(TEA)), Before::Nothing);
    }

    #[test]
    fn it_remembers_up_to_its_limit_and_says_so() {
        let mut seen = Seen::new(2);
        for n in 0..2 {
            seen.remember(id(n), of(TEA), Position { partition: 0, offset: 0 });
            assert!(!seen.is_full());
        }
        seen.remember(id(2), of(TEA), Position { partition: 0, offset: 0 });
        assert!(seen.is_full());
        assert_eq!(seen.before(id(2), of(TEA)), Before::Nothing);
        assert_eq!(seen.before(id(1), of(TEA)), Before::Same);
    }
}
