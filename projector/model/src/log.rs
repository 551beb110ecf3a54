//! The log: four records of one partition, and what the real fold ([`ledger_fold::BatchFold`]) says about every
//! interval of them. All folds are done once, when the model is made; a step of the model only looks one up.
//!
//! It must never decide anything itself: a rule of the fold written a second time here would be checked against itself.

use ledger_fold::{BatchFold, Decision, Level, OrderRow, Partition, PartitionState, Prior, Record, Stage};
use ledger_schema::RejectionReason;
use ledger_schema::wire::{self, Event, Outcome as WireOutcome};

/// How many records the log has.
pub const RECORD_COUNT: usize = 4;
/// One past the last record.
pub const RECORDS_END: u8 = 4;
/// The largest batch.
pub const BATCH_MAX: u8 = 2;
/// Stock levels above this are held as this. The log receives one piece, so a correct protocol stays below.
pub const LEVEL_MAX: u8 = 3;
const LEVEL_COUNT: usize = 5; // none, and 0 to LEVEL_MAX
const PARTITION: Partition = Partition { number: 0, count: 1 };
const KEY: &[u8] = b"chocolate";

/// One piece arrives; an order takes it; the same order again (a retry through another service); another order, which
/// must be refused. Whoever folds with a stale stock sells the piece twice.
const VALUES: [&str; RECORD_COUNT] = [
    r#"{"type":"StockReceived","version":1,"movement_id":"00000000-0000-4000-8000-000000000001","product_id":"chocolate","quantity":1,"occurred_at":"2026-11-23T10:00:00Z"}"#,
    r#"{"type":"OrderPlaced","version":1,"order_id":"00000000-0000-4000-8000-000000000002","user_id":"u1","product_id":"chocolate","quantity":1,"unit_price":5,"total_price":5,"placed_at":"2026-11-23T10:00:00Z"}"#,
    r#"{"type":"OrderPlaced","version":1,"order_id":"00000000-0000-4000-8000-000000000002","user_id":"u1","product_id":"chocolate","quantity":1,"unit_price":5,"total_price":5,"placed_at":"2026-11-23T10:00:00Z"}"#,
    r#"{"type":"OrderPlaced","version":1,"order_id":"00000000-0000-4000-8000-000000000003","user_id":"u2","product_id":"chocolate","quantity":1,"unit_price":5,"total_price":5,"placed_at":"2026-11-23T10:00:00Z"}"#,
];

/// A row of `orders` or `stock_movements`: what was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Row {
    Received,
    Confirmed,
    Rejected(RejectionReason),
}

/// The row of `stock`; the log knows one product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stock {
    pub available: u8,
    /// Of the record that changed it last.
    pub offset: u8,
}

/// What is published about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Outcome {
    pub offset: u8,
    pub row: Row,
    /// Pieces left, where the outcome says so.
    pub available: Option<u8>,
}

/// Something for each record, found by its offset.
pub type PerOffset<T> = [Option<T>; RECORD_COUNT];

/// A set of ids of orders and movements, each named by the offset of the record that brings it first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Ids(u8);

impl Ids {
    pub fn insert(&mut self, id: u8) {
        self.0 |= 1 << id;
    }

    pub fn contains(self, id: u8) -> bool {
        self.0 & (1 << id) != 0
    }

    pub fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Everything that a fold depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FoldInput {
    pub from: u8,
    pub to: u8,
    /// The stock in memory.
    pub available: Option<u8>,
    /// The batch's ids that were found stored ([`Prior`]).
    pub known: Ids,
}

/// Everything that a batch does to the tables, outbox included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effects {
    pub rows: PerOffset<Row>,
    pub stock: Option<Stock>,
    pub outcomes: PerOffset<Outcome>,
}

/// The records, and the fold of every interval of them.
#[derive(Debug)]
pub struct Log {
    end: u8,
    ids: [u8; RECORD_COUNT],
    folds: Vec<Effects>,
    prefixes: Vec<Effects>,
}

impl Log {
    /// The first `end` records. Folds every interval from every state. Panics when the records of this file do not decode.
    pub fn new(end: u8) -> Self {
        let ids = std::array::from_fn(first_with_the_id_of);
        let mut log = Self { end, ids, folds: Vec::new(), prefixes: Vec::new() };
        for from in 0..=RECORDS_END {
            for to in 0..=RECORDS_END {
                for level in 0..=LEVEL_MAX + 1 {
                    for known in 0..1 << RECORD_COUNT {
                        let input = FoldInput { from, to, available: level.checked_sub(1), known: Ids(known) };
                        log.folds.push(fold(&input));
                    }
                }
            }
        }
        log.prefixes = (0..=RECORDS_END)
            .map(|to| *log.fold(&FoldInput { from: 0, to, available: None, known: Ids::default() }))
            .collect();
        log
    }

    /// What the fold makes of `input`.
    pub fn fold(&self, input: &FoldInput) -> &Effects {
        let level = input.available.map_or(0, |available| usize::from(available.min(LEVEL_MAX)) + 1);
        let interval = usize::from(input.from) * (RECORD_COUNT + 1) + usize::from(input.to);
        &self.folds[(interval * LEVEL_COUNT + level) * (1 << RECORD_COUNT) + usize::from(input.known.0)]
    }

    /// What the tables must hold at `position`: the fold of that prefix in one go, by somebody who never crashed.
    pub fn prefix(&self, position: u8) -> &Effects {
        &self.prefixes[usize::from(position)]
    }

    /// One past the last record.
    pub fn end(&self) -> u8 {
        self.end
    }

    /// The id in the record at `offset`.
    pub fn id(&self, offset: usize) -> u8 {
        self.ids[offset]
    }

    /// Every outcome of the log, in order.
    pub fn outcomes(&self) -> impl Iterator<Item = Outcome> {
        self.prefix(self.end).outcomes.iter().flatten().copied()
    }
}

fn event(offset: usize) -> Event {
    match wire::decode(Some(VALUES[offset].as_bytes())) {
        Ok(event) => event,
        Err(error) => panic!("record {offset} of the model's log: {}", error.detail),
    }
}

fn first_with_the_id_of(offset: usize) -> u8 {
    let id = event(offset).id();
    (0..RECORDS_END).find(|earlier| event(usize::from(*earlier)).id() == id).expect("a record has its own id")
}

/// One batch through the real fold.
fn fold(input: &FoldInput) -> Effects {
    let product = event(0).product_id().clone();
    let level = |available| Level { available: i64::from(available), held: 0 };
    let state = PartitionState::from_stock(input.available.map(|available| (product, level(available))));
    let mut prior = Prior::default();
    for offset in (0..RECORD_COUNT).filter(|offset| input.known.contains(first_with_the_id_of(*offset))) {
        match event(offset) {
            Event::OrderPlaced(order) => drop(prior.orders.insert(order.order_id(), Some(stored(offset)))),
            Event::StockMoved(movement) => drop(prior.movements.insert(movement.movement_id(), movement)),
            Event::OrderRequested(_) | Event::LineTold(_) => unreachable!("this log has no such record"),
        }
    }
    let mut batch = BatchFold::new(PARTITION, &state, &prior, i64::from(input.from));
    for offset in input.from..input.to {
        let value = VALUES[usize::from(offset)].as_bytes();
        batch.fold(&Record { offset: i64::from(offset), time_ms: None, key: Some(KEY), value: Some(value) });
    }
    let done = batch.finish();
    let mut effects = Effects::default();
    for order in &done.orders {
        effects.rows[index(order.offset)] = Some(order_row(order));
    }
    for movement in &done.movements {
        effects.rows[index(movement.offset)] = Some(row(movement.decision, Row::Received));
    }
    for stock in &done.stock {
        effects.stock = Some(Stock { available: small_level(stock.level.available), offset: small(stock.offset) });
    }
    for entry in &done.outcomes {
        let at = index(entry.event_id.cause.offset);
        let available = match &entry.outcome {
            WireOutcome::OrderConfirmed(confirmed) => Some(small_level(confirmed.available)),
            WireOutcome::StockChanged(changed) => Some(small_level(changed.available)),
            WireOutcome::OrderRejected(_) | WireOutcome::AdjustmentRejected(_) => None,
            other => unreachable!("no record of this log has the outcome {other:?}"),
        };
        let offset = small(entry.event_id.cause.offset);
        effects.outcomes[at] = effects.rows[at].map(|row| Outcome { offset, row, available });
    }
    effects
}

/// The row that the order at `offset` has where it was taken first. (What a repeat is compared with is what it asks for.)
fn stored(offset: usize) -> OrderRow {
    let Event::OrderPlaced(order) = event(offset) else { unreachable!("record {offset} is an order") };
    let level = Level { available: order.first_line().quantity().get(), held: 0 };
    let state = PartitionState::from_stock([(order.product_id().clone(), level)]);
    let prior = Prior::default();
    let mut batch = BatchFold::new(PARTITION, &state, &prior, 0);
    let value = VALUES[offset].as_bytes();
    batch.fold(&Record { offset: 0, time_ms: None, key: Some(KEY), value: Some(value) });
    batch.finish().orders.pop().expect("an order that can be had")
}

fn order_row(order: &OrderRow) -> Row {
    match (order.state.stage(), order.state.lines().next()) {
        (Stage::Confirmed, _) => Row::Confirmed,
        (_, Some(ledger_fold::LineState::Rejected(reason))) => Row::Rejected(reason),
        (stage, line) => unreachable!("no order of this log is {stage:?} with {line:?}"),
    }
}

fn row(decision: Decision, confirmed: Row) -> Row {
    match decision {
        Decision::Confirmed => confirmed,
        Decision::Rejected(reason) => Row::Rejected(reason),
    }
}

fn small(offset: i64) -> u8 {
    u8::try_from(offset).expect("the offsets of a few records are small")
}

fn index(offset: i64) -> usize {
    usize::from(small(offset))
}

fn small_level(available: i64) -> u8 {
    u8::try_from(available).expect("the fold keeps INV-2, and levels are small").min(LEVEL_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The log is worth checking only while it holds a receipt, a sale, a duplicate and a refusal.
    #[test]
    fn the_log_has_one_of_each() {
        let log = Log::new(RECORDS_END);
        let sold_out = Row::Rejected(RejectionReason::OutOfStock);
        let whole = log.prefix(RECORDS_END);
        assert_eq!(whole.rows, [Some(Row::Received), Some(Row::Confirmed), None, Some(sold_out)]);
        assert_eq!(whole.stock, Some(Stock { available: 0, offset: 1 }));
        assert_eq!(log.outcomes().map(|outcome| outcome.offset).collect::<Vec<_>>(), [0, 1, 3]);
        assert_eq!([0, 1, 2, 3].map(|offset| log.id(offset)), [0, 1, 1, 3]);
        let stale = FoldInput { from: 3, to: 4, available: Some(1), known: Ids::default() };
        assert_eq!(log.fold(&stale).rows[3], Some(Row::Confirmed), "a stale stock sells the piece again");
    }
}
