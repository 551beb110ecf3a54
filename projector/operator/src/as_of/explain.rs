//! How a product's number came about: every record about it, what the fold made of it, and what was left.

use std::collections::{HashMap, VecDeque};

use chrono::{DateTime, SecondsFormat, Utc};
use ledger_fold::{BatchEffects, Decision};
use ledger_kafka::record::OwnedRecord;
use ledger_schema::wire::{self, Event};
use ledger_schema::{Movement, MovementId, Order, OrderId, ParkReason, Position, ProductId};
use serde::Serialize;

use super::ends;
use super::error::AsOfError;
use super::options::AsOfOptions;
use super::replayed::Replayed;
use crate::output::Report;
use crate::verify::feed;
use crate::verify::progress::Progress;

/// One record about the product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// `PARTITION:OFFSET`.
    pub position: String,
    /// As the event says; `None` where it cannot be read.
    pub time: Option<String>,
    /// `order`, `receipt`, `adjustment`, or `unreadable`.
    pub event: &'static str,
    /// Of the order or the movement.
    pub id: Option<String>,
    /// Who ordered, or why it was adjusted.
    pub by: Option<String>,
    /// The change that it asks for, in pieces.
    pub asked: i64,
    /// `confirmed`, `rejected`, `duplicate` or `parked`.
    pub outcome: &'static str,
    /// Why it was rejected or parked.
    pub reason: Option<&'static str>,
    /// What was available after it; `None` before the first receipt.
    pub balance: Option<i64>,
}

/// A product's history, or its last part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    pub topic: String,
    pub as_of: String,
    pub product_id: String,
    /// What is available at the end.
    pub available: Option<i64>,
    /// Records about it, listed or not.
    pub events: u64,
    /// The last of them, in log order.
    pub entries: Vec<Entry>,
}

/// Lists the last `limit` records about `product`.
///
/// # Errors
/// [`AsOfError`].
pub async fn explain(options: AsOfOptions, product: ProductId, limit: usize) -> Result<Explained, AsOfError> {
    let options = AsOfOptions { product: Some(product.clone()), ..options };
    let mut history =
        History { product, limit, known: Known::default(), balance: None, events: 0, last: VecDeque::new() };
    for end in ends::find(&options).await? {
        let progress = Progress::new("records folded", end.records());
        let mut replayed = Replayed::new(end.partition);
        let mut batches = feed::start(options.kafka.clone(), options.orders_topic.clone(), vec![end.range()]);
        while let Some(batch) = batches.recv().await {
            let batch = batch?;
            let effects = replayed.fold(&batch);
            history.add(&batch, &effects);
            progress.advance(batch.len());
        }
        progress.end();
    }
    let AsOfOptions { orders_topic: topic, as_of, .. } = options;
    if history.events == 0 {
        return Err(AsOfError::UnknownProduct { product: history.product, as_of });
    }
    Ok(Explained {
        topic,
        as_of: as_of.to_string(),
        product_id: history.product.as_str().to_owned(),
        available: history.balance,
        events: history.events,
        entries: history.last.into(),
    })
}

/// What the product's own ids were first used for.
#[derive(Debug, Default)]
struct Known {
    orders: HashMap<OrderId, Order>,
    movements: HashMap<MovementId, Movement>,
}

struct History {
    product: ProductId,
    limit: usize,
    known: Known,
    balance: Option<i64>,
    events: u64,
    last: VecDeque<Entry>,
}

/// What became of a record.
type Fate = (&'static str, Option<&'static str>);

impl History {
    fn add(&mut self, records: &[OwnedRecord], effects: &BatchEffects) {
        let key = self.product.as_str().as_bytes().to_vec();
        for record in records.iter().filter(|record| record.key() == Some(&key)) {
            let event = wire::decode(record.value());
            let fate = self.fate(record.offset, event.as_ref().ok(), effects);
            let mut entry = entry(record, event.as_ref().ok(), fate);
            if fate.0 == "confirmed" {
                // Before the first receipt there is nothing.
                self.balance = Some(self.balance.unwrap_or(0) + entry.asked);
            }
            entry.balance = self.balance;
            self.events += 1;
            if self.last.len() == self.limit {
                self.last.pop_front();
            }
            self.last.push_back(entry);
            if matches!(fate.0, "confirmed" | "rejected") {
                match event {
                    Ok(Event::OrderPlaced(order)) => drop(self.known.orders.insert(order.order_id(), order)),
                    Ok(Event::StockMoved(movement)) => {
                        drop(self.known.movements.insert(movement.movement_id(), movement));
                    }
                    Err(_) => {}
                }
            }
        }
    }

    /// What the fold made of the record at `offset`. One that it does not name repeats an id: of the same contents it is a
    /// duplicate; else, also where another product has the id, a conflict.
    fn fate(&self, offset: i64, event: Option<&Event>, effects: &BatchEffects) -> Fate {
        let order = effects.orders.binary_search_by_key(&offset, |row| row.offset).ok();
        let movement = effects.movements.binary_search_by_key(&offset, |row| row.offset).ok();
        let parked = effects.parked.binary_search_by_key(&offset, |parked| parked.offset).ok();
        let decision =
            order.map(|at| effects.orders[at].decision).or(movement.map(|at| effects.movements[at].decision));
        if let Some(decision) = decision {
            return match decision {
                Decision::Confirmed => ("confirmed", None),
                Decision::Rejected(reason) => ("rejected", Some(reason.as_str())),
            };
        }
        if let Some(at) = parked {
            return ("parked", Some(effects.parked[at].reason.as_str()));
        }
        let is_same = match event {
            Some(Event::OrderPlaced(order)) => {
                self.known.orders.get(&order.order_id()).is_some_and(|first| first.same_contents(order))
            }
            Some(Event::StockMoved(movement)) => {
                self.known.movements.get(&movement.movement_id()).is_some_and(|first| first.same_contents(movement))
            }
            None => false,
        };
        if is_same { ("duplicate", None) } else { ("parked", Some(ParkReason::ConflictingDuplicate.as_str())) }
    }
}

fn entry(record: &OwnedRecord, event: Option<&Event>, (outcome, reason): Fate) -> Entry {
    let position = Position { partition: record.partition, offset: record.offset }.to_string();
    let time = |time: DateTime<Utc>| Some(time.to_rfc3339_opts(SecondsFormat::Micros, true));
    let blank = Entry {
        position,
        time: None,
        event: "unreadable",
        id: None,
        by: None,
        asked: 0,
        outcome,
        reason,
        balance: None,
    };
    match event {
        Some(Event::OrderPlaced(order)) => Entry {
            time: time(order.placed_at()),
            event: "order",
            id: Some(order.order_id().to_string()),
            by: Some(order.user_id().as_str().to_owned()),
            asked: -order.quantity().get(),
            ..blank
        },
        Some(Event::StockMoved(movement)) => Entry {
            time: time(movement.occurred_at()),
            event: movement.kind_word(),
            id: Some(movement.movement_id().to_string()),
            by: movement.note().map(|note| note.as_str().to_owned()),
            asked: movement.delta().get(),
            ..blank
        },
        None => blank,
    }
}

impl Report for Explained {
    fn header(&self) -> Vec<&'static str> {
        vec!["position", "time", "event", "id", "by", "asked", "outcome", "available"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let row = |entry: &Entry| {
            vec![
                entry.position.clone(),
                text(&entry.time),
                entry.event.to_owned(),
                text(&entry.id),
                text(&entry.by),
                format!("{:+}", entry.asked),
                entry.reason.map_or(entry.outcome.to_owned(), |reason| format!("{}: {reason}", entry.outcome)),
                entry.balance.map_or("-".to_owned(), |balance| balance.to_string()),
            ]
        };
        self.entries.iter().map(row).collect()
    }

    fn summary(&self) -> Option<String> {
        let Self { product_id, as_of, events, entries, .. } = self;
        let listed = u64::try_from(entries.len()).expect("a list in memory");
        let earlier = match events - listed {
            0 => String::new(),
            earlier => format!("; {earlier} earlier ones are not listed (raise --limit)"),
        };
        let available =
            self.available.map_or("not in stock ever".to_owned(), |available| format!("{available} available"));
        Some(format!("{product_id} as of {as_of}: {available}, {events} records about it{earlier}"))
    }
}
