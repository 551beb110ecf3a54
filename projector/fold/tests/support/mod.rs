//! Records for the fold's tests, written as JSON text by hand: nothing here uses the encoder under test.

#![allow(dead_code, reason = "each test file uses some of it")]

pub(crate) mod tables;

use ledger_fold::{BatchEffects, BatchFold, Partition, PartitionState, Prior, Record};

/// A record that owns its bytes.
#[derive(Debug, Clone)]
pub(crate) struct Owned {
    pub(crate) offset: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
}

impl Owned {
    pub(crate) fn record(&self) -> Record<'_> {
        Record { offset: self.offset, time_ms: None, key: self.key.as_deref(), value: self.value.as_deref() }
    }
}

pub(crate) fn uuid(n: u32) -> String {
    format!("00000000-0000-4000-8000-{n:012}")
}

pub(crate) fn order(id: u32, user: &str, product: &str, quantity: i64, unit_price: i64) -> String {
    let total = quantity.wrapping_mul(unit_price);
    format!(
        r#"{{"type":"OrderPlaced","version":1,"order_id":"{}","user_id":"{user}","product_id":"{product}","quantity":{quantity},"unit_price":{unit_price},"total_price":{total},"placed_at":"2026-11-23T10:00:00Z"}}"#,
        uuid(id)
    )
}

/// The same in version 2, which says where it was placed.
pub(crate) fn order_over(channel: &str, id: u32, user: &str, product: &str, quantity: i64, unit_price: i64) -> String {
    let first = order(id, user, product, quantity, unit_price);
    let newer = first.replacen(r#""version":1"#, r#""version":2"#, 1);
    format!(r#"{},"channel":"{channel}"}}"#, newer.trim_end_matches('}'))
}

pub(crate) fn receipt(id: u32, product: &str, quantity: i64) -> String {
    format!(
        r#"{{"type":"StockReceived","version":1,"movement_id":"{}","product_id":"{product}","quantity":{quantity},"occurred_at":"2026-11-23T10:00:00Z"}}"#,
        uuid(id)
    )
}

pub(crate) fn adjustment(id: u32, product: &str, delta: i64) -> String {
    format!(
        r#"{{"type":"StockAdjusted","version":1,"movement_id":"{}","product_id":"{product}","delta":{delta},"reason":"counted","occurred_at":"2026-11-23T10:00:00Z"}}"#,
        uuid(id)
    )
}

/// An order of lines `(product, quantity)`, each at a price of 1, with a hold where it has one.
pub(crate) fn basket(id: u32, lines: &[(&str, i64)], hold_seconds: Option<i64>) -> String {
    let total: i64 = lines.iter().map(|(_, quantity)| quantity).sum();
    let lines: Vec<String> = (1..)
        .zip(lines)
        .map(|(line_no, (product, quantity))| {
            format!(
                r#"{{"line_no":{line_no},"product_id":"{product}","quantity":{quantity},"unit_price":1,"total_price":{quantity}}}"#
            )
        })
        .collect();
    let hold = hold_seconds.map_or(String::new(), |seconds| format!(r#""hold_seconds":{seconds},"#));
    format!(
        r#"{{"type":"OrderPlaced","version":3,"order_id":"{}","user_id":"u","lines":[{}],"total_price":{total},{hold}"placed_at":"2026-11-23T10:00:00Z"}}"#,
        uuid(id),
        lines.join(",")
    )
}

/// `OrderConfirmRequested`, `OrderCancelRequested` or `HoldExpired`, at a time of that day.
pub(crate) fn asked(event_type: &str, id: u32, home: &str, time: &str) -> String {
    format!(
        r#"{{"type":"{event_type}","version":1,"order_id":"{}","product_id":"{home}","occurred_at":"2026-11-23T{time}Z"}}"#,
        uuid(id)
    )
}

pub(crate) fn confirm(id: u32, home: &str) -> String {
    asked("OrderConfirmRequested", id, home, "10:05:00")
}

pub(crate) fn cancel(id: u32, home: &str) -> String {
    asked("OrderCancelRequested", id, home, "10:05:00")
}

/// A line event; `line` is `(number, product, quantity)`, `more` further members with their comma.
pub(crate) fn told(event_type: &str, cause: &str, id: u32, home: &str, line: (i16, &str, i64), more: &str) -> String {
    let (line_no, product, quantity) = line;
    format!(
        r#"{{"type":"{event_type}","version":1,"cause":"{cause}","order_id":"{}","line_no":{line_no},"home_product_id":"{home}","product_id":"{product}","quantity":{quantity}{more}}}"#,
        uuid(id)
    )
}

pub(crate) const RESERVED: &str = r#","status":"reserved""#;
pub(crate) const OUT_OF_STOCK: &str = r#","status":"rejected","reason":"out-of-stock""#;

pub(crate) const ONLY: Partition = Partition { number: 0, count: 1 };

/// Folds `records` as one batch.
pub(crate) fn fold(
    partition: Partition,
    state: &PartitionState,
    prior: &Prior,
    from_offset: i64,
    records: &[Owned],
) -> BatchEffects {
    let mut batch = BatchFold::new(partition, state, prior, from_offset);
    for record in records {
        batch.fold(&record.record());
    }
    batch.finish()
}
