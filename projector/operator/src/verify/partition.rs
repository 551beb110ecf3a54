//! One partition, folded again beside its rows. See [`super`] for why what it finds is complete.

use std::collections::HashMap;

use ledger_fold::{BatchEffects, BatchFold, MovementRow, OrderRow, Parked, Partition, PartitionState, Prior};
use ledger_kafka::record::OwnedRecord;
use ledger_schema::wire::{self, Event};
use ledger_schema::{Movement, MovementId, Order, OrderId, ParkReason, ProductId};
use ledger_store::StoreError;
use ledger_store::for_fold;
use sqlx::MySqlConnection;
use uuid::Uuid;

use super::compared_row::ComparedRow;
use super::difference::Differences;
use super::evidence::{Evidence, FoundRows, Level};
use super::lookup::Lookups;
use super::seen::Seen;
use super::table::{DEAD_LETTERS, ORDERS, STOCK_MOVEMENTS, TableShape};
use super::{expected, row_values};

/// What is expected under ids whose rows are missing or differ. Later records are folded against this, not against the rows.
#[derive(Debug, Default)]
struct Wrong {
    orders: HashMap<OrderId, Order>,
    movements: HashMap<MovementId, Movement>,
}

pub(super) struct PartitionCheck {
    pub(super) partition: Partition,
    /// Up to where it is folded, exclusive: its position, but not beyond the end of the log.
    pub(super) end: i64,
    pub(super) log_end: i64,
    /// One past the last record that was folded.
    pub(super) next_offset: i64,
    state: PartitionState,
    pub(super) levels: HashMap<ProductId, Level>,
    seen: Seen,
    wrong: Wrong,
    pub(super) found_rows: FoundRows,
    pub(super) evidence: Evidence,
    pub(super) duplicates: u64,
}

impl PartitionCheck {
    /// Nothing folded yet.
    pub(super) fn new(partition: Partition, end: i64, log_end: i64) -> Self {
        Self {
            partition,
            end,
            log_end,
            next_offset: 0,
            state: PartitionState::default(),
            levels: HashMap::new(),
            seen: Seen::new(end),
            wrong: Wrong::default(),
            found_rows: FoundRows::default(),
            evidence: Evidence::default(),
            duplicates: 0,
        }
    }

    /// Folds the next records and compares their rows.
    pub(super) async fn batch(
        &mut self,
        lookups: &Lookups,
        connection: &mut MySqlConnection,
        records: &[OwnedRecord],
        differences: &mut Differences,
    ) -> Result<(), StoreError> {
        let from = self.next_offset;
        let mut effects = self.fold(records, &Prior::default());
        let (orders, movements) = ids(&effects, records);
        let mut orders = lookups.orders.rows(connection, self.partition.number, &orders).await?;
        let mut movements = lookups.movements.rows(connection, self.partition.number, &movements).await?;
        let prior = self.prior(&effects, records, &orders, &movements, from);
        if prior != Prior::default() {
            effects = self.fold(records, &prior);
        }
        for row in &effects.orders {
            self.compare_order(row, orders.remove(&row.order.order_id().as_uuid()), differences);
        }
        for row in &effects.movements {
            self.compare_movement(row, movements.remove(&row.movement.movement_id().as_uuid()), differences);
        }
        let letters = lookups.dead_letters(connection, self.partition.number, from, effects.next_offset).await?;
        self.compare_dead_letters(&effects.parked, records, letters, differences);
        self.take_over(&effects);
        Ok(())
    }

    fn fold(&self, records: &[OwnedRecord], prior: &Prior) -> BatchEffects {
        let mut fold = BatchFold::new(self.partition, &self.state, prior, self.next_offset);
        records.iter().for_each(|record| fold.fold(&for_fold(record)));
        fold.finish()
    }

    /// What stood under the batch's ids before it: the rows that were compared earlier in this run, and nothing else.
    fn prior(
        &self,
        effects: &BatchEffects,
        records: &[OwnedRecord],
        orders: &HashMap<Uuid, ComparedRow>,
        movements: &HashMap<Uuid, ComparedRow>,
        from: i64,
    ) -> Prior {
        let mut prior = Prior::default();
        let compared = |shape: &TableShape, id: &Uuid, row: &ComparedRow| {
            let offset = row.integer(shape, "kafka_offset");
            offset < from && self.seen.is(shape.name, *id, offset)
        };
        // A row that does not parse is none that was found equal: its fingerprint lied (see [`super`]), and it does not count.
        let earlier = orders.iter().filter(|(id, row)| compared(&ORDERS, id, row));
        let earlier = earlier.filter_map(|(_, row)| row_values::order(row).parse().ok());
        prior.orders.extend(earlier.map(|order| (order.order_id(), order)));
        let earlier = movements.iter().filter(|(id, row)| compared(&STOCK_MOVEMENTS, id, row));
        let earlier = earlier.filter_map(|(_, row)| row_values::movement(row).parse().ok());
        prior.movements.extend(earlier.map(|movement| (movement.movement_id(), movement)));
        if !self.wrong.orders.is_empty() || !self.wrong.movements.is_empty() {
            let (orders, movements) = ids(effects, records);
            let wrong = orders.into_iter().filter_map(|id| self.wrong.orders.get_key_value(&OrderId::from_uuid(id)));
            prior.orders.extend(wrong.map(|(id, order)| (*id, order.clone())));
            let wrong = movements.into_iter();
            let wrong = wrong.filter_map(|id| self.wrong.movements.get_key_value(&MovementId::from_uuid(id)));
            prior.movements.extend(wrong.map(|(id, movement)| (*id, movement.clone())));
        }
        prior
    }

    fn compare_order(&mut self, row: &OrderRow, found: Option<ComparedRow>, differences: &mut Differences) {
        let expected = expected::order(self.partition.number, row);
        self.seen.set(ORDERS.name, row.order.order_id().as_uuid(), row.offset);
        self.found_rows.orders += u64::from(found.is_some());
        if !self.compare(&ORDERS, found, &expected, row.offset, differences) {
            self.wrong.orders.insert(row.order.order_id(), row.order.clone());
        }
    }

    fn compare_movement(&mut self, row: &MovementRow, found: Option<ComparedRow>, differences: &mut Differences) {
        let expected = expected::movement(self.partition.number, row);
        self.seen.set(STOCK_MOVEMENTS.name, row.movement.movement_id().as_uuid(), row.offset);
        self.found_rows.movements += u64::from(found.is_some());
        if !self.compare(&STOCK_MOVEMENTS, found, &expected, row.offset, differences) {
            self.wrong.movements.insert(row.movement.movement_id(), row.movement.clone());
        }
    }

    fn compare(
        &mut self,
        shape: &'static TableShape,
        found: Option<ComparedRow>,
        expected: &ComparedRow,
        offset: i64,
        differences: &mut Differences,
    ) -> bool {
        match found {
            Some(found) => {
                self.evidence.found(offset);
                differences.compare(shape, &found, expected)
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
            let offset_of = |row: &ComparedRow| row.integer(&DEAD_LETTERS, "kafka_offset");
            while let Some(extra) = letters.next_if(|row| offset_of(row) < parked.offset) {
                differences.extra(&DEAD_LETTERS, &extra);
            }
            let found = letters.next_if(|row| offset_of(row) == parked.offset);
            let expected = expected::dead_letter(self.partition.number, parked, record_of(parked, records));
            self.compare(&DEAD_LETTERS, found, &expected, parked.offset, differences);
        }
        letters.for_each(|extra| differences.extra(&DEAD_LETTERS, &extra));
    }

    fn take_over(&mut self, effects: &BatchEffects) {
        self.state.apply(effects);
        for row in &effects.stock {
            let level = Level { available: row.available, offset: row.offset };
            match self.levels.get_mut(&row.product_id) {
                Some(known) => *known = level,
                None => {
                    self.levels.insert(row.product_id.clone(), level);
                }
            }
        }
        self.duplicates += effects.duplicate_count;
        self.next_offset = effects.next_offset;
    }

    /// Whether the log explains that a row with this key is there. What its columns say was compared. A dead letter that is looked
    /// for stands outside of what was folded: nothing explains it.
    pub(super) fn explains(&self, shape: &TableShape, row: &ComparedRow) -> bool {
        if shape == &DEAD_LETTERS {
            return false;
        }
        let id = row.id();
        let is_wrong = match shape.name {
            "orders" => self.wrong.orders.contains_key(&OrderId::from_uuid(id)),
            _ => self.wrong.movements.contains_key(&MovementId::from_uuid(id)),
        };
        let is_line = shape.name != ORDERS.name || row.integer(shape, "line_no") == i64::from(OrderRow::LINE_NO);
        is_line && (is_wrong || self.seen.is(shape.name, id, row.integer(shape, "kafka_offset")))
    }

    /// How many rows had a difference, of those that are kept in memory for it.
    pub(super) fn wrong_rows(&self) -> usize {
        self.wrong.orders.len() + self.wrong.movements.len()
    }
}

/// Every id that a record of the batch has: those that have a row, and those that are parked only for what the stock would be.
fn ids(effects: &BatchEffects, records: &[OwnedRecord]) -> (Vec<Uuid>, Vec<Uuid>) {
    let mut orders: Vec<Uuid> = effects.orders.iter().map(|row| row.order.order_id().as_uuid()).collect();
    let mut movements: Vec<Uuid> = effects.movements.iter().map(|row| row.movement.movement_id().as_uuid()).collect();
    for parked in effects.parked.iter().filter(|parked| parked.reason == ParkReason::StockOverflow) {
        match wire::decode(record_of(parked, records).value()).expect("what is parked for its stock was decoded") {
            Event::OrderPlaced(order) => orders.push(order.order_id().as_uuid()),
            Event::StockMoved(movement) => movements.push(movement.movement_id().as_uuid()),
        }
    }
    (orders, movements)
}

fn record_of<'a>(parked: &Parked, records: &'a [OwnedRecord]) -> &'a OwnedRecord {
    let at = records.binary_search_by_key(&parked.offset, |record| record.offset);
    &records[at.expect("a parked record is one of its batch")]
}
