//! One record of a quick look: what it must have left, held against the rows. It folds nothing but the record alone, so what earlier
//! records decide is taken as it is found.

use std::collections::BTreeMap;

use ledger_database::{Tables, Watched};
use ledger_fold::listed::listed_at;
use ledger_fold::{
    BatchFold, Decision, MovementRow, OrderRow, OrderState, Parked, Partition, PartitionState, Prior, ReservationRow,
    Skips, conflict_detail,
};
use ledger_kafka::record::OwnedRecord;
use ledger_schema::wire::{self, Event};
use ledger_schema::{LineStatus, Movement, Order, ParkReason, ProductId, Status};
use ledger_store::{Ids, StoreError, for_fold};

use super::compared_row::ComparedRow;
use super::difference::Differences;
use super::expected;
use super::lookup::Lookups;
use super::row_values;
use super::table::{DEAD_LETTERS, ORDERS, RESERVATIONS, STOCK_MOVEMENTS, TableShape};

pub(super) struct Look {
    lookups: Lookups,
    count: i32,
    /// What operators had skipped, as state of each partition.
    states: BTreeMap<i32, PartitionState>,
}

impl Look {
    /// At the live tables, of a log of so many partitions.
    pub(super) fn new(count: i32, skips: BTreeMap<i32, Skips>) -> Self {
        let state = |(partition, skips)| (partition, PartitionState::default().with_skips(skips));
        Self { lookups: Lookups::new(&Tables::live()), count, states: skips.into_iter().map(state).collect() }
    }

    /// Compares what one record must have left; gives the products that it is about.
    pub(super) async fn at(
        &self,
        connection: &mut Watched,
        record: &OwnedRecord,
        differences: &mut Differences,
    ) -> Result<Vec<ProductId>, StoreError> {
        let (nothing, prior) = (PartitionState::default(), Prior::default());
        let state = self.states.get(&record.partition).unwrap_or(&nothing);
        let partition = Partition { number: record.partition, count: self.count };
        let mut fold = BatchFold::new(partition, state, &prior, record.offset);
        fold.fold(&for_fold(record));
        let effects = fold.finish();
        // What refers to an order or a line is decided by how that stands, which only the fold of everything before it knows.
        if !effects.wanted.is_empty() {
            return Ok(Vec::new());
        }
        // Over no state, the fold parks exactly what it would park for the record alone.
        if let Some(parked) = effects.parked.first() {
            self.dead_letter(connection, record, Some(parked), differences).await?;
            return Ok(Vec::new());
        }
        match wire::decode(record.value()) {
            Ok(Event::OrderPlaced(order)) => {
                let products = order.lines().map(|(_, line)| line.product_id().clone()).collect();
                self.order(connection, record, order, differences).await?;
                Ok(products)
            }
            Ok(Event::StockMoved(movement)) => {
                let product = movement.product_id().clone();
                self.movement(connection, record, movement, differences).await?;
                Ok(vec![product])
            }
            Ok(Event::LineTold(told)) => {
                if let Some(row) = effects.reservations.first() {
                    self.reservation(connection, record, row, differences).await?;
                }
                Ok(vec![told.target.product_id])
            }
            Ok(Event::OrderRequested(_)) | Err(_) => Ok(Vec::new()),
        }
    }

    async fn order(
        &self,
        connection: &mut Watched,
        record: &OwnedRecord,
        order: Order,
        differences: &mut Differences,
    ) -> Result<(), StoreError> {
        let ids = Ids { orders: vec![order.order_id()], ..Ids::default() };
        let found = self.lookups.rows(connection, record.partition, &ids).await?;
        let found = found.order(order.order_id().as_uuid());
        if found.first().is_some_and(|row| row.integer(&ORDERS, "kafka_offset") < record.offset) {
            let is_same = row_values::order(found).is_some_and(|earlier| earlier.order.same_contents(&order));
            let id = order.order_id().to_string();
            return self.repeated(connection, record, "order", &id, is_same, differences).await;
        }
        let listed_at = listed_at(order.placed_at(), record.time_ms);
        let undecided = vec![(LineStatus::Pending, None); order.line_count()];
        let state = OrderState::from_stored(Status::Pending, &undecided).expect("a pending order is one");
        let row = OrderRow { offset: record.offset, order, state, listed_at };
        let expected = expected::order(record.partition, &row);
        look_at(&ORDERS, &["status", "line_status", "reason"], found, expected, differences);
        Ok(())
    }

    async fn reservation(
        &self,
        connection: &mut Watched,
        record: &OwnedRecord,
        row: &ReservationRow,
        differences: &mut Differences,
    ) -> Result<(), StoreError> {
        let ids = Ids { reservations: vec![row.key], ..Ids::default() };
        let found = self.lookups.rows(connection, record.partition, &ids).await?;
        let found = found.reservation(&row.key);
        if let Some(found) = found.filter(|found| found.integer(&RESERVATIONS, "kafka_offset") < record.offset) {
            let is_same = row_values::reservation(found)
                .is_some_and(|earlier| earlier.product_id == row.product_id && earlier.quantity == row.quantity);
            let line = format!("{} of order {}", row.key.line_no, row.key.order_id);
            return self.repeated(connection, record, "line", &line, is_same, differences).await;
        }
        let expected = vec![expected::reservation(record.partition, row)];
        let found = found.map_or(&[][..], std::slice::from_ref);
        look_at(&RESERVATIONS, &["status", "reason", "confirmed"], found, expected, differences);
        Ok(())
    }

    async fn movement(
        &self,
        connection: &mut Watched,
        record: &OwnedRecord,
        movement: Movement,
        differences: &mut Differences,
    ) -> Result<(), StoreError> {
        let ids = Ids { movements: vec![movement.movement_id()], ..Ids::default() };
        let found = self.lookups.rows(connection, record.partition, &ids).await?;
        let found = found.movement(movement.movement_id().as_uuid());
        if let Some(found) = found.filter(|found| found.integer(&STOCK_MOVEMENTS, "kafka_offset") < record.offset) {
            let is_same = row_values::movement(found).is_some_and(|earlier| earlier.same_contents(&movement));
            let id = movement.movement_id().to_string();
            return self.repeated(connection, record, "movement", &id, is_same, differences).await;
        }
        // Parked, perhaps, for what the stock would have been: only the fold could say.
        if found.is_none() && self.letter(connection, record).await?.is_some() {
            return Ok(());
        }
        let row = MovementRow { offset: record.offset, movement, decision: Decision::Confirmed };
        let expected = vec![expected::movement(record.partition, &row)];
        let found = found.map_or(&[][..], std::slice::from_ref);
        look_at(&STOCK_MOVEMENTS, &["status", "reason"], found, expected, differences);
        Ok(())
    }

    /// A record under an id that stands before: a duplicate leaves nothing, a conflict is parked.
    async fn repeated(
        &self,
        connection: &mut Watched,
        record: &OwnedRecord,
        what: &str,
        id: &str,
        is_same: bool,
        differences: &mut Differences,
    ) -> Result<(), StoreError> {
        let detail = conflict_detail(what, id);
        let parked = Parked { offset: record.offset, reason: ParkReason::ConflictingDuplicate, detail };
        self.dead_letter(connection, record, (!is_same).then_some(&parked), differences).await
    }

    async fn dead_letter(
        &self,
        connection: &mut Watched,
        record: &OwnedRecord,
        parked: Option<&Parked>,
        differences: &mut Differences,
    ) -> Result<(), StoreError> {
        let expected = parked.map(|parked| expected::dead_letter(record.partition, parked, record));
        match (self.letter(connection, record).await?, expected) {
            (None, None) => {}
            (Some(found), Some(expected)) => drop(differences.compare(&DEAD_LETTERS, &found, &expected)),
            (Some(found), None) => differences.extra(&DEAD_LETTERS, &found),
            (None, Some(expected)) => differences.missing(&DEAD_LETTERS, &expected),
        }
        Ok(())
    }

    async fn letter(&self, connection: &mut Watched, record: &OwnedRecord) -> Result<Option<ComparedRow>, StoreError> {
        let (partition, offset) = (record.partition, record.offset);
        let rows = self.lookups.dead_letters(connection, partition, offset, offset + 1).await?;
        Ok(rows.into_iter().next())
    }
}

/// Compares rows of one id, but for what only the fold of everything can decide.
fn look_at(
    shape: &'static TableShape,
    undecided: &[&str],
    found: &[ComparedRow],
    expected: Vec<ComparedRow>,
    differences: &mut Differences,
) {
    let same_key = |one: &ComparedRow, other: &ComparedRow| one.key(shape) == other.key(shape);
    let is_extra = |found: &&ComparedRow| !expected.iter().any(|expected| same_key(expected, found));
    found.iter().filter(is_extra).for_each(|extra| differences.extra(shape, extra));
    for mut expected in expected {
        let found = found.iter().find(|found| same_key(found, &expected));
        for column in undecided {
            expected.set(shape, column, found.map_or("(any)".into(), |found| found.get(shape, column).clone()));
        }
        match found {
            Some(found) => drop(differences.compare(shape, found, &expected)),
            None => differences.missing(shape, &expected),
        }
    }
}
