//! `ledger stock --explain` and `--as-of` of orders of several lines: every record that took, held, sold or gave back a piece, worked
//! out by hand, from the log alone.

use chrono::Utc;
use serde_json::{Value, json};

use crate::basket::{basket, long_ago, request, settled};
use crate::setting::{Setting, code, order, product_in, receipt, stderr};

fn stock(setting: &Setting, args: &[&str]) -> Value {
    let output = setting.ledger(&[&["stock", "--output", "json"], args].concat());
    assert_eq!(code(&output), 0, "{args:?}: {}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Event, line, pieces asked for, outcome, reason, available and held after it.
fn entries(explained: &Value) -> Vec<Value> {
    let entry = |entry: &Value| {
        let member = |name: &str| entry[name].clone();
        Value::Array(["event", "lineNo", "asked", "outcome", "reason", "balance", "held"].map(member).to_vec())
    };
    explained["entries"].as_array().expect("a list").iter().map(entry).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_holds_and_releases_are_explained_record_by_record() {
    let setting = Setting::migrated("explained");
    let projector = setting.project();
    let [a, d] = ["line-a", "line-d"].map(|prefix| product_in(1, prefix));
    let b = product_in(2, "line-b");
    for (n, product) in (1..).zip([&a, &b, &d]) {
        setting.append_event(product, &receipt(n, product, 10)).await;
    }
    let now = Utc::now();
    for event in [
        basket(11, &[(&a, 2), (&b, 3), (&d, 1)], Some(86_400), now),
        basket(12, &[(&d, 1), (&a, 20)], None, now),
        basket(13, &[(&a, 1), (&b, 99)], None, now),
        order(14, &a, 1),
        basket(15, &[(&d, 4), (&a, 3)], Some(1), long_ago()),
    ] {
        let key = if event.contains(&format!("\"line_no\":1,\"product_id\":\"{d}\"")) { &d } else { &a };
        setting.append_event(key, &event).await;
        settled(&setting).await;
    }
    let expired = "SELECT COUNT(*) FROM open_orders WHERE status = 'held'";
    setting.until(expired, |open| open == 1).await;
    for word in ["OrderConfirmRequested", "OrderConfirmRequested", "OrderCancelRequested", "HoldExpired"] {
        setting.append_event(&a, &request(word, 11, &a)).await;
        settled(&setting).await;
    }
    assert_eq!(projector.stop().0, 0);

    let explained = stock(&setting, &["--explain", &a]);
    let expected = json!([
        ["receipt", null, 10, "confirmed", null, 10, 0],
        ["order", 1, -2, "pending", null, 8, 2],
        ["line-decided", 2, 0, "held", null, 8, 2],
        ["order", 2, -20, "rejected", "out-of-stock", 8, 2],
        ["order", 1, -1, "pending", null, 7, 3],
        ["line-decided", 2, 0, "rejected", "line-rejected", 8, 2],
        ["order", 1, -1, "confirmed", null, 7, 2],
        ["order", 2, -3, "held", null, 4, 5],
        ["expire", 2, 3, "cancelled", "expired", 7, 2],
        ["confirm", 1, 0, "confirmed", null, 7, 0],
        ["confirm", null, 0, "duplicate", null, 7, 0],
        ["cancel", 1, 2, "cancelled", "cancelled", 9, 0],
        ["expire", null, 0, "overruled", null, 9, 0],
    ]);
    assert_eq!(Value::Array(entries(&explained)), expected, "{explained:#}");
    assert_eq!((&explained["available"], &explained["held"]), (&json!(9), &json!(0)));

    let elsewhere = stock(&setting, &["--explain", &b]);
    let expected = json!([
        ["receipt", null, 10, "confirmed", null, 10, 0],
        ["line-requested", 2, -3, "reserved", null, 7, 3],
        ["line-requested", 2, -99, "rejected", "out-of-stock", 7, 3],
        ["line-confirmed", 2, 0, "confirmed", null, 7, 0],
        ["line-released", 2, 3, "released", null, 10, 0],
    ]);
    assert_eq!(Value::Array(entries(&elsewhere)), expected, "{elsewhere:#}");
    assert_eq!(elsewhere["entries"][1]["by"], a.as_str());

    // As of each record, the same numbers; and at the end those of the tables.
    for entry in explained["entries"].as_array().expect("a list") {
        let position = entry["position"].as_str().expect("text");
        let level = stock(&setting, &["--as-of", position, "--product", &a]);
        let item = &level["items"][0];
        assert_eq!((&item["available"], &item["held"]), (&entry["balance"], &entry["held"]), "{position}");
    }
    let items = stock(&setting, &[]);
    let row =
        |item: &Value| format!("{} {} {}", item["productId"].as_str().unwrap_or("?"), item["available"], item["held"]);
    let items: Vec<String> = items["items"].as_array().expect("a list").iter().map(row).collect();
    assert_eq!(setting.texts("SELECT CONCAT_WS(' ', product_id, available, held) FROM stock ORDER BY 1").await, items);
    setting.finish().await;
}
