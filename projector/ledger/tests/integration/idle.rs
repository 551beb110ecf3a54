//! A projector that no order reaches: it notices by itself that its positions were moved.

use crate::published::{all_published, event_ids};
use crate::setting::{PARTITIONS, Setting, order, product_in, receipt};

const ROWS: [&str; 4] = [
    "SELECT CONCAT_WS(' ', HEX(order_id), kafka_partition, kafka_offset, status, reason) FROM orders ORDER BY 1",
    "SELECT CONCAT_WS(' ', HEX(movement_id), kafka_partition, kafka_offset, status) FROM stock_movements ORDER BY 1",
    "SELECT CONCAT_WS(' ', product_id, available, kafka_offset) FROM stock ORDER BY 1",
    "SELECT CONCAT_WS(' ', kafka_partition, next_offset) FROM positions ORDER BY 1",
];

async fn rows(setting: &Setting) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for sql in ROWS {
        all.push(setting.texts(sql).await);
    }
    all
}

#[tokio::test]
async fn inv_1_positions_that_were_moved_are_noticed_without_an_order() {
    let setting = Setting::migrated("idle");
    let (moved, kept) = (product_in(1, "bar"), product_in(2, "bar"));
    let projector = setting.project();
    for (id, product) in [(1, &moved), (2, &kept)] {
        setting.append_event(product, &receipt(id, product, 10)).await;
        setting.append_event(product, &order(id, product, 3)).await;
        setting.append_event(product, &order(id + 10, product, 8)).await;
    }
    setting.folded_to(1, 3).await;
    setting.folded_to(2, 3).await;
    let before = rows(&setting).await;
    // As tables of an older generation that are swapped in: the state after the receipt, in one step.
    let swap = format!(
        "BEGIN NOT ATOMIC START TRANSACTION; UPDATE positions SET next_offset = 1 WHERE kafka_partition = 1; \
         DELETE FROM orders WHERE kafka_partition = 1; \
         UPDATE stock SET available = 10, kafka_offset = 0 WHERE product_id = '{moved}'; COMMIT; END"
    );
    setting.execute(&swap).await;
    setting.folded_to(1, 3).await;
    assert_eq!(rows(&setting).await, before);
    projector.until("/metrics", |_, body| body.lines().any(|line| line == "ledger_position_misses_total 1"));
    projector.until_ready();
    // Folded again, and published once.
    let ids = event_ids(&setting, 1, 3);
    assert_eq!(ids, ["1-0-0", "1-1-0", "1-2-0"]);
    // A position that is gone altogether stops it, naming it.
    setting.execute("DELETE FROM positions WHERE kafka_partition = 2").await;
    let (exit, said) = projector.ended();
    assert_eq!(exit, 1, "{said}");
    assert!(said.ends_with("partition 2") && said.contains("positions has no row"), "{said}");
    setting.finish().await;
}

/// Makes other tables at the same positions, as a rebuild does, with another stock, and swaps them in.
async fn swap_in_at_the_same_position(setting: &Setting, generation: i32, available: i64) {
    let tables = ["orders", "stock", "stock_movements", "reservations", "open_orders", "dead_letters", "positions"];
    let copy =
        |table: &str| format!("CREATE TABLE {table}_new LIKE {table}; INSERT INTO {table}_new SELECT * FROM {table};");
    let mut sql: String = tables.map(copy).concat();
    sql +=
        &format!("UPDATE stock_new SET available = {available}; UPDATE positions_new SET generation = {generation};");
    let rename = tables.map(|table| format!("{table} TO {table}_old{generation}, {table}_new TO {table}")).join(", ");
    setting.execute(&format!("{sql} RENAME TABLE {rename}")).await;
}

#[tokio::test]
async fn inv_1_tables_that_were_swapped_for_others_at_the_same_position_are_noticed() {
    let setting = Setting::migrated("sameposition");
    let product = product_in(1, "bar");
    let projector = setting.project();
    setting.append_event(&product, &receipt(1, &product, 10)).await;
    setting.folded_to(1, 1).await;
    // As before every swap: what the tables have after the relay's cursor would be lost with their generation (INV-11).
    all_published(&setting).await;
    // An idle projector notices by itself: every partition is loaded from the new tables.
    swap_in_at_the_same_position(&setting, 2, 5).await;
    let misses = |count: i32| format!("ledger_position_misses_total {count}");
    projector.until("/metrics", |_, body| body.lines().any(|line| line == misses(PARTITIONS)));
    setting.append_event(&product, &order(2, &product, 3)).await;
    setting.folded_to(1, 2).await;
    assert_eq!(setting.number("SELECT available FROM stock").await, 2);
    all_published(&setting).await;
    // And an order that comes before the next look misses, is read again, and folded over the stock of the new tables.
    swap_in_at_the_same_position(&setting, 3, 1).await;
    setting.append_event(&product, &order(3, &product, 2)).await;
    setting.folded_to(1, 3).await;
    assert_eq!(setting.texts("SELECT reason FROM orders WHERE kafka_offset = 2").await, ["out-of-stock"]);
    assert_eq!(setting.number("SELECT available FROM stock").await, 1);
    projector.until_ready();
    assert_eq!(setting.number("SELECT COUNT(*) FROM positions WHERE generation = 3").await, i64::from(PARTITIONS));
    let ids = event_ids(&setting, 1, 3);
    assert_eq!(ids, ["1-0-0", "1-1-0", "1-2-0"]);
    setting.finish().await;
}
