//! What the tables and the topic must hold: the rules of the ledger once more, as naive as they can be written, over what the
//! records ask for. It must never share code with the fold. Next: [`crate::oracle_lines`], the rest of the rules.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::ask::{Ask, Lines, PRODUCTS, Told, word};
use crate::log::LogRecord;

/// What a record came to, as it is published: a word, what is left or why not, and where each of several lines stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub word: &'static str,
    pub left: Option<i64>,
    pub reason: Option<&'static str>,
    pub lines: String,
}

/// A row that a record left: of a movement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub offset: i64,
    pub reason: Option<&'static str>,
}

/// A line of an order at home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineSeen {
    pub product: usize,
    pub quantity: i64,
    pub status: &'static str,
    pub reason: Option<&'static str>,
}

/// An order at home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderSeen {
    pub offset: i64,
    pub status: &'static str,
    pub hold: bool,
    pub lines: Vec<LineSeen>,
}

/// A line of an order that is at home elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    pub offset: i64,
    pub product: usize,
    pub quantity: i64,
    pub status: &'static str,
    pub confirmed: bool,
    pub reason: Option<&'static str>,
}

/// What is there of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pieces {
    pub available: i64,
    pub held: i64,
    /// The record that changed it last.
    pub offset: i64,
}

/// The tables of one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tables {
    pub orders: BTreeMap<u32, OrderSeen>,
    pub movements: BTreeMap<u32, Row>,
    pub dead_letters: BTreeMap<i64, &'static str>,
    pub stock: BTreeMap<usize, Pieces>,
    /// By order, home partition and number.
    pub reserved: BTreeMap<(u32, i32, i16), Reserved>,
}

/// Offset and index of what a record came to.
pub type Place = (i64, u32);

/// One partition, folded record by record.
#[derive(Debug, Clone, Default)]
pub struct Naive {
    pub partition: usize,
    pub tables: Tables,
    /// What the first record of an id asked for.
    movements_asked: BTreeMap<u32, Ask>,
    orders_asked: BTreeMap<u32, (Lines, bool)>,
    /// What is published.
    pub said: BTreeMap<Place, Said>,
    /// What other partitions are told.
    pub told: BTreeMap<Place, Told>,
    pub(crate) index: u32,
}

impl Naive {
    /// The fold of `records` from nothing.
    pub fn of(partition: i32, records: &[LogRecord]) -> Self {
        let partition = usize::try_from(partition).unwrap_or(usize::MAX);
        let mut naive = Self { partition, ..Self::default() };
        records.iter().for_each(|record| naive.fold(record));
        naive
    }

    pub fn fold(&mut self, record: &LogRecord) {
        let offset = record.offset;
        self.index = 0;
        match record.ask {
            Ask::Garbage => self.park(offset, "undecodable"),
            Ask::WrongKey { .. } => self.park(offset, "wrong-key"),
            Ask::Receipt { id, product, quantity } => self.movement(offset, id, product, quantity, record.ask),
            Ask::Adjustment { id, product, delta } => self.movement(offset, id, product, delta, record.ask),
            Ask::Order { id, product, quantity } => {
                let mut lines: Lines = [None; crate::ask::MOST_LINES];
                lines[0] = Some((product, quantity));
                self.order(offset, id, lines, false);
            }
            Ask::Basket { id, lines, hold } => self.order(offset, id, lines, hold),
            Ask::Confirm { id, home } => self.confirm_asked(offset, id, home),
            Ask::Cancel { id, home } => self.cancel_asked(offset, id, home),
            Ask::Expire { id, home, after } => self.expiry(offset, id, home, after),
            Ask::Told(told) => self.hear(offset, &told),
        }
    }

    pub(crate) fn is_here(&self, product: usize) -> bool {
        product / PRODUCTS == self.partition
    }

    fn movement(&mut self, offset: i64, id: u32, product: usize, delta: i64, ask: Ask) {
        if let Some(first) = self.movements_asked.get(&id) {
            if *first != ask {
                self.park(offset, "conflicting-duplicate");
            }
            return;
        }
        self.movements_asked.insert(id, ask);
        let before = self.tables.stock.get(&product).copied();
        let introduces = matches!(ask, Ask::Receipt { .. });
        let available = before.map_or(0, |pieces| pieces.available) + delta;
        let reason = match before {
            None if !introduces => Some("unknown-product"),
            _ if available < 0 => Some("below-zero"),
            _ => None,
        };
        if reason.is_none() {
            let held = before.map_or(0, |pieces| pieces.held);
            self.tables.stock.insert(product, Pieces { available, held, offset });
        }
        self.tables.movements.insert(id, Row { offset, reason });
        let word = if reason.is_none() { "StockChanged" } else { "AdjustmentRejected" };
        self.say(offset, Said { word, left: reason.is_none().then_some(available), reason, lines: String::new() });
    }

    /// Whether so much can be taken.
    pub(crate) fn refusal(&self, product: usize, quantity: i64) -> Option<&'static str> {
        match self.tables.stock.get(&product) {
            None => Some("unknown-product"),
            Some(pieces) if pieces.available < quantity => Some("out-of-stock"),
            Some(_) => None,
        }
    }

    /// Moves pieces of a product.
    pub(crate) fn shift(&mut self, product: usize, available: i64, held: i64, offset: i64) {
        if let Some(pieces) = self.tables.stock.get_mut(&product) {
            pieces.available += available;
            pieces.held += held;
            pieces.offset = offset;
        }
    }

    fn order(&mut self, offset: i64, id: u32, lines: Lines, hold: bool) {
        match self.orders_asked.get(&id) {
            Some(first) if *first == (lines, hold) => return,
            Some(_) => return self.park(offset, "conflicting-duplicate"),
            None => {
                self.orders_asked.insert(id, (lines, hold));
            }
        }
        let line = |(product, quantity): (usize, i64)| {
            let refusal = self.refusal(product, quantity);
            let (status, reason) = match (self.is_here(product), refusal) {
                (false, _) => ("pending", None),
                (true, None) => ("reserved", None),
                (true, refusal) => ("rejected", refusal),
            };
            LineSeen { product, quantity, status, reason }
        };
        let lines: Vec<LineSeen> = lines.into_iter().flatten().map(line).collect();
        let any = |lines: &[LineSeen], status: &str| lines.iter().any(|line| line.status == status);
        let mut order = OrderSeen { offset, status: "confirmed", hold, lines };
        if any(&order.lines, "rejected") {
            order.status = "rejected";
            for line in order.lines.iter_mut().filter(|line| line.status != "rejected") {
                (line.status, line.reason) = ("released", Some("line-rejected"));
            }
        } else if any(&order.lines, "pending") {
            order.status = "pending";
        } else if hold {
            order.status = "held";
        }
        for line in order.lines.iter().filter(|line| line.status == "reserved") {
            let held = if order.status == "confirmed" { 0 } else { line.quantity };
            self.shift(line.product, -line.quantity, held, offset);
        }
        self.say_order(offset, &order);
        if order.status == "pending" {
            self.tell_others(offset, id, &order, crate::ask::Step::Requested, |line| line.status == "pending");
        }
        self.tables.orders.insert(id, order);
    }

    pub(crate) fn park(&mut self, offset: i64, reason: &'static str) {
        self.tables.dead_letters.insert(offset, reason);
        // The dead letter of a record is its first entry, whatever is told besides.
        self.said.insert((offset, 0), Said::of_dead_letter(reason));
    }

    pub(crate) fn say(&mut self, offset: i64, said: Said) {
        self.said.insert((offset, self.index), said);
        self.index += 1;
    }
}

impl Said {
    /// What an entry of the outbox says: its word, and the JSON that goes to the topic.
    pub fn of_outcome(event_type: &str, value: &[u8]) -> Self {
        const KNOWN: [&str; 6] =
            ["OrderConfirmed", "OrderRejected", "OrderHeld", "OrderCancelled", "StockChanged", "AdjustmentRejected"];
        let found = KNOWN.into_iter().find(|known| *known == event_type).unwrap_or("unknown word");
        let value: Value = serde_json::from_slice(value).unwrap_or_default();
        let line = |line: &Value| {
            let status = line["status"].as_str().unwrap_or("unknown status");
            line["reason"].as_str().map_or(status.to_owned(), |reason| format!("{status} {reason}"))
        };
        let lines: Vec<String> =
            value["lines"].as_array().map_or_else(Vec::new, |lines| lines.iter().map(line).collect());
        let (left, reason) = (value["available"].as_i64(), value["reason"].as_str().map(word));
        Self { word: found, left, reason, lines: lines.join(", ") }
    }

    pub fn of_dead_letter(reason: &str) -> Self {
        Self { word: "dead-letter", left: None, reason: Some(word(reason)), lines: String::new() }
    }
}
