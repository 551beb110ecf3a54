//! One partition, folded again beside its rows. See [`super`] for why what it finds is complete. Next: `settling.rs`, how rows are
//! compared that the log changes after it made them.

use std::collections::HashMap;

use ledger_database::Watched;
use ledger_fold::{
    BatchEffects, BatchFold, MovementRow, OpenOrder, OrderRow, Parked, Partition, PartitionState, Prior,
    ReservationKey, ReservationRow, Skips, ToldEntry,
};
use ledger_kafka::record::OwnedRecord;
use ledger_schema::wire::Event;
use ledger_schema::{LineNo, Movement, MovementId, OrderId, ParkReason, ProductId};
use ledger_store::{Ids, StoreError, for_fold};

use super::compared_row::ComparedRow;
use super::difference::Differences;
use super::evidence::{Evidence, FoundRows, LastLevel};
use super::expected;
use super::ids;
use super::lookup::{FoundUnder, Lookups};
use super::row_values::{self, offset_of};
use super::seen::Seen;
use super::table::{DEAD_LETTERS, ORDERS, RESERVATIONS, STOCK_MOVEMENTS, TableShape};
use super::unsettled::Unsettled;

pub(super) struct PartitionCheck {
    pub(super) partition: Partition,
    /// Up to where it is folded, exclusive: its position, but not beyond the end of the log.
    pub(super) end: i64,
    pub(super) log_end: i64,
    /// One past the last record that was folded.
    pub(super) next_offset: i64,
    state: PartitionState,
    pub(super) levels: HashMap<ProductId, LastLevel>,
    /// Orders that are pending or held.
    pub(super) open: HashMap<OrderId, OpenOrder>,
    pub(super) seen: Seen,
    pub(super) orders: Unsettled<OrderId, OrderRow>,
    pub(super) reservations: Unsettled<ReservationKey, ReservationRow>,
    /// What is expected under ids whose rows are missing or differ: rows of movements never change. Later records are folded against
    /// this, not against the rows.
    wrong_movements: HashMap<MovementId, Movement>,
    pub(super) found_rows: FoundRows,
    pub(super) evidence: Evidence,
    pub(super) duplicates: u64,
    /// Records that were parked because operators had them skipped.
    pub(super) skipped: u64,
}

impl PartitionCheck {
    /// Nothing folded yet. `skips` are of the same snapshot as the rows.
    pub(super) fn new(partition: Partition, end: i64, log_end: i64, skips: Skips) -> Self {
        Self {
            partition,
            end,
            log_end,
            next_offset: 0,
            state: PartitionState::default().with_skips(skips),
            levels: HashMap::new(),
            open: HashMap::new(),
            seen: Seen::new(end),
            orders: Unsettled::default(),
            reservations: Unsettled::default(),
            wrong_movements: HashMap::new(),
            found_rows: FoundRows::default(),
            evidence: Evidence::default(),
            duplicates: 0,
            skipped: 0,
        }
    }

    /// Folds the next records, which say `events`, and compares their rows; gives what they tell other partitions.
    pub(super) async fn batch(
        &mut self,
        lookups: &Lookups,
        connection: &mut Watched,
        records: &[OwnedRecord],
        events: &[Option<Event>],
        differences: &mut Differences,
    ) -> Result<Vec<ToldEntry>, StoreError> {
        let (from, partition) = (self.next_offset, self.partition.number);
        let ids = ids::ids_of(events, self.partition);
        let found = lookups.rows(connection, partition, &ids).await?;
        let prior = self.prior(&ids, &found, from);
        let effects = self.fold(records, &prior);
        assert!(
            effects.wanted.is_empty(),
            "every id of the batch was looked up, and more is wanted: {:?}",
            effects.wanted
        );
        for row in &effects.orders {
            self.new_order(row, found.order(row.order.order_id().as_uuid()));
        }
        for row in &effects.changed_orders {
            self.settle_order(row, found.order(row.order.order_id().as_uuid()));
        }
        for row in &effects.reservations {
            self.new_reservation(row, found.reservation(&row.key));
        }
        for row in &effects.changed_reservations {
            self.settle_reservation(row, found.reservation(&row.key));
        }
        for row in &effects.movements {
            self.compare_movement(row, found.movement(row.movement.movement_id().as_uuid()), differences);
        }
        let letters = lookups.dead_letters(connection, partition, from, effects.next_offset).await?;
        self.compare_dead_letters(&effects.parked, records, letters, differences);
        self.take_over(&effects);
        Ok(effects.told)
    }

    fn fold(&self, records: &[OwnedRecord], prior: &Prior) -> BatchEffects {
        let mut fold = BatchFold::new(self.partition, &self.state, prior, self.next_offset);
        records.iter().for_each(|record| fold.fold(&for_fold(record)));
        fold.finish()
    }

    /// What stood under the batch's ids before it: what was folded where rows differ, else the rows, which were compared earlier in this
    /// run; and nothing else.
    fn prior(&self, ids: &Ids, found: &FoundUnder, from: i64) -> Prior {
        let mut prior = Prior::default();
        for id in &ids.orders {
            let rows = found.order(id.as_uuid());
            let earlier = || {
                let first = rows.first()?;
                // A row that does not parse is none that was found equal: its fingerprint lied (see [`super`]), and it does not count.
                self.is_compared(&ORDERS, id, first, from).then(|| row_values::order(rows)).flatten()
            };
            prior.orders.insert(*id, self.orders.get(id).cloned().or_else(earlier));
        }
        for key in &ids.reservations {
            let earlier = || {
                let row = found.reservation(key)?;
                self.is_compared(&RESERVATIONS, key, row, from).then(|| row_values::reservation(row)).flatten()
            };
            prior.reservations.insert(*key, self.reservations.get(key).cloned().or_else(earlier));
        }
        for id in &ids.movements {
            let earlier = || {
                let row = found.movement(id.as_uuid())?;
                self.is_compared(&STOCK_MOVEMENTS, id, row, from).then(|| row_values::movement(row)).flatten()
            };
            if let Some(movement) = self.wrong_movements.get(id).cloned().or_else(earlier) {
                prior.movements.insert(*id, movement);
            }
        }
        prior
    }

    /// Whether the row is of a record before `from`, and was found equal under that very key.
    fn is_compared(&self, shape: &TableShape, key: &impl std::hash::Hash, row: &ComparedRow, from: i64) -> bool {
        let offset = offset_of(shape, row);
        offset < from && self.seen.is(shape.name, key, offset)
    }

    fn compare_movement(&mut self, row: &MovementRow, found: Option<&ComparedRow>, differences: &mut Differences) {
        let expected = expected::movement(self.partition.number, row);
        let id = row.movement.movement_id();
        self.seen.set(STOCK_MOVEMENTS.name, id, row.offset);
        self.found_rows.movements += u64::from(found.is_some());
        if !self.compare(&STOCK_MOVEMENTS, found, &expected, row.offset, differences) {
            self.wrong_movements.insert(id, row.movement.clone());
        }
    }

    fn compare(
        &mut self,
        shape: &'static TableShape,
        found: Option<&ComparedRow>,
        expected: &ComparedRow,
        offset: i64,
        differences: &mut Differences,
    ) -> bool {
        match found {
            Some(found) => {
                self.evidence.found(offset);
                differences.compare(shape, found, expected)
            }
            None => {
                self.evidence.missing(offset);
                differences.missing(shape, expected);
                false
            }
        }
    }

    /// Both are in order of offset.
    fn compare_dead_letters(
        &mut self,
        parked: &[Parked],
        records: &[OwnedRecord],
        letters: Vec<ComparedRow>,
        differences: &mut Differences,
    ) {
        let mut letters = letters.into_iter().peekable();
        for parked in parked {
            let stands = |row: &ComparedRow| offset_of(&DEAD_LETTERS, row);
            while let Some(extra) = letters.next_if(|row| stands(row) < parked.offset) {
                differences.extra(&DEAD_LETTERS, &extra);
            }
            let found = letters.next_if(|row| stands(row) == parked.offset);
            let expected = expected::dead_letter(self.partition.number, parked, record_of(parked, records));
            self.compare(&DEAD_LETTERS, found.as_ref(), &expected, parked.offset, differences);
        }
        letters.for_each(|extra| differences.extra(&DEAD_LETTERS, &extra));
    }

    fn take_over(&mut self, effects: &BatchEffects) {
        self.state.apply(effects);
        for row in &effects.stock {
            let last = LastLevel { level: row.level, offset: row.offset };
            match self.levels.get_mut(&row.product_id) {
                Some(known) => *known = last,
                None => {
                    self.levels.insert(row.product_id.clone(), last);
                }
            }
        }
        for open in &effects.open_orders.removed {
            self.open.remove(&open.order_id);
        }
        self.open.extend(effects.open_orders.added.iter().map(|open| (open.order_id, *open)));
        self.duplicates += effects.duplicate_count;
        let skipped = effects.parked.iter().filter(|parked| parked.reason == ParkReason::Skipped).count();
        self.skipped += u64::try_from(skipped).expect("a batch is held in memory");
        self.next_offset = effects.next_offset;
    }

    /// Whether the log explains that a row with this key is there. What its columns say was compared. A dead letter that is looked
    /// for stands outside of what was folded: nothing explains it.
    pub(super) fn explains(&self, shape: &TableShape, row: &ComparedRow) -> bool {
        let stands = || offset_of(shape, row);
        match shape.name {
            "orders" => {
                let id = OrderId::from_uuid(row.id());
                self.orders.contains(&id) || self.seen.is(shape.name, id, stands())
            }
            "stock_movements" => {
                let id = MovementId::from_uuid(row.id());
                self.wrong_movements.contains_key(&id) || self.seen.is(shape.name, id, stands())
            }
            "reservations" => key_of(row)
                .is_some_and(|key| self.reservations.contains(&key) || self.seen.is(shape.name, key, stands())),
            _ => false,
        }
    }

    /// How many rows are wrong whatever follows in the log, of those that are kept in memory for it.
    pub(super) fn wrong_rows(&self) -> usize {
        self.orders.wrong() + self.reservations.wrong() + self.wrong_movements.len()
    }
}

/// The key of a row of `reservations`; `None` for a line that no order has.
fn key_of(row: &ComparedRow) -> Option<ReservationKey> {
    Some(ReservationKey {
        order_id: OrderId::from_uuid(row.id()),
        home_partition: row.small(&RESERVATIONS, "home_partition"),
        line_no: LineNo::new(row.integer(&RESERVATIONS, "line_no")).ok()?,
    })
}

fn record_of<'a>(parked: &Parked, records: &'a [OwnedRecord]) -> &'a OwnedRecord {
    let at = records.binary_search_by_key(&parked.offset, |record| record.offset);
    &records[at.expect("a parked record is one of its batch")]
}
