//! Orders of several lines and what is asked of them, as events of the log; and waiting until nothing is under way any more.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::published::all_published;
use crate::rebuild::{end, folded};
use crate::setting::{PARTITIONS, Setting};

/// A time that is past by more than any hold.
pub(crate) fn long_ago() -> DateTime<Utc> {
    DateTime::from_timestamp(1_764_000_000, 0).expect("a time")
}

/// An order of lines, each a product and pieces at 100; held where it says for how long from `placed_at`.
pub(crate) fn basket(id: u128, lines: &[(&str, i64)], hold_seconds: Option<i64>, placed_at: DateTime<Utc>) -> String {
    let line = |(line_no, (product, quantity)): (usize, &(&str, i64))| {
        json!({ "line_no": line_no + 1, "product_id": product, "quantity": quantity, "unit_price": 100,
            "total_price": quantity * 100 })
    };
    let total: i64 = lines.iter().map(|(_, quantity)| quantity * 100).sum();
    let mut event = json!({ "type": "OrderPlaced", "version": 3, "order_id": uuid::Uuid::from_u128(id).to_string(),
        "user_id": "alice", "lines": lines.iter().enumerate().map(line).collect::<Vec<_>>(), "total_price": total,
        "placed_at": shown(placed_at) });
    if let Some(seconds) = hold_seconds {
        event["hold_seconds"] = seconds.into();
    }
    event.to_string()
}

fn shown(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// `OrderConfirmRequested`, `OrderCancelRequested` or `HoldExpired`; `product` is that of line 1.
pub(crate) fn request(word: &str, id: u128, product: &str) -> String {
    json!({ "type": word, "version": 1, "order_id": uuid::Uuid::from_u128(id).to_string(), "product_id": product,
        "occurred_at": shown(Utc::now()) })
    .to_string()
}

/// An event between two partitions about line 2 of an order, of one piece.
pub(crate) fn line_event(word: &str, cause: &str, id: u128, home: &str, product: &str) -> String {
    json!({ "type": word, "version": 1, "cause": cause, "order_id": uuid::Uuid::from_u128(id).to_string(),
        "line_no": 2, "home_product_id": home, "product_id": product, "quantity": 1 })
    .to_string()
}

/// Waits until every order is decided, and everything that partitions told each other is folded and published.
pub(crate) async fn settled(setting: &Setting) {
    loop {
        let ends = || (0..PARTITIONS).map(|partition| end(setting, partition)).collect::<Vec<_>>();
        let before = ends();
        folded(setting).await;
        setting.until("SELECT COUNT(*) FROM open_orders WHERE status = 'pending'", |open| open == 0).await;
        // What is told is on the log before its row is gone.
        all_published(setting).await;
        if ends() == before {
            return;
        }
    }
}

/// Of each product what can be sold, what is held, and what is sold for good: `NAME AVAILABLE HELD SOLD`.
pub(crate) async fn stock(setting: &Setting) -> Vec<String> {
    setting
        .texts(
            "SELECT CONCAT_WS(' ', s.product_id, s.available, s.held, CAST(COALESCE(SUM(l.quantity), 0) AS SIGNED)) FROM stock s \
             LEFT JOIN (SELECT product_id, kafka_partition, quantity FROM orders WHERE status = 'confirmed' \
             UNION ALL SELECT product_id, kafka_partition, quantity FROM reservations WHERE confirmed) l \
             USING (product_id, kafka_partition) GROUP BY s.product_id, s.available, s.held ORDER BY 1",
        )
        .await
}

/// `STATUS` of an order, one per line.
pub(crate) async fn statuses(setting: &Setting, id: u128) -> Vec<String> {
    let id = uuid::Uuid::from_u128(id).simple();
    setting
        .texts(&format!(
            "SELECT CONCAT_WS(' ', status, line_status, reason) FROM orders WHERE order_id = UNHEX('{id}') ORDER BY line_no"
        ))
        .await
}

/// What `ledger verify` says, and that it ends with this exit code.
pub(crate) fn verified(setting: &Setting, exit: i32) -> Value {
    let output = setting.ledger(&["verify", "--output", "json"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(crate::setting::code(&output), exit, "{said}\n{}", crate::setting::stderr(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}
