//! What the tables and the topic must hold: the rules of the ledger once more, as naive as they can be written, over what the
//! records ask for. It must never share code with the fold.

use std::collections::BTreeMap;

use crate::log::{Ask, LogRecord};

/// What a record came to, as it is published: a word, and what is left or why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub word: &'static str,
    pub left: Option<i64>,
    pub reason: Option<&'static str>,
}

/// A row that a record left: of an order, a movement or a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub offset: i64,
    pub reason: Option<&'static str>,
}

/// The tables of one partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tables {
    pub orders: BTreeMap<u32, Row>,
    pub movements: BTreeMap<u32, Row>,
    pub dead_letters: BTreeMap<i64, &'static str>,
    /// What is available, and the record that changed it last.
    pub stock: BTreeMap<usize, (i64, i64)>,
}

/// One partition, folded record by record.
#[derive(Debug, Clone, Default)]
pub struct Naive {
    pub tables: Tables,
    /// What the first record of an id asked for.
    asked: BTreeMap<(bool, u32), Ask>,
    /// What is published, by offset.
    pub said: BTreeMap<i64, Said>,
}

impl Naive {
    /// The fold of `records` from nothing.
    pub fn of(records: &[LogRecord]) -> Self {
        let mut naive = Self::default();
        records.iter().for_each(|record| naive.fold(record));
        naive
    }

    pub fn fold(&mut self, record: &LogRecord) {
        let offset = record.offset;
        let (id, product, delta) = match record.ask {
            Ask::Garbage => return self.park(offset, "undecodable"),
            Ask::WrongKey { .. } => return self.park(offset, "wrong-key"),
            Ask::Receipt { id, product, quantity } => (id, product, quantity),
            Ask::Adjustment { id, product, delta } => (id, product, delta),
            Ask::Order { id, product, quantity } => (id, product, -quantity),
        };
        let is_order = matches!(record.ask, Ask::Order { .. });
        if let Some(first) = self.asked.get(&(is_order, id)) {
            if *first != record.ask {
                self.park(offset, "conflicting-duplicate");
            }
            return;
        }
        self.asked.insert((is_order, id), record.ask);
        let before = self.tables.stock.get(&product).map(|(available, _)| *available);
        let introduces = matches!(record.ask, Ask::Receipt { .. });
        let reason = match before {
            None if !introduces => Some("unknown-product"),
            before if before.unwrap_or(0) + delta < 0 => Some(if is_order { "out-of-stock" } else { "below-zero" }),
            _ => None,
        };
        let left = before.unwrap_or(0) + delta;
        if reason.is_none() {
            self.tables.stock.insert(product, (left, offset));
        }
        let rows = if is_order { &mut self.tables.orders } else { &mut self.tables.movements };
        rows.insert(id, Row { offset, reason });
        let word = match (is_order, reason) {
            (true, None) => "OrderConfirmed",
            (true, Some(_)) => "OrderRejected",
            (false, None) => "StockChanged",
            (false, Some(_)) => "AdjustmentRejected",
        };
        self.said.insert(offset, Said { word, left: reason.is_none().then_some(left), reason });
    }

    fn park(&mut self, offset: i64, reason: &'static str) {
        self.tables.dead_letters.insert(offset, reason);
        self.said.insert(offset, Said { word: "dead-letter", left: None, reason: Some(reason) });
    }
}

impl Said {
    /// What an entry of the outbox says: its word, and the JSON that goes to the topic.
    pub fn of_outcome(event_type: &str, value: &str) -> Self {
        let known = ["OrderConfirmed", "OrderRejected", "StockChanged", "AdjustmentRejected"];
        let word = known.into_iter().find(|word| *word == event_type).unwrap_or("unknown word");
        let rest = |name: &str| value.split_once(&format!("\"{name}\":")).map(|(_, rest)| rest);
        let left = rest("available").and_then(|rest| rest.split([',', '}']).next()?.parse().ok());
        let reason = rest("reason").and_then(|rest| rest.strip_prefix('"')?.split('"').next()).map(reason_word);
        Self { word, left, reason }
    }

    pub fn of_dead_letter(reason: &str) -> Self {
        Self { word: "dead-letter", left: None, reason: Some(reason_word(reason)) }
    }
}

/// The words that a reason may have here.
pub fn reason_word(text: &str) -> &'static str {
    const WORDS: [&str; 6] =
        ["out-of-stock", "unknown-product", "below-zero", "undecodable", "wrong-key", "conflicting-duplicate"];
    WORDS.into_iter().find(|word| *word == text).unwrap_or("unknown reason")
}
