//! A log of two partitions in memory, with a relay that does nothing but append what partitions tell each other. Read `stories` for what
//! happens on it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::auditor::expected::event::Step;
use crate::auditor::expected::event::Told;
use crate::auditor::listed::listed_micros;
use crate::auditor::published::{Announcement, OrderSaid, Said};
use crate::auditor::tables::{Tables, Times};
use crate::auditor::topic::{RawLog, RawRecord};
use crate::auditor::{Expected, agreement, compared, conservation, listed, told, topics_compared};

/// Lives in partition 0.
pub(super) const TEA: &str = "tea";
/// Live in partition 1.
pub(super) const MILK: &str = "milk";

pub(super) struct World {
    pub(super) log: RawLog,
}

pub(super) fn id(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

impl World {
    /// With so many pieces of each.
    pub(super) fn with_stock(tea: i64, milk: i64) -> Self {
        let mut world = Self { log: RawLog { partitions: BTreeMap::from([(0, Vec::new()), (1, Vec::new())]) } };
        for (number, product, quantity) in [(901, TEA, tea), (902, MILK, milk)] {
            world.append(
                &json!({ "type": "StockReceived", "version": 1, "movement_id": id(number), "product_id": product,
                "quantity": quantity, "occurred_at": "2026-11-23T10:00:00Z" }),
            );
        }
        world
    }

    /// Appends an event under its key; answers where.
    pub(super) fn append(&mut self, event: &Value) -> (i32, i64) {
        let key = match event["type"].as_str().unwrap() {
            "LineDecided" => &event["home_product_id"],
            _ if event["lines"].is_array() => &event["lines"][0]["product_id"],
            _ => &event["product_id"],
        };
        let key = key.as_str().unwrap();
        let partition = i32::from(key != TEA);
        let records = self.log.partitions.get_mut(&partition).unwrap();
        // Marks of transactions leave gaps.
        let offset = records.last().map_or(0, |last| last.offset + 2);
        let (key, value) = (Some(key.as_bytes().to_vec()), Some(event.to_string().into_bytes()));
        records.push(RawRecord { offset, time_ms: Some(1_795_428_000_000), key, value, headers: Vec::new() });
        (partition, offset)
    }

    /// Line 1 is of tea.
    pub(super) fn order(&mut self, number: u32, tea: i64, milk: i64, hold: Option<i64>) {
        let line = |line_no: i64, product: &str, quantity: i64| {
            json!({ "line_no": line_no, "product_id": product, "quantity": quantity, "unit_price": 5,
                "total_price": quantity * 5 })
        };
        let mut event = json!({ "type": "OrderPlaced", "version": 3, "order_id": id(number), "user_id": "u",
            "lines": [line(1, TEA, tea), line(2, MILK, milk)], "total_price": (tea + milk) * 5,
            "placed_at": "2026-11-23T10:00:00Z" });
        if let Some(seconds) = hold {
            event["hold_seconds"] = json!(seconds);
        }
        self.append(&event);
    }

    pub(super) fn ask(&mut self, kind: &str, number: u32, at: &str) {
        self.append(
            &json!({ "type": kind, "version": 1, "order_id": id(number), "product_id": TEA, "occurred_at": at }),
        );
    }

    /// Appends what has to be told, once, until nothing is left.
    pub(super) fn relay(&mut self) -> Expected {
        loop {
            let expected = self.expected();
            let heard: Vec<&Told> = expected.heard.iter().map(|(_, told)| told).collect();
            let Some(next) = expected.told.values().flatten().find(|told| !heard.contains(told)) else {
                return expected;
            };
            let event = event_of(next);
            self.append(&event);
        }
    }

    pub(super) fn expected(&self) -> Expected {
        Expected::of(&self.log)
    }
}

/// As a projector writes it.
pub(super) fn event_of(told: &Told) -> Value {
    let Told { cause: (partition, offset, index), step, order_id, line_no, home_product, product, quantity } = told;
    let kind = match step {
        Step::Requested => "LineRequested",
        Step::Decided(_) => "LineDecided",
        Step::Released => "LineReleased",
        Step::Confirmed => "LineConfirmed",
    };
    let mut event = json!({ "type": kind, "version": 1, "cause": format!("{partition}-{offset}-{index}"),
        "order_id": order_id, "line_no": line_no, "home_product_id": home_product, "product_id": product,
        "quantity": quantity });
    if let Step::Decided(refusal) = step {
        event["status"] = json!(if refusal.is_some() { "rejected" } else { "reserved" });
        if let Some(reason) = refusal {
            event["reason"] = json!(reason);
        }
    }
    event
}

/// Tables and topics of a system that did everything right.
pub(super) struct Found {
    pub(super) tables: Tables,
    pub(super) outcomes: RawLog,
}

impl Found {
    pub(super) fn right(world: &World, expected: &Expected) -> Self {
        let listed = expected.orders.iter().map(|(key, line)| {
            let records = &world.log.partitions[&key.home];
            let time = records.iter().find(|record| record.offset == line.offset).and_then(|record| record.time_ms);
            let times = Times { placed_micros: line.placed_at, listed_micros: listed_micros(line.placed_at, time) };
            ((key.home, line.offset), times)
        });
        let tables = Tables {
            listed: listed.collect(),
            orders: expected.orders.clone(),
            stock: expected.stock.clone(),
            movements: expected.movements.clone(),
            reservations: expected.reservations.clone(),
            open_orders: expected.open_orders.clone(),
            dead_letters: expected.dead_letters.clone(),
            positions: expected.positions.clone(),
        };
        let messages = expected.outcomes.iter();
        let outcomes = messages.map(|(partition, all)| (*partition, all.iter().map(message_of).collect())).collect();
        Self { tables, outcomes: RawLog { partitions: outcomes } }
    }

    /// Everything that an audit names, but for the topic of dead letters.
    pub(super) fn differences(&self, world: &World) -> Vec<String> {
        let expected = Expected { parked: BTreeMap::new(), ..world.expected() };
        let told = told::compare(&expected);
        let Self { tables, outcomes } = self;
        let parts = [
            compared(&expected, tables),
            topics_compared(&expected, outcomes, &RawLog::default()),
            agreement::differences(outcomes, tables).unwrap(),
            conservation::differences(tables),
            listed::differences(&world.log, tables),
            told.missing,
            told.groundless,
        ];
        parts.concat()
    }
}

/// A message whose headers and key repeat its value.
pub(super) fn message(value: &Value) -> RawRecord {
    let text = |name: &str| value[name].as_str().unwrap().to_owned();
    let is_order = text("type").starts_with("Order");
    let key = if is_order { text("order_id") } else { text("product_id") };
    let header = |name: &str, value: String| (name.to_owned(), Some(value.into_bytes()));
    RawRecord {
        offset: 0,
        time_ms: None,
        key: Some(key.into_bytes()),
        value: Some(value.to_string().into_bytes()),
        headers: vec![header("ce_id", text("event_id")), header("ce_type", text("type"))],
    }
}

fn message_of(announcement: &Announcement) -> RawRecord {
    let mut value = match &announcement.said {
        Said::Order(said) => order_message(said),
        Said::Changed { id, kind, product, delta, available } => json!({ "type": "StockChanged", "version": 1,
            "movement_id": id, "product_id": product, "kind": kind, "delta": delta, "available": available }),
        Said::AdjustmentRejected { id, product, delta, reason } => json!({ "type": "AdjustmentRejected", "version": 1,
            "movement_id": id, "product_id": product, "delta": delta, "reason": reason }),
        Said::Released { order_id, line_no, product, delta, available } => {
            json!({ "type": "StockChanged", "version": 2,
            "order_id": order_id, "line_no": line_no, "product_id": product, "kind": "release", "delta": delta,
            "available": available })
        }
    };
    value["event_id"] = json!(announcement.event_id);
    message(&value)
}

/// Of an order of tea and milk at a price of 5.
fn order_message(said: &OrderSaid) -> Value {
    let pieces = said.contents.split(' ').filter_map(|word| word.split_once("x5=")?.0.parse::<i64>().ok());
    let lines: Vec<Value> = (1..)
        .zip(pieces.zip([TEA, MILK]).zip(&said.lines))
        .map(|(line_no, ((quantity, product), line)): (i64, _)| {
            let mut value = json!({ "line_no": line_no, "product_id": product, "quantity": quantity, "unit_price": 5,
                "total_price": quantity * 5, "status": line.status });
            if let Some(reason) = &line.reason {
                value["reason"] = json!(reason);
            }
            value
        })
        .collect();
    let total: i64 = lines.iter().filter_map(|line| line["total_price"].as_i64()).sum();
    let mut value = json!({ "type": said.kind, "version": 2, "order_id": said.id, "user_id": "u", "lines": lines,
        "total_price": total });
    if let Some(reason) = &said.reason {
        value["reason"] = json!(reason);
    }
    if let Some(hold) = said.contents.split_once(" hold=").and_then(|(_, seconds)| seconds.parse::<i64>().ok()) {
        value["hold_seconds"] = json!(hold);
    }
    if said.expires_at.is_some() {
        value["expires_at"] = json!("2026-11-23T10:01:00Z");
    }
    value
}
