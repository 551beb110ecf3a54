//! What was published, in the auditor's spelling: exactly one message per effect, in order, in the cause's partition.
//!
//! It must never fill in what a message lacks: what cannot be read is spelled as unreadable, so that it equals nothing
//! that is expected. Read [`super::agreement`] for the same messages held against the tables.

use std::collections::BTreeMap;

use serde_json::Value;

use super::expected::dead_letter_row;
use super::topic::{RawLog, RawRecord};

/// Published messages by partition, in order.
pub(super) type Published = BTreeMap<i32, Vec<String>>;

/// One message of the outcomes topic, as far as the auditor compares it: all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Announcement {
    pub(super) event_id: String,
    /// `OrderConfirmed`, ..
    pub(super) kind: String,
    /// Of the order or the movement.
    pub(super) id: String,
    /// As in the row, but without a movement's note, which is not published.
    pub(super) contents: String,
    /// What is left, or why not.
    pub(super) decided: Decided,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decided {
    Confirmed { available: i64 },
    Rejected { reason: String },
}

impl Announcement {
    /// `None`: a member is missing or of another kind, or key and headers do not repeat the value.
    pub(super) fn read(record: &RawRecord) -> Option<Self> {
        let value: Value = serde_json::from_slice(record.value.as_deref()?).ok()?;
        let text = |name: &str| value[name].as_str();
        let number = |name: &str| value[name].as_i64();
        let (kind, product) = (text("type")?, text("product_id")?);
        let (key, id, contents) = match kind {
            "OrderConfirmed" | "OrderRejected" => {
                let (id, user) = (text("order_id")?, text("user_id")?);
                let [quantity, price, total] = [number("quantity")?, number("unit_price")?, number("total_price")?];
                (id, id, format!("user={user} product={product} {quantity}x{price}={total}"))
            }
            "StockChanged" => {
                let (origin, delta) = (text("kind")?, number("delta")?);
                (product, text("movement_id")?, format!("{origin} product={product} delta={delta}"))
            }
            "AdjustmentRejected" => {
                (product, text("movement_id")?, format!("adjustment product={product} delta={}", number("delta")?))
            }
            _ => return None,
        };
        let decided = match kind {
            "OrderConfirmed" | "StockChanged" => Decided::Confirmed { available: number("available")? },
            _ => Decided::Rejected { reason: text("reason")?.to_owned() },
        };
        let event_id = text("event_id")?;
        let repeats = header(record, "ce_id") == Some(event_id)
            && header(record, "ce_type") == Some(kind)
            && record.key.as_deref() == Some(key.as_bytes())
            && value["version"] == 1;
        let [event_id, kind, id] = [event_id, kind, id].map(str::to_owned);
        repeats.then_some(Self { event_id, kind, id, contents, decided })
    }

    /// As [`super::Expected`] spells it.
    fn spelled(&self) -> String {
        let Self { event_id, kind, id, contents, decided } = self;
        let rest = match decided {
            Decided::Confirmed { available } => format!("available={available}"),
            Decided::Rejected { reason } => format!("reason={reason}"),
        };
        format!("{event_id} {kind} {id} {contents} {rest}")
    }
}

fn collect(log: &RawLog, show: impl Fn(&RawRecord) -> String) -> Published {
    let partitions = log.partitions.iter().filter(|(_, records)| !records.is_empty());
    partitions.map(|(partition, records)| (*partition, records.iter().map(&show).collect())).collect()
}

fn header<'a>(record: &'a RawRecord, name: &str) -> Option<&'a str> {
    let (_, value) = record.headers.iter().find(|(key, _)| key == name)?;
    std::str::from_utf8(value.as_deref()?).ok()
}

/// The messages of the outcomes topic, all members of each.
pub(super) fn outcomes(log: &RawLog) -> Published {
    collect(log, |record| match Announcement::read(record) {
        Some(announcement) => announcement.spelled(),
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A message whose headers and key repeat its value.
    pub(in crate::auditor) fn message(value: &Value) -> RawRecord {
        let text = |name: &str| value[name].as_str().unwrap().to_owned();
        let key = if value["order_id"].is_string() { text("order_id") } else { text("product_id") };
        let header = |name: &str, value: String| (name.to_owned(), Some(value.into_bytes()));
        RawRecord {
            offset: 0,
            time_ms: None,
            key: Some(key.into_bytes()),
            value: Some(value.to_string().into_bytes()),
            headers: vec![header("ce_id", text("event_id")), header("ce_type", text("type"))],
        }
    }

    fn golden(name: &str) -> Value {
        let file = xtask::repository::root().join("schema/golden").join(name);
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    }

    #[test]
    fn every_member_of_every_outcome_is_spelled() {
        for (name, expected) in [
            (
                "order_confirmed.v1.json",
                "3-41-0 OrderConfirmed 77a436fd-64f9-4d35-999b-a957195f5d23 \
                 user=a3f1c2de-0001-4c1b-9a55-6e0f5f7f0a11 product=CATALOG-002 4x71000=284000 available=6",
            ),
            (
                "order_rejected.v1.json",
                "3-42-0 OrderRejected 77a436fd-64f9-4d35-999b-a957195f5d24 \
                 user=a3f1c2de-0001-4c1b-9a55-6e0f5f7f0a11 product=CATALOG-002 8x71000=568000 reason=out-of-stock",
            ),
            (
                "stock_changed.v1.json",
                "5-0-0 StockChanged 0192f4a0-0000-7000-8000-000000000001 receipt product=chocolate delta=10 available=10",
            ),
            (
                "adjustment_rejected.v1.json",
                "5-7-0 AdjustmentRejected 0192f4a0-0000-7000-8000-000000000002 \
                 adjustment product=chocolate delta=-30 reason=below-zero",
            ),
        ] {
            let value = golden(name);
            assert_eq!(Announcement::read(&message(&value)).unwrap().spelled(), expected, "{name}");
            // Without any one of its members it is unreadable, and never something that looks right.
            for member in value.as_object().unwrap().keys() {
                let mut record = message(&value);
                let mut poorer = value.clone();
                poorer.as_object_mut().unwrap().remove(member);
                record.value = Some(poorer.to_string().into_bytes());
                assert_eq!(Announcement::read(&record), None, "{name} without {member}");
            }
            for header in 0..2 {
                let mut record = message(&value);
                record.headers.remove(header);
                assert_eq!(Announcement::read(&record), None, "{name} without header {header}");
            }
        }
    }

    #[test]
    fn a_dead_letter_without_its_reason_is_not_taken_for_one_with_it() {
        let mut record = RawRecord { offset: 0, time_ms: None, key: None, value: None, headers: Vec::new() };
        record.headers.push(("ledger_event_id".to_owned(), Some(b"0-4-0".to_vec())));
        let log = RawLog { partitions: BTreeMap::from([(0, vec![record])]) };
        let found = &dead_letters(&log)[&0][0];
        assert!(found.starts_with("without event id or reason"), "{found}");
    }

    #[test]
    fn a_gap_a_double_and_a_stranger_are_named() {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let expected = Published::from([(0, list(&["a", "b", "c"])), (1, list(&["x"]))]);
        let gap = Published::from([(0, list(&["a", "c"])), (1, list(&["x"]))]);
        let text = "outcomes 0, message 1: expected b, found c (3 expected, 2 found)";
        assert_eq!(differences("outcomes", &expected, &gap), [text]);
        let double = Published::from([(0, list(&["a", "b", "c"])), (1, list(&["x", "x"])), (2, list(&["y"]))]);
        assert_eq!(
            differences("outcomes", &expected, &double),
            [
                "outcomes 1, message 1: expected nothing, found x (1 expected, 2 found)",
                "outcomes 2, message 0: expected nothing, found y (0 expected, 1 found)"
            ]
        );
        assert!(differences("outcomes", &expected, &expected).is_empty());
    }
}
