//! One set of tables: a partition's rows, and what they say held against the naive fold of the log. It must never know which set
//! is live.

use std::collections::BTreeMap;

use ledger_fold::{BatchEffects, PartitionState, Prior};
use ledger_schema::{Movement, MovementId, Order, OrderId, ProductId};
use ledger_store::GenerationKey;

use crate::log::Log;
use crate::oracle::{Naive, Row, Said, Tables, reason_word};

/// One partition's rows in one set of tables.
#[derive(Debug, Default)]
pub struct PartitionTables {
    pub position: i64,
    stock: BTreeMap<ProductId, (i64, i64)>,
    orders: BTreeMap<OrderId, (Order, Row)>,
    movements: BTreeMap<MovementId, (Movement, Row)>,
    dead_letters: BTreeMap<i64, &'static str>,
    /// What was decided, by offset, in the words of the topic.
    pub said: BTreeMap<i64, Said>,
}

/// One set of tables.
#[derive(Debug)]
pub struct TableSet {
    pub partitions: Vec<PartitionTables>,
    /// Its identity: like no other's, where numbers begin at 1 again after the database was lost.
    pub id: u32,
    /// Somebody changed its stock by hand.
    pub tampered: bool,
    /// Complete: it was live, or is.
    pub kept: bool,
}

impl TableSet {
    pub fn empty(partitions: i32, id: u32) -> Self {
        let partitions = (0..partitions).map(|_| PartitionTables::default()).collect();
        Self { partitions, id, tampered: false, kept: false }
    }

    pub fn of(&self, partition: i32) -> Option<&PartitionTables> {
        usize::try_from(partition).ok().and_then(|partition| self.partitions.get(partition))
    }

    pub fn key(&self, number: i32) -> GenerationKey {
        GenerationKey { number, id: uuid::Uuid::from_u128(u128::from(self.id)) }
    }

    pub fn positions(&self) -> BTreeMap<i32, i64> {
        (0..).zip(&self.partitions).map(|(partition, tables)| (partition, tables.position)).collect()
    }
}

impl PartitionTables {
    pub fn state(&self) -> PartitionState {
        PartitionState::from_stock(self.stock.iter().map(|(product, (available, _))| (product.clone(), *available)))
    }

    pub fn prior(&self, orders: &[OrderId], movements: &[MovementId]) -> Prior {
        let order = |id: &OrderId| self.orders.get(id).map(|(order, _)| (*id, order.clone()));
        let movement = |id: &MovementId| self.movements.get(id).map(|(movement, _)| (*id, movement.clone()));
        Prior {
            orders: orders.iter().filter_map(order).collect(),
            movements: movements.iter().filter_map(movement).collect(),
        }
    }

    /// Changes the stock of the first product that there is; whether there was one.
    pub fn tamper(&mut self, delta: i64) -> bool {
        let Some((available, _)) = self.stock.values_mut().next() else { return false };
        let before = *available;
        *available = (*available + delta).max(0);
        before != *available
    }

    pub(crate) fn knows_an_id_of(&self, effects: &BatchEffects) -> bool {
        effects.orders.iter().any(|row| self.orders.contains_key(&row.order.order_id()))
            || effects.movements.iter().any(|row| self.movements.contains_key(&row.movement.movement_id()))
    }

    pub(crate) fn apply(&mut self, effects: &BatchEffects) {
        for row in &effects.orders {
            let reason = row.decision.reason().map(|reason| reason_word(reason.as_str()));
            self.orders.insert(row.order.order_id(), (row.order.clone(), Row { offset: row.offset, reason }));
        }
        for row in &effects.movements {
            let reason = row.decision.reason().map(|reason| reason_word(reason.as_str()));
            let id = row.movement.movement_id();
            self.movements.insert(id, (row.movement.clone(), Row { offset: row.offset, reason }));
        }
        for row in &effects.stock {
            self.stock.insert(row.product_id.clone(), (row.available, row.offset));
        }
        for parked in &effects.parked {
            self.dead_letters.insert(parked.offset, reason_word(parked.reason.as_str()));
            self.said.insert(parked.offset, Said::of_dead_letter(parked.reason.as_str()));
        }
        for entry in &effects.outcomes {
            let value = String::from_utf8_lossy(&entry.outcome.encode()).into_owned();
            self.said.insert(entry.event_id.cause.offset, Said::of_outcome(entry.outcome.event_type(), &value));
        }
    }

    /// In the words of the oracle.
    fn contents(&self, products: &[String]) -> Tables {
        let number = |id: u128| u32::try_from(id & 0xffff_ffff).unwrap_or(u32::MAX);
        let product = |id: &ProductId| products.iter().position(|name| name == id.as_str()).unwrap_or(usize::MAX);
        let order = |(id, (_, row)): (&OrderId, &(Order, Row))| (number(id.as_uuid().as_u128()), row.clone());
        let movement = |(id, (_, row)): (&MovementId, &(Movement, Row))| (number(id.as_uuid().as_u128()), row.clone());
        Tables {
            orders: self.orders.iter().map(order).collect(),
            movements: self.movements.iter().map(movement).collect(),
            dead_letters: self.dead_letters.clone(),
            stock: self.stock.iter().map(|(id, stock)| (product(id), *stock)).collect(),
        }
    }
}

/// The tables of a partition against the naive fold of the records before its position (INV-1 to INV-5).
pub fn check(tables: &PartitionTables, partition: i32, log: &Log, which: &str) -> Result<(), String> {
    let naive = Naive::of(&log.between(partition, 0, tables.position));
    let products = log.of(partition).map_or(&[][..], |log| &log.products);
    let found = tables.contents(products);
    let at = format!("{which} tables of partition {partition} at position {}", tables.position);
    if found != naive.tables {
        return Err(format!("the {at} are not the fold of the log: expected {:?}, found {found:?}", naive.tables));
    }
    if tables.said != naive.said {
        return Err(format!("the {at} decided otherwise: expected {:?}, found {:?}", naive.said, tables.said));
    }
    Ok(())
}
