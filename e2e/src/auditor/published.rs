//! What was published: exactly one message per effect, in order, in the cause's partition.
//!
//! It must never fill in what a message lacks: what cannot be read is spelled as unreadable, so that it equals nothing
//! that is expected. Read [`super::agreement`] for the same messages held against the tables.

use std::collections::BTreeMap;

use serde_json::Value;

use super::dead_letter::dead_letter_row;
use super::expected::event::contents;
use super::time::micros;
use super::topic::{RawLog, RawRecord};

/// Published messages by partition, in order.
pub(super) type Published = BTreeMap<i32, Vec<String>>;

/// One message of the outcomes topic, as far as the auditor compares it: all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// `PARTITION-OFFSET-INDEX` of the cause.
    pub event_id: String,
    pub said: Said,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Order(OrderSaid),
    /// A receipt or an adjustment; its note is not published.
    Changed {
        id: String,
        kind: String,
        product: String,
        delta: i64,
        available: i64,
    },
    AdjustmentRejected {
        id: String,
        product: String,
        delta: i64,
        reason: String,
    },
    /// An order gave pieces back.
    Released {
        order_id: String,
        line_no: i64,
        product: String,
        delta: i64,
        available: i64,
    },
}

/// Where an order stands from here on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderSaid {
    /// `OrderHeld`, `OrderConfirmed`, `OrderRejected`, `OrderCancelled`.
    pub kind: String,
    pub id: String,
    /// What a retry must repeat.
    pub contents: String,
    /// What is left of the product; of an order of one line that took pieces.
    pub available: Option<i64>,
    pub reason: Option<String>,
    /// Of a held order, in microseconds since 1970.
    pub expires_at: Option<i64>,
    /// Of an order of several lines.
    pub lines: Vec<LineSaid>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineSaid {
    pub status: String,
    pub reason: Option<String>,
}

/// A JSON object of which every member that is asked for has to be there.
struct Members<'a>(&'a Value);

impl Members<'_> {
    fn text(&self, name: &str) -> Option<String> {
        self.0[name].as_str().map(str::to_owned)
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.0[name].as_i64()
    }

    /// `Some(None)`: it is not there. One that is there and of another kind is nothing.
    fn optional<T>(&self, name: &str, read: impl Fn(&Self, &str) -> Option<T>) -> Option<Option<T>> {
        match self.0.get(name) {
            None => Some(None),
            Some(_) => read(self, name).map(Some),
        }
    }

    fn line(&self) -> Option<(String, i64, i64, i64)> {
        let number = |name| self.number(name);
        Some((self.text("product_id")?, number("quantity")?, number("unit_price")?, number("total_price")?))
    }
}

impl Announcement {
    /// `None`: a member is missing or of another kind, or key and headers do not repeat the value.
    pub fn read(record: &RawRecord) -> Option<Self> {
        let value: Value = serde_json::from_slice(record.value.as_deref()?).ok()?;
        let members = Members(&value);
        let (kind, event_id, version) = (members.text("type")?, members.text("event_id")?, members.number("version")?);
        let said = match (kind.as_str(), version) {
            ("OrderHeld" | "OrderConfirmed" | "OrderRejected" | "OrderCancelled", 1) => of_one_line(&members, &kind)?,
            ("OrderHeld" | "OrderConfirmed" | "OrderRejected" | "OrderCancelled", 2) => of_lines(&members, &kind)?,
            ("StockChanged", 1) => Said::Changed {
                id: members.text("movement_id")?,
                kind: members.text("kind")?,
                product: members.text("product_id")?,
                delta: members.number("delta")?,
                available: members.number("available")?,
            },
            ("StockChanged", 2) if value["kind"] == "release" => Said::Released {
                order_id: members.text("order_id")?,
                line_no: members.number("line_no")?,
                product: members.text("product_id")?,
                delta: members.number("delta")?,
                available: members.number("available")?,
            },
            ("AdjustmentRejected", 1) => Said::AdjustmentRejected {
                id: members.text("movement_id")?,
                product: members.text("product_id")?,
                delta: members.number("delta")?,
                reason: members.text("reason")?,
            },
            _ => return None,
        };
        let key = match &said {
            Said::Order(order) => &order.id,
            Said::Changed { product, .. }
            | Said::AdjustmentRejected { product, .. }
            | Said::Released { product, .. } => product,
        };
        let repeats = header(record, "ce_id") == Some(event_id.as_str())
            && header(record, "ce_type") == Some(kind.as_str())
            && record.key.as_deref() == Some(key.as_bytes());
        repeats.then_some(Self { event_id, said })
    }

    /// Partition, offset and index of the cause; `None` where the id is no such thing.
    pub fn cause(&self) -> Option<(i32, i64, i64)> {
        let mut numbers = self.event_id.split('-');
        let (partition, offset, index) = (numbers.next()?, numbers.next()?, numbers.next()?);
        let cause = (partition.parse().ok()?, offset.parse().ok()?, index.parse().ok()?);
        numbers.next().is_none().then_some(cause)
    }
}

fn of_one_line(members: &Members<'_>, kind: &str) -> Option<Said> {
    let (product, quantity, price, total) = members.line()?;
    let (currency, hold) = terms(members)?;
    let line = std::iter::once((product.as_str(), quantity, price, total));
    let contents = contents(&members.text("user_id")?, line, currency.as_deref(), hold);
    let reason = || members.text("reason").map(Some);
    let available = || members.number("available").map(Some);
    let (available, reason, expires_at) = match kind {
        "OrderHeld" => (available()?, None, Some(micros(&members.text("expires_at")?)?)),
        "OrderConfirmed" => (available()?, None, None),
        "OrderRejected" => (None, reason()?, None),
        _ => (available()?, reason()?, None),
    };
    let (id, kind) = (members.text("order_id")?, kind.to_owned());
    Some(Said::Order(OrderSaid { kind, id, contents, available, reason, expires_at, lines: Vec::new() }))
}

fn of_lines(members: &Members<'_>, kind: &str) -> Option<Said> {
    let (mut lines, mut states) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(members.0["lines"].as_array()?) {
        let line = Members(line);
        if line.number("line_no")? != number {
            return None;
        }
        lines.push(line.line()?);
        states.push(LineSaid { status: line.text("status")?, reason: line.optional("reason", Members::text)? });
    }
    let (currency, hold) = terms(members)?;
    let spelled = lines.iter().map(|(product, quantity, price, total)| (product.as_str(), *quantity, *price, *total));
    let contents = contents(&members.text("user_id")?, spelled, currency.as_deref(), hold);
    let sum: i64 = lines.iter().map(|(.., total)| total).sum();
    let expires_at = members.optional("expires_at", Members::text)?;
    let said = OrderSaid {
        kind: kind.to_owned(),
        id: members.text("order_id")?,
        contents,
        available: None,
        reason: members.optional("reason", Members::text)?,
        expires_at: expires_at.map(|text| micros(&text).ok_or(())).transpose().ok()?,
        lines: states,
    };
    (lines.len() > 1 && members.number("total_price")? == sum).then_some(Said::Order(said))
}

/// Currency and seconds of the hold.
fn terms(members: &Members<'_>) -> Option<(Option<String>, Option<i64>)> {
    Some((members.optional("currency", Members::text)?, members.optional("hold_seconds", Members::number)?))
}

fn collect(log: &RawLog, show: impl Fn(&RawRecord) -> String) -> Published {
    let partitions = log.partitions.iter().filter(|(_, records)| !records.is_empty());
    partitions.map(|(partition, records)| (*partition, records.iter().map(&show).collect())).collect()
}

fn header<'a>(record: &'a RawRecord, name: &str) -> Option<&'a str> {
    let (_, value) = record.headers.iter().find(|(key, _)| key == name)?;
    std::str::from_utf8(value.as_deref()?).ok()
}

/// What must be published, spelled as what is.
pub(super) fn spelled(expected: &BTreeMap<i32, Vec<Announcement>>) -> Published {
    let spell = |all: &Vec<Announcement>| all.iter().map(|announcement| format!("{announcement:?}")).collect();
    expected.iter().map(|(partition, all)| (*partition, spell(all))).collect()
}

/// The messages of the outcomes topic, all members of each.
pub(super) fn outcomes(log: &RawLog) -> Published {
    collect(log, |record| match Announcement::read(record) {
        Some(announcement) => format!("{announcement:?}"),
        None => format!("unreadable, or key and headers disagree with the value: {record:?}"),
    })
}

/// Event id, reason, key and value.
pub(super) fn dead_letters(log: &RawLog) -> Published {
    collect(log, |record| match (header(record, "ledger_event_id"), header(record, "ledger_reason")) {
        (Some(event_id), Some(reason)) => {
            format!("{event_id} {}", dead_letter_row(reason, record.key.as_deref(), record.value.as_deref()))
        }
        _ => format!("without event id or reason: {record:?}"),
    })
}

/// The first difference of each partition: after it the rest is shifted.
pub(super) fn differences(what: &str, expected: &Published, found: &Published) -> Vec<String> {
    let none = Vec::new();
    let partitions = expected.keys().chain(found.keys().filter(|partition| !expected.contains_key(partition)));
    partitions
        .filter_map(|partition| {
            let (expected, found) = (expected.get(partition).unwrap_or(&none), found.get(partition).unwrap_or(&none));
            let at = (0..expected.len().max(found.len())).find(|at| expected.get(*at) != found.get(*at))?;
            let show = |list: &[String]| list.get(at).map_or("nothing".to_owned(), Clone::clone);
            let (wanted, got) = (show(expected), show(found));
            let counts = format!("{} expected, {} found", expected.len(), found.len());
            Some(format!("{what} {partition}, message {at}: expected {wanted}, found {got} ({counts})"))
        })
        .collect()
}
