//! Whether what was published is what the tables hold, member for member: each outcome against the row of its order or
//! movement, and each row against its outcome. It catches a topic that says confirmed where the table says rejected
//! (INV-6).
//!
//! It must never use the rules of the fold: rows and messages are compared with each other, not with what either should
//! be. That is [`super::expected`]'s.

use std::collections::BTreeMap;

use anyhow::Result;

use super::effect::{Effect, effects};
use super::published::{Announcement, Decided};
use super::tables::Tables;
use super::topic::RawLog;

/// Where a cause lies in the log.
type Position = (i32, i64);

/// A row, and what its product's stock was just after it, from the rows alone.
struct Row {
    effect: Effect,
    available: Option<i64>,
}

/// One line for each disagreement.
///
/// # Errors
/// When a row cannot be understood.
pub(super) fn differences(outcomes: &RawLog, tables: &Tables) -> Result<Vec<String>> {
    let mut rows = rows(tables)?;
    let mut found = Vec::new();
    for (partition, records) in &outcomes.partitions {
        // What is unreadable was named where the topic is compared with the log.
        for announcement in records.iter().filter_map(Announcement::read) {
            let position = position_of(&announcement.event_id).filter(|(named, _)| named == partition);
            let row = position.and_then(|position| rows.remove(&position));
            found.extend(match row {
                Some(row) => disagreement(&announcement, &row),
                None => Some(format!("published {announcement:?}, but no row has this position, or it came twice")),
            });
        }
    }
    let silent = rows.values().map(|Row { effect, .. }| format!("nothing was published of the row {effect:?}"));
    found.extend(silent);
    Ok(found)
}

/// Of `PARTITION-OFFSET-INDEX`; the index of an order of one line is 0.
fn position_of(event_id: &str) -> Option<Position> {
    let (partition, offset) = event_id.strip_suffix("-0")?.split_once('-')?;
    Some((partition.parse().ok()?, offset.parse().ok()?))
}

/// All rows by position, with the stock that they add up to.
fn rows(tables: &Tables) -> Result<BTreeMap<Position, Row>> {
    let mut effects = effects([&tables.orders, &tables.movements])?;
    effects.sort_by_key(|effect| (effect.partition, effect.offset));
    let mut stock: BTreeMap<String, i64> = BTreeMap::new();
    let rows = effects.into_iter().map(|effect| {
        let available = effect.confirmed.then(|| {
            let available = stock.entry(effect.product.clone()).or_default();
            *available += effect.change;
            *available
        });
        ((effect.partition, effect.offset), Row { effect, available })
    });
    Ok(rows.collect())
}

/// The first member in which an outcome and its row differ.
fn disagreement(announcement: &Announcement, Row { effect, available }: &Row) -> Option<String> {
    let kind = match (effect.is_order, effect.confirmed) {
        (true, true) => "OrderConfirmed",
        (true, false) => "OrderRejected",
        (false, true) => "StockChanged",
        (false, false) => "AdjustmentRejected",
    };
    // Products and users have no spaces, so this cannot cut anything but a note.
    let contents = if effect.is_order { Some(effect.contents.as_str()) } else { before_note(&effect.contents) };
    let agrees = announcement.kind == kind
        && announcement.id == effect.id
        && contents == Some(announcement.contents.as_str())
        && match &announcement.decided {
            Decided::Confirmed { available: published } => Some(*published) == *available,
            Decided::Rejected { reason } => Some(reason) == effect.reason.as_ref(),
        };
    let after =
        available.map_or(String::new(), |available| format!(", after which its product's rows add up to {available}"));
    (!agrees).then(|| format!("published {announcement:?}, but the row is {effect:?}{after}"))
}

fn before_note(contents: &str) -> Option<&str> {
    contents.split_once(" note=").map(|(before, _)| before)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::published::tests::message;
    use super::*;

    const RECEIPT: &str = "00000000-0000-4000-8000-000000000001";
    const SOLD: &str = "00000000-0000-4000-8000-000000000002";
    const REFUSED: &str = "00000000-0000-4000-8000-000000000003";

    fn tables() -> Tables {
        let row = |id: &str, text: &str| (format!("{id} 0"), text.to_owned());
        Tables {
            movements: [row(RECEIPT, "receipt product=tea delta=10 note= confirmed at=0:0")].into(),
            orders: [
                row(SOLD, "user=u product=tea 3x2=6 confirmed at=0:1"),
                row(REFUSED, "user=u product=tea 8x2=16 rejected out-of-stock at=0:3"),
            ]
            .into(),
            ..Tables::default()
        }
    }

    fn published() -> [Value; 3] {
        let order = |id: &str, kind: &str, at: u32, quantity: i64| {
            json!({ "type": kind, "version": 1, "event_id": format!("0-{at}-0"), "order_id": id, "user_id": "u",
                "product_id": "tea", "quantity": quantity, "unit_price": 2, "total_price": quantity * 2 })
        };
        let mut sold = order(SOLD, "OrderConfirmed", 1, 3);
        sold["available"] = json!(7);
        let mut refused = order(REFUSED, "OrderRejected", 3, 8);
        refused["reason"] = json!("out-of-stock");
        let receipt = json!({ "type": "StockChanged", "version": 1, "event_id": "0-0-0", "movement_id": RECEIPT,
            "product_id": "tea", "kind": "receipt", "delta": 10, "available": 10 });
        [receipt, sold, refused]
    }

    fn found(messages: &[Value]) -> Vec<String> {
        let outcomes = RawLog { partitions: BTreeMap::from([(0, messages.iter().map(message).collect())]) };
        differences(&outcomes, &tables()).unwrap()
    }

    #[test]
    fn what_agrees_is_not_named() {
        assert_eq!(found(&published()), Vec::<String>::new());
    }

    #[test]
    fn every_member_that_differs_is_named() {
        for (nth, member, value) in [
            (0, "movement_id", json!(SOLD)),
            (0, "kind", json!("adjustment")),
            (0, "delta", json!(11)),
            (0, "available", json!(11)),
            (0, "product_id", json!("milk")),
            (1, "order_id", json!(REFUSED)),
            (1, "user_id", json!("v")),
            (1, "product_id", json!("milk")),
            (1, "quantity", json!(4)),
            (1, "unit_price", json!(3)),
            (1, "total_price", json!(7)),
            (1, "available", json!(8)),
            (2, "reason", json!("unknown-product")),
        ] {
            let mut messages = published();
            messages[nth][member] = value;
            let found = found(&messages);
            assert!(found.len() == 1 && found[0].contains("but the row is"), "{member}: {found:?}");
        }
    }

    /// The fault of an outbox row of replaced tables: the topic says confirmed, the table says rejected.
    #[test]
    fn a_decision_that_the_tables_do_not_hold_is_named() {
        let mut messages = published();
        messages[2]["type"] = json!("OrderConfirmed");
        messages[2]["available"] = json!(2);
        assert!(found(&messages)[0].contains("OrderConfirmed"));
    }

    #[test]
    fn a_row_without_an_outcome_an_outcome_without_a_row_and_a_second_one_are_named() {
        let [receipt, sold, refused] = published();
        let gap = found(&[receipt.clone(), refused.clone()]);
        assert!(gap.len() == 1 && gap[0].starts_with("nothing was published of the row"), "{gap:?}");
        let twice = found(&[receipt.clone(), sold.clone(), sold.clone(), refused.clone()]);
        assert!(twice.len() == 1 && twice[0].contains("came twice"), "{twice:?}");
        let mut stranger = sold.clone();
        stranger["event_id"] = json!("0-2-0");
        let found = found(&[receipt, sold, stranger, refused]);
        assert!(found.len() == 1 && found[0].contains("no row has this position"), "{found:?}");
    }
}
