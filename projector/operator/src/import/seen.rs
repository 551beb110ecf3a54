//! The orders that this run has met: the same id again with the same contents is a repeat, with others a conflict. The ledger cannot
//! tell either before it has folded what was appended.
//!
//! Memory: of each order its id (16 bytes), a fingerprint of its contents (8) and its place (8), in hash tables. Where it is known
//! how many orders there may be, as many tables are made as are then nearly full: about 40 bytes an order. Else they grow, and are
//! between 44 and 88 % full: 38 to 75 bytes. (Several tables, since one has half its size besides while it grows.) At the limit
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

/// Tables at least.
const TABLES: usize = 16;
/// What a table of 2^15 places takes before it grows.
const TABLE_ROOM: usize = (1 << 15) / 8 * 7;
/// How many orders a table is made for. Ids fall into tables by chance, so there is room for four standard deviations more.
const TABLE_ORDERS: usize = TABLE_ROOM - 4 * 168;

pub(super) struct Seen {
    /// By a hash of the id.
    by_id: Vec<HashMap<Uuid, Met>>,
    len: usize,
    keyed: RandomState,
    limit: usize,
    is_full: bool,
}

impl Seen {
    /// `limit` is how many orders are remembered; `expected` is how many there are at most, 0 where nobody knows.
    pub(super) fn new(limit: usize, expected: u64) -> Self {
        let expected = usize::try_from(expected).unwrap_or(usize::MAX).min(limit);
        let tables = expected.div_ceil(TABLE_ORDERS).max(TABLES);
        // A few tables that are not full grow as they are filled.
        let room = if expected >= TABLES * TABLE_ORDERS { TABLE_ROOM } else { 0 };
        let by_id = (0..tables).map(|_| HashMap::with_capacity(room)).collect();
        Self { by_id, len: 0, keyed: RandomState::new(), limit, is_full: false }
    }

    pub(super) fn before(&self, id: OrderId, contents: OrderContents<'_>) -> Before {
        match self.by_id[self.table_of(id)].get(&id.as_uuid()) {
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
        let table = self.table_of(id);
        if let Entry::Vacant(free) = self.by_id[table].entry(id.as_uuid()) {
            free.insert(Met { contents, place: packed(position) });
            self.len += 1;
        }
    }

    /// Whether orders were met that are not remembered.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// By all bits of the id: those of one maker may share their last bytes.
    fn table_of(&self, id: OrderId) -> usize {
        /// An odd number with no pattern in its bits (2^64 by the golden ratio).
        const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
        let (high, low) = id.as_uuid().as_u64_pair();
        let spread = (high ^ low.rotate_left(32)).wrapping_mul(SPREAD);
        let tables = u128::try_from(self.by_id.len()).expect("a length");
        usize::try_from((u128::from(spread) * tables) >> u64::BITS).expect("less than there are tables")
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
        let mut seen = Seen::new(10, 0);
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
        let mut seen = Seen::new(2, 0);
        for n in 0..2 {
            seen.remember(id(n), of(TEA), Position { partition: 0, offset: 0 });
            assert!(!seen.is_full());
        }
        seen.remember(id(2), of(TEA), Position { partition: 0, offset: 0 });
        assert!(seen.is_full());
        assert_eq!(seen.before(id(2), of(TEA)), Before::Nothing);
        assert_eq!(seen.before(id(1), of(TEA)), Before::Same);
    }

    #[test]
    fn tables_for_a_known_number_are_nearly_full_and_do_not_grow() {
        let expected = 600_000;
        let mut seen = Seen::new(usize::MAX, expected);
        let room: usize = seen.by_id.iter().map(HashMap::capacity).sum();
        for n in 0..u128::from(expected) {
            // As random as ids of version 4.
            let id = OrderId::from_uuid(Uuid::from_u128(n.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)));
            seen.remember(id, of(TEA), Position { partition: 0, offset: 0 });
        }
        assert_eq!(seen.len, usize::try_from(expected).expect("in memory"));
        assert_eq!(seen.by_id.iter().map(HashMap::capacity).sum::<usize>(), room, "none had to grow");
        assert!(room < seen.len / 10 * 11, "{room}");
    }

    #[test]
    fn ids_of_one_maker_are_spread() {
        let seen = Seen::new(10, 0);
        let mut counts = [0; TABLES];
        for n in 0..16_000_u128 {
            // Version 1: a clock in front, and the same node behind.
            counts[seen.table_of(id((n << 96) | (0x11EE << 64) | 0x8000_0242_AC11_0002))] += 1;
        }
        assert!(counts.iter().all(|count| (500..2000).contains(count)), "{counts:?}");
    }
}
