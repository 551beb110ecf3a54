//! One partition's records of a batch, while the batch is tried: kept until they are committed or not ours any more.

use ledger_fold::{BatchEffects, BatchFold, Partition, PartitionState, Prior, StoredUnder, Wanted, stored_under};
use ledger_kafka::record::OwnedRecord;
use ledger_schema::wire;
use ledger_store::{Ids, for_fold};

#[derive(Debug, Default)]
pub(super) struct Pending {
    /// In the order of their offsets.
    pub(super) records: Vec<OwnedRecord>,
    /// How many of them are tried at once: all, unless they come to too much for one transaction,
    taken: Option<usize>,
    /// or so many took long, or broke off.
    allowed: Option<usize>,
    /// What is stored under their ids, as far as that was asked.
    pub(super) prior: Prior,
    /// Whether that was asked of every id.
    pub(super) looked_up: bool,
}

/// Most orders that are looked up for one attempt: each may have a hundred rows.
const MOST_WANTED: usize = 1000;
/// Most lines beside an order's first, and events for other partitions, in one transaction. Records that are small may come to much:
/// a cancel of a hundred lines is a hundred rows, and as many events.
const MOST_LINES: usize = 20_000;

impl Pending {
    /// Those that are tried now.
    pub(super) fn taken(&self) -> &[OwnedRecord] {
        let most = self.taken.into_iter().chain(self.allowed).fold(self.records.len(), usize::min);
        &self.records[..most]
    }

    /// No more than so many are tried from now on, until those are committed. It never grows before: what is stored under further ids
    /// was not asked.
    pub(super) fn allow(&mut self, count: usize) {
        self.allowed = Some(self.allowed.map_or(count, |before| before.min(count)));
    }

    /// How many are to be tried instead, where these come to too much. A single record never does.
    pub(super) fn fewer(&self, effects: &BatchEffects) -> Option<usize> {
        let wanted = effects.wanted.orders.len() + effects.wanted.reservations.len();
        let (found, most) = if wanted > 0 { (wanted, MOST_WANTED) } else { (lines(effects), MOST_LINES) };
        let taken = self.taken().len();
        (found > most && taken > 1).then(|| (taken * most / found).clamp(1, taken - 1))
    }

    /// So many are tried next.
    pub(super) fn take(&mut self, count: usize) {
        self.taken = Some(count);
    }

    /// What lies before `next_offset` stands in the tables. Whether anything is left.
    pub(super) fn committed(&mut self, next_offset: i64) -> bool {
        let done = self.records.partition_point(|record| record.offset < next_offset);
        // What was looked up may have changed by what was just committed.
        *self = Self { records: self.records.split_off(done), ..Self::default() };
        !self.records.is_empty()
    }

    /// Folds the records over the state of the stored position, which stays as it is.
    pub(super) fn fold(&self, partition: Partition, state: &PartitionState, from_offset: i64) -> BatchEffects {
        let mut fold = BatchFold::new(partition, state, &self.prior, from_offset);
        for record in self.taken() {
            fold.fold(&for_fold(record));
        }
        fold.finish()
    }

    /// Every id in the records, but for those that are skipped. Decoding them once more is slow, and happens only when a unique key objected.
    pub(super) fn ids(&self, partition: Partition, state: &PartitionState) -> Ids {
        let mut ids = Ids::default();
        let folded = self.taken().iter().filter(|record| state.skipped(record.offset).is_none());
        for event in folded.filter_map(|record| wire::decode(record.value()).ok()) {
            match stored_under(&event, partition) {
                StoredUnder::Order(id) => ids.orders.push(id),
                StoredUnder::Movement(id) => ids.movements.push(id),
                StoredUnder::Reservation(key) => ids.reservations.push(key),
            }
        }
        ids
    }

    /// Takes in what was found under ids.
    ///
    /// # Panics
    /// When an answer has not every order and reservation that was asked for: the same would be asked for ever.
    pub(super) fn learn(&mut self, found: Prior, asked: &Ids) {
        let orders = asked.orders.iter().all(|id| found.orders.contains_key(id));
        let reservations = asked.reservations.iter().all(|key| found.reservations.contains_key(key));
        assert!(orders && reservations, "a store answers for every id that it is asked for");
        self.add(found);
    }

    /// Takes over what stands under ids.
    pub(super) fn add(&mut self, found: Prior) {
        self.prior.orders.extend(found.orders);
        self.prior.movements.extend(found.movements);
        self.prior.reservations.extend(found.reservations);
    }
}

/// What a fold has to know first.
pub(super) fn ids_of(wanted: &Wanted) -> Ids {
    Ids {
        orders: wanted.orders.iter().copied().collect(),
        movements: Vec::new(),
        reservations: wanted.reservations.iter().copied().collect(),
    }
}

fn lines(effects: &BatchEffects) -> usize {
    let orders = effects.orders.iter().chain(&effects.changed_orders);
    orders.map(|row| row.order.line_count() - 1).sum::<usize>() + effects.told.len()
}

#[cfg(test)]
mod tests {
    use ledger_fold::ToldEntry;
    use ledger_schema::wire::Event;

    use super::*;

    fn pending(count: i64) -> Pending {
        let record = |offset| OwnedRecord::from_parts(0, offset, 1, None, None, &[]);
        Pending { records: (0..count).map(record).collect(), ..Pending::default() }
    }

    fn told() -> ToldEntry {
        let golden = include_bytes!("../../../schema/golden/line_requested.v1.json");
        let Ok(Event::LineTold(event)) = wire::decode(Some(golden)) else { panic!("a golden sample") };
        ToldEntry { event_id: event.cause, partition: 0, event }
    }

    /// What the records that are tried come to, each to so many events.
    fn effects(pending: &Pending, each: usize) -> BatchEffects {
        let (state, prior) = Default::default();
        let empty = BatchFold::new(Partition { number: 0, count: 1 }, &state, &prior, 0);
        BatchEffects { told: vec![told(); pending.taken().len() * each], ..empty.finish() }
    }

    #[test]
    fn records_that_come_to_too_much_are_tried_in_parts_and_none_is_left_out() {
        let mut pending = pending(1000);
        assert_eq!(pending.fewer(&effects(&pending, 20)), None);
        let mut folded = 0;
        while !pending.records.is_empty() {
            while let Some(fewer) = pending.fewer(&effects(&pending, 100)) {
                pending.take(fewer);
            }
            let taken = pending.taken();
            assert_eq!((taken[0].offset, taken.len()), (folded, 200.min(pending.records.len())));
            folded = taken[taken.len() - 1].offset + 1;
            assert_eq!(pending.committed(folded), folded < 1000);
        }
        assert_eq!(folded, 1000);
    }

    #[test]
    fn fewer_are_tried_where_fewer_are_allowed_until_they_are_committed() {
        let mut pending = pending(1000);
        for (allowed, taken) in [(5_000, 1000), (300, 300), (100, 100), (400, 100), (1, 1)] {
            pending.allow(allowed);
            assert_eq!(pending.taken().len(), taken, "{allowed}");
        }
        pending.take(50);
        assert_eq!(pending.taken().len(), 1);
        assert!(pending.committed(1));
        assert_eq!((pending.taken().len(), pending.taken()[0].offset), (999, 1));
    }

    #[test]
    fn one_record_is_never_too_much() {
        let mut pending = pending(3);
        while let Some(fewer) = pending.fewer(&effects(&pending, MOST_LINES + 1)) {
            pending.take(fewer);
        }
        assert_eq!(pending.taken().len(), 1);
    }
}
