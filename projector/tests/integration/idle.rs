//! A projector that no order reaches: it notices by itself that its positions were moved.

use crate::setting::{Setting, order, product_in, receipt};

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
    let ids = crate::published::event_ids(&setting, 1, 3);
    assert_eq!(ids, ["1-0-0", "1-1-0", "1-2-0"]);
    // A position that is gone altogether stops it, naming it.
    setting.execute("DELETE FROM positions WHERE kafka_partition = 2").await;
    let (exit, said) = projector.ended();
    assert_eq!(exit, 1, "{said}");
    assert!(said.ends_with("partition 2") && said.contains("positions has no row"), "{said}");
    setting.finish().await;
}
