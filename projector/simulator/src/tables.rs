//! One set of tables: a partition's rows, and what they say held against the naive fold of the log. It must never know which set
//! is live.

use std::collections::BTreeMap;

use ledger_fold::{
    BatchEffects, Level, OpenOrder, OrderRow, PartitionState, Prior, ReservationKey, ReservationRow, ReservationState,
    Stage, asked_again,
};
use ledger_schema::wire::{Event, encode};
use ledger_schema::{LineStep, Movement, MovementId, OrderId, ProductId};
use ledger_store::{GenerationKey, Ids, OpenCounts};

use crate::ask::{Told, word};
use crate::log::Log;
use crate::oracle::{LineSeen, Naive, OrderSeen, Pieces, Place, Reserved, Row, Said, Tables};
use crate::settings::Mutant;

/// One partition's rows in one set of tables.
#[derive(Debug, Default)]
pub struct PartitionTables {
    pub position: i64,
    stock: BTreeMap<ProductId, (Level, i64)>,
    orders: BTreeMap<OrderId, OrderRow>,
    movements: BTreeMap<MovementId, (Movement, Row)>,
    reservations: BTreeMap<ReservationKey, ReservationRow>,
    open: Vec<OpenOrder>,
    dead_letters: BTreeMap<i64, &'static str>,
    /// What was decided, in the words of the topic.
    pub said: BTreeMap<Place, Said>,
    /// What other partitions are told, as bytes.
    told: BTreeMap<Place, Vec<u8>>,
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
        PartitionState::from_stock(self.stock.iter().map(|(product, (level, _))| (product.clone(), *level)))
    }

    pub fn open_counts(&self) -> OpenCounts {
        let mut counts = OpenCounts::default();
        self.open.iter().for_each(|open| *counts.of(open.status) += 1);
        counts
    }

    pub fn prior(&self, ids: &Ids) -> Prior {
        let movement = |id: &MovementId| self.movements.get(id).map(|(movement, _)| (*id, movement.clone()));
        Prior {
            orders: ids.orders.iter().map(|id| (*id, self.orders.get(id).cloned())).collect(),
            movements: ids.movements.iter().filter_map(movement).collect(),
            reservations: ids.reservations.iter().map(|key| (*key, self.reservations.get(key).cloned())).collect(),
        }
    }

    /// Orders at home here that are open, as their rows have them.
    pub fn open_orders(&self) -> Vec<OrderRow> {
        self.open.iter().filter_map(|open| self.orders.get(&open.order_id)).cloned().collect()
    }

    /// Lines that are taken here for an order that is not confirmed, as far as this partition knows.
    pub fn unsettled(&self) -> impl Iterator<Item = &ReservationRow> {
        self.reservations.values().filter(|row| row.state == ReservationState::Reserved)
    }

    /// Where the order stands, if it is at home here.
    pub fn stage(&self, id: OrderId) -> Option<Stage> {
        self.orders.get(&id).map(|row| row.state.stage())
    }

    /// The product of the order's first line, if it is at home here.
    pub fn home_product(&self, id: OrderId) -> Option<ProductId> {
        self.orders.get(&id).map(|row| row.order.product_id().clone())
    }

    /// Changes the stock of the first product that there is; whether there was one.
    pub fn tamper(&mut self, delta: i64) -> bool {
        let Some((level, _)) = self.stock.values_mut().next() else { return false };
        let before = level.available;
        level.available = (level.available + delta).max(0);
        before != level.available
    }

    /// Of a mutant: pieces are added to a stock that no record of its partition speaks of.
    pub fn add_past_the_log(&mut self, product: &ProductId, quantity: i64) {
        if let Some((level, _)) = self.stock.get_mut(product) {
            level.available += quantity;
        }
    }

    pub(crate) fn knows_an_id_of(&self, effects: &BatchEffects) -> bool {
        effects.orders.iter().any(|row| self.orders.contains_key(&row.order.order_id()))
            || effects.movements.iter().any(|row| self.movements.contains_key(&row.movement.movement_id()))
            || effects.reservations.iter().any(|row| self.reservations.contains_key(&row.key))
    }

    pub(crate) fn apply(&mut self, effects: &BatchEffects, mutants: &[Mutant]) {
        assert!(effects.wanted.is_empty(), "a batch that wants to know something is not written");
        for row in effects.orders.iter().chain(&effects.changed_orders) {
            let before = self.stage(row.order.order_id());
            let forgets = mutants.contains(&Mutant::ConfirmForgotten)
                && (before, row.state.stage()) == (Some(Stage::Held), Stage::Confirmed);
            if !forgets {
                self.orders.insert(row.order.order_id(), row.clone());
            }
        }
        for row in effects.reservations.iter().chain(&effects.changed_reservations) {
            let forgets = mutants.contains(&Mutant::ReleaseForgotten) && row.state == ReservationState::Released;
            if !forgets {
                self.reservations.insert(row.key, row.clone());
            }
        }
        self.open.retain(|open| !effects.open_orders.removed.contains(open));
        self.open.extend(&effects.open_orders.added);
        for row in &effects.movements {
            let reason = row.decision.reason().map(|reason| word(reason.as_str()));
            let id = row.movement.movement_id();
            self.movements.insert(id, (row.movement.clone(), Row { offset: row.offset, reason }));
        }
        for row in &effects.stock {
            self.stock.insert(row.product_id.clone(), (row.level, row.offset));
        }
        for parked in &effects.parked {
            self.dead_letters.insert(parked.offset, word(parked.reason.as_str()));
            self.said.insert((parked.offset, 0), Said::of_dead_letter(parked.reason.as_str()));
        }
        for entry in &effects.outcomes {
            let said = Said::of_outcome(entry.outcome.event_type(), &entry.outcome.encode());
            self.said.insert((entry.event_id.cause.offset, entry.event_id.index), said);
        }
        for entry in &effects.told {
            let place = (entry.event_id.cause.offset, entry.event_id.index);
            self.told.insert(place, encode(&Event::LineTold(entry.event.clone())));
        }
    }

    /// Of orders at home here that the home asks for again.
    pub fn asked_again(&self, partition: ledger_fold::Partition) -> Vec<ledger_fold::ToldEntry> {
        let mut asked = Vec::new();
        self.open_orders().iter().for_each(|row| asked.extend(asked_again(row, partition)));
        debug_assert!(asked.iter().all(|entry| entry.event.step == LineStep::Requested));
        asked
    }

    /// In the words of the oracle.
    fn contents(&self, products: &[String]) -> Tables {
        let number = |id: u128| u32::try_from(id & 0xffff_ffff).unwrap_or(u32::MAX);
        let product = |id: &ProductId| products.iter().position(|name| name == id.as_str()).unwrap_or(usize::MAX);
        let order = |(id, row): (&OrderId, &OrderRow)| (number(id.as_uuid().as_u128()), seen(row, product));
        let movement = |(id, (_, row)): (&MovementId, &(Movement, Row))| (number(id.as_uuid().as_u128()), row.clone());
        let pieces = |(id, (level, offset)): (&ProductId, &(Level, i64))| {
            (product(id), Pieces { available: level.available, held: level.held, offset: *offset })
        };
        let reserved = |(key, row): (&ReservationKey, &ReservationRow)| {
            let id = number(key.order_id.as_uuid().as_u128());
            let line = Reserved {
                offset: row.offset,
                product: product(&row.product_id),
                quantity: row.quantity.get(),
                status: row.state.status().as_str(),
                confirmed: row.state.is_confirmed(),
                reason: row.state.reason().map(|reason| word(reason.as_str())),
            };
            ((id, key.home_partition, key.line_no.get()), line)
        };
        Tables {
            orders: self.orders.iter().map(order).collect(),
            movements: self.movements.iter().map(movement).collect(),
            dead_letters: self.dead_letters.clone(),
            stock: self.stock.iter().map(pieces).collect(),
            reserved: self.reservations.iter().map(reserved).collect(),
        }
    }
}

fn seen(row: &OrderRow, product: impl Fn(&ProductId) -> usize) -> OrderSeen {
    let line = |(line_no, line): (ledger_schema::LineNo, &ledger_schema::Line)| LineSeen {
        product: product(line.product_id()),
        quantity: line.quantity().get(),
        status: row.state.line(line_no).status().as_str(),
        reason: row.state.reason_of(line_no).map(|reason| word(reason.as_str())),
    };
    OrderSeen {
        offset: row.offset,
        status: row.state.status().as_str(),
        hold: row.order.terms().hold.is_some(),
        lines: row.order.lines().map(line).collect(),
    }
}

/// The tables of a partition against the naive fold of the records before its position (INV-1 to INV-5).
pub fn check(tables: &PartitionTables, partition: i32, log: &Log, which: &str) -> Result<(), String> {
    let naive = Naive::of(partition, &log.between(partition, 0, tables.position));
    let found = tables.contents(&log.products);
    let at = format!("{which} tables of partition {partition} at position {}", tables.position);
    if found != naive.tables {
        return Err(format!("the {at} are not the fold of the log: expected {:?}, found {found:?}", naive.tables));
    }
    if tables.said != naive.said {
        return Err(format!("the {at} decided otherwise: expected {:?}, found {:?}", naive.said, tables.said));
    }
    let told: Option<BTreeMap<Place, Told>> =
        tables.told.iter().map(|(place, value)| Some((*place, Told::read(value, &log.products)?))).collect();
    if told.as_ref() != Some(&naive.told) {
        return Err(format!("the {at} tell otherwise: expected {:?}, found {told:?}", naive.told));
    }
    let open = |status: &str| naive.tables.orders.values().filter(|order| order.status == status).count();
    let counts = tables.open_counts();
    if [counts.pending, counts.held] != ["pending", "held"].map(|status| i64::try_from(open(status)).unwrap_or(0)) {
        return Err(format!("the {at} have {counts:?} open orders: {:?}", naive.tables.orders));
    }
    Ok(())
}
