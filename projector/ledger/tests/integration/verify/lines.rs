//! Orders of several lines, holds and cancellation: tables that are right, every kind of row that can be wrong, and what partitions tell
//! each other.

use chrono::Utc;
use serde_json::{Value, json};

use super::{counts, differences, execute, mend, verify};
use crate::basket::{basket, line_event, long_ago, request, settled, statuses, stock, verified};
use crate::rebuild::rebuild;
use crate::setting::{Setting, code, partition_of, product_in, receipt, stderr};

/// Products: two of partition 1, and one each of partitions 2 and 3.
pub(super) struct Products {
    pub(super) a: String,
    pub(super) d: String,
    pub(super) b: String,
    pub(super) c: String,
}

impl Products {
    pub(super) fn new() -> Self {
        let [a, d] = ["line-a", "line-d"].map(|prefix| product_in(1, prefix));
        Self { a, d, b: product_in(2, "line-b"), c: product_in(3, "line-c") }
    }
}

fn id(number: u128) -> String {
    format!("UNHEX('{}')", uuid::Uuid::from_u128(number).simple())
}

/// Adds orders of every kind and state, folded and published; nobody writes any more afterwards.
pub(super) async fn add(setting: &Setting) {
    let projector = setting.project();
    let Products { a, b, c, d } = &Products::new();
    for (n, product) in (50_000..).zip([a, b, c, d]) {
        setting.append_event(product, &receipt(n, product, 100)).await;
    }
    let now = Utc::now();
    for event in [
        basket(50_011, &[(a, 2), (b, 3), (c, 1)], None, now),
        basket(50_012, &[(a, 1), (b, 1)], Some(86_400), now),
        basket(50_013, &[(a, 1), (c, 1000)], None, now),
        basket(50_015, &[(a, 5), (d, 2)], None, now),
        basket(50_016, &[(a, 7)], Some(86_400), now),
        basket(50_017, &[(a, 1), (b, 2), (d, 1)], Some(86_400), now),
        basket(50_018, &[(a, 1), (c, 4)], Some(1), long_ago()),
        basket(50_011, &[(a, 2), (b, 3), (c, 1)], None, now),
        basket(50_011, &[(a, 2), (b, 3), (c, 2)], None, now),
    ] {
        setting.append_event(a, &event).await;
    }
    setting.append_event(b, &basket(50_014, &[(b, 2), (a, 1), (c, 3)], None, now)).await;
    settled(setting).await;
    setting.append_event(b, &request("OrderCancelRequested", 50_014, b)).await;
    for event in [
        request("OrderCancelRequested", 50_014, a), // unknown-order: at home elsewhere
        request("OrderConfirmRequested", 50_017, a),
        request("OrderConfirmRequested", 50_017, a),
        request("HoldExpired", 50_017, a), // overruled
    ] {
        setting.append_event(a, &event).await;
    }
    let held = format!("SELECT COUNT(*) FROM open_orders WHERE order_id = {}", id(50_018));
    setting.until(&held, |open| open == 0).await;
    settled(setting).await;
    assert_eq!(projector.stop().0, 0);
}

async fn with_lines(purpose: &str) -> Setting {
    let setting = Setting::migrated(purpose);
    add(&setting).await;
    setting
}

/// The tables that only the log decides, all of them.
const TABLES: [&str; 6] = ["orders", "stock_movements", "stock", "reservations", "open_orders", "dead_letters"];

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_several_lines_are_called_right_in_every_state() {
    let setting = with_lines("lines").await;
    for (order, expected) in [
        (50_011, ["confirmed reserved"; 3].as_slice()),
        (50_012, &["held reserved"; 2]),
        (50_013, &["rejected released line-rejected", "rejected rejected out-of-stock"]),
        (50_014, &["cancelled released cancelled"; 3]),
        (50_015, &["confirmed reserved"; 2]),
        (50_016, &["held reserved"]),
        (50_017, &["confirmed reserved"; 3]),
        (50_018, &["cancelled released expired"; 2]),
    ] {
        assert_eq!(statuses(&setting, order).await, expected, "{order}");
    }
    let Products { a, b, c, d } = &Products::new();
    let expected = [format!("{a} 84 8 8"), format!("{b} 94 1 5"), format!("{c} 99 0 1"), format!("{d} 97 0 3")];
    assert_eq!(stock(&setting).await, expected);
    let found = verify(&setting, &[], 0);
    assert_eq!(found["first"], json!([]));
    for table in TABLES {
        let stored = setting.number(&format!("SELECT COUNT(*) FROM {table}")).await;
        assert_eq!(counts(&found, table)["compared"], stored, "{table}: {found:#}");
    }
    assert_eq!(found["unbalanced"], json!({ "products": 0, "first": [] }));
    let between = &found["between"];
    assert_eq!(
        (&between["missing"], &between["extra"], &between["unknownCursors"]),
        (&0.into(), &0.into(), &Value::Null)
    );
    // Six orders asked eight lines elsewhere; each was answered, and told what became of it.
    assert!(between["told"].as_i64().is_some_and(|told| told >= 20), "{between:#}");
    let sampled = verify(&setting, &["--sample", "100"], 0);
    assert_eq!(sampled["products"], 4);
    let text = setting.ledger(&["verify", "--output", "table"]);
    let text = String::from_utf8(text.stdout).expect("text");
    assert_eq!(text.lines().last(), Some("the tables are what the log says"), "{text}");
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_lines_that_are_wrong_are_named() {
    let setting = with_lines("wronglines").await;
    let mut database = super::corrupter(&setting).await;
    let Products { a, b, .. } = &Products::new();
    let order = |number: u128| format!("order_id = {}", id(number));
    let changed = |table: &str, column: &str| (table.to_owned(), "changed", json!(column));
    let whole = |table: &str, kind: &'static str| (table.to_owned(), kind, Value::Null);
    for (table, sql, expected) in [
        ("stock", format!("UPDATE stock SET held = held + 1 WHERE product_id = '{a}'"), changed("stock", "held")),
        ("stock", format!("UPDATE stock SET held = 0 WHERE product_id = '{b}'"), changed("stock", "held")),
        (
            "orders",
            format!("UPDATE orders SET status = 'confirmed' WHERE {} AND line_no = 2", order(50_012)),
            changed("orders", "status"),
        ),
        (
            "orders",
            format!("UPDATE orders SET line_status = 'reserved' WHERE {} AND line_no = 1", order(50_014)),
            changed("orders", "line_status"),
        ),
        (
            "orders",
            format!("UPDATE orders SET expires_at = expires_at + INTERVAL 1 SECOND WHERE {}", order(50_016)),
            changed("orders", "expires_at"),
        ),
        ("orders", format!("DELETE FROM orders WHERE {} AND line_no = 3", order(50_011)), whole("orders", "missing")),
        (
            "orders",
            format!(
                "INSERT INTO orders SELECT * FROM (SELECT * FROM kept_orders WHERE {} AND line_no = 2) o \
                 ON DUPLICATE KEY UPDATE orders.currency = 'EUR'",
                order(50_011)
            ),
            changed("orders", "currency"),
        ),
        (
            "reservations",
            format!("UPDATE reservations SET status = 'released' WHERE {}", order(50_012)),
            changed("reservations", "status"),
        ),
        (
            "reservations",
            format!("UPDATE reservations SET confirmed = 0 WHERE {} AND line_no = 2", order(50_011)),
            changed("reservations", "confirmed"),
        ),
        ("reservations", format!("DELETE FROM reservations WHERE {}", order(50_012)), whole("reservations", "missing")),
        (
            "reservations",
            format!(
                "INSERT INTO reservations (order_id, home_partition, line_no, kafka_partition, kafka_offset, product_id, quantity, \
                 status, reason, confirmed) SELECT order_id, 0, line_no, kafka_partition, kafka_offset, product_id, quantity, status, \
                 reason, confirmed FROM kept_reservations WHERE {}",
                order(50_012)
            ),
            whole("reservations", "extra"),
        ),
        ("open_orders", format!("DELETE FROM open_orders WHERE {}", order(50_016)), whole("open_orders", "missing")),
        (
            "open_orders",
            format!("INSERT INTO open_orders VALUES (1, 'held', '2026-11-23', {})", id(50_011)),
            whole("open_orders", "extra"),
        ),
        (
            "open_orders",
            format!("INSERT INTO open_orders VALUES (99, 'pending', '2026-11-23', {})", id(50_011)),
            whole("open_orders", "extra"),
        ),
    ] {
        assert!(execute(&mut database, &sql).await > 0, "{sql}");
        let answer = verify(&setting, &[], 1);
        let first = answer["first"].as_array().expect("a list");
        assert_eq!(first.len(), 1, "{sql}: {answer:#}");
        let found = (first[0]["table"].as_str().expect("text").to_owned(), &first[0]["kind"], &first[0]["column"]);
        assert_eq!(found, (expected.0, &expected.1.into(), &expected.2), "{sql}: {answer:#}");
        mend(&mut database, table).await;
    }
    // Stock that does not add up is told by itself, too, with what its rows add up to.
    execute(
        &mut database,
        &format!("UPDATE stock SET held = held - 1, available = available + 1 WHERE product_id = '{b}'"),
    )
    .await;
    let answer = verify(&setting, &[], 1);
    let unbalanced = json!({ "products": 1, "first": [{ "productId": b, "available": 95, "held": 0, "expectedAvailable": 94,
        "expectedHeld": 1 }] });
    assert_eq!(answer["unbalanced"], unbalanced);
    assert_eq!(differences(&verify(&setting, &["--sample", "50"], 1), "stock").len(), 2);
    // As the README asks it.
    let readme = include_str!("../../../../../README.md");
    let query =
        readme.split("```sql").skip(1).find(|part| part.contains("INV-3")).and_then(|part| part.split("```").next());
    let query = query.expect("the README has the query of INV-3");
    let asked = format!("SELECT product_id FROM ({}) found", query.trim().trim_end_matches(';'));
    assert_eq!(setting.texts(&asked).await, std::slice::from_ref(b));
    mend(&mut database, "stock").await;
    assert_eq!(setting.texts(&asked).await, Vec::<String>::new());
    verify(&setting, &[], 0);
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_between_partitions_that_nobody_told_is_named_and_stays_a_fact() {
    let setting = with_lines("forged").await;
    let Products { a, b, .. } = &Products::new();
    // A line of a held order is given back, and its home never said so.
    let forged = line_event("LineReleased", &format!("{}-3-7", partition_of(a)), 50_012, a, b);
    let offset = setting.append_event(b, &forged).await;
    let found = verified(&setting, 0);
    let expected = json!([{ "cause": "1-3-7", "event": "LineReleased", "orderId": uuid::Uuid::from_u128(50_012).to_string(),
        "lineNo": 2, "decision": null, "position": format!("2:{offset}") }]);
    assert_eq!((&found["between"]["extra"], &found["between"]["first"]), (&1.into(), &expected), "{found:#}");
    let projector = setting.project();
    settled(&setting).await;
    assert_eq!(projector.stop().0, 0);
    // The tables hold what it did, and stock adds up.
    let found = verified(&setting, 0);
    assert_eq!((&found["between"]["extra"], &found["unbalanced"]["products"]), (&1.into(), &0.into()));
    let text = setting.ledger(&["verify", "--output", "table"]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("on the log at 2:"), "{}", stderr(&text));
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_wrong_tables_told_is_named_and_a_rebuild_tells_what_is_right() {
    let setting = with_lines("wrongtold").await;
    let Products { a, b, c, d } = &Products::new();
    setting.execute(&format!("UPDATE stock SET available = 0 WHERE product_id = '{b}'")).await;
    let projector = setting.project();
    setting.append_event(a, &basket(50_050, &[(a, 1), (b, 1)], None, Utc::now())).await;
    settled(&setting).await;
    assert_eq!(projector.stop().0, 0);
    let refused = ["rejected released line-rejected", "rejected rejected out-of-stock"];
    assert_eq!(statuses(&setting, 50_050).await, refused);
    let found = verified(&setting, 1);
    assert_eq!((&found["between"]["missing"], &found["between"]["extra"]), (&1.into(), &1.into()), "{found:#}");
    let first = found["between"]["first"].as_array().expect("a list");
    let decisions: Vec<_> = first.iter().map(|told| (&told["event"], &told["decision"])).collect();
    assert_eq!(decisions, [(&json!("LineDecided"), &json!("reserved")), (&json!("LineDecided"), &json!("rejected"))]);

    let dry = rebuild(&setting, &["--dry-run"], 1, "dryRun");
    assert_eq!((&dry["between"]["missing"], &dry["between"]["extra"]), (&1.into(), &1.into()), "{dry:#}");
    let swapped = rebuild(&setting, &["--yes"], 0, "swapped");
    assert_eq!(swapped["linesTold"], 1, "{swapped:#}");
    // The rebuilt tables have the line reserved, for an order that the log has rejected; the home gives it back.
    let projector = setting.project();
    settled(&setting).await;
    assert_eq!(projector.stop().0, 0);
    assert_eq!(statuses(&setting, 50_050).await, refused, "what was told is a fact");
    let expected = [format!("{a} 84 8 8"), format!("{b} 94 1 5"), format!("{c} 99 0 1"), format!("{d} 97 0 3")];
    assert_eq!(stock(&setting).await, expected);
    let found = verified(&setting, 0);
    assert_eq!((&found["between"]["missing"], &found["between"]["extra"]), (&0.into(), &1.into()), "{found:#}");
    assert_eq!(code(&setting.ledger(&["rebuild", "--dry-run"])), 0);
    setting.finish().await;
}
