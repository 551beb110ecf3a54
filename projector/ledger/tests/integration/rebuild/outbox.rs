//! What replaced tables had decided, and nobody had published, when others are swapped in (INV-6, INV-10). Contents are
//! compared, not ids: the same event id with what the wrong tables said would pass for right.

use ledger_operator::generations::barrier::{self, Publishers};
use ledger_operator::generations::{Guard, record};
use ledger_store::generations::Work;

use super::{generation, rebuild};
use crate::published::{all_published, published};
use crate::setting::{PARTITIONS, Setting, code, order, product_in, receipt, stderr};

/// Type and what is left, of each outcome of a partition.
fn outcomes(setting: &Setting, partition: i32, count: usize) -> Vec<(String, i64)> {
    let content = |outcome: serde_json::Value| {
        let left = outcome["available"].as_i64().unwrap_or(-1);
        (outcome["type"].as_str().expect("a type").to_owned(), left)
    };
    published(setting, "outcomes", partition, count).iter().map(|record| content(record.json())).collect()
}

/// Runs a projector until a partition is folded to `next_offset`, and everything is published.
async fn project_until(setting: &Setting, partition: i32, next_offset: i64) {
    let projector = setting.project();
    setting.folded_to(partition, next_offset).await;
    all_published(setting).await;
    assert_eq!(projector.stop().0, 0);
}

fn publishers(setting: &Setting) -> Publishers {
    let kafka = setting.kafka();
    Publishers { kafka, cursors_topic: setting.topic("cursors"), partition_count: PARTITIONS }
}

/// A ledger whose generation 1 has a receipt of 10 that is published, and an order of 4 whose outcome is not. No projector runs.
async fn with_a_backlog(purpose: &str) -> Setting {
    let setting = Setting::migrated(purpose);
    let product = product_in(1, "bar");
    let projector = setting.project();
    setting.append_event(&product, &receipt(1, &product, 10)).await;
    setting.folded_to(1, 1).await;
    all_published(&setting).await;
    let mut guard = Guard::take(&setting.owner_url(), Work::Rebuild).await.expect("free");
    barrier::stop_publishing(&mut guard, &publishers(&setting)).await.expect("fenced");
    setting.append_event(&product, &order(2, &product, 4)).await;
    setting.folded_to(1, 2).await;
    assert_eq!(projector.stop().0, 0);
    guard.release().await;
    setting
}

#[tokio::test]
async fn inv_6_what_replaced_tables_decided_is_not_published() {
    let setting = Setting::migrated("outboxswap");
    let product = product_in(1, "bar");
    let projector = setting.project();
    setting.append_event(&product, &receipt(1, &product, 10)).await;
    setting.folded_to(1, 1).await;
    all_published(&setting).await;
    // The relays stand still, as with brokers that do not take transactions, while wrong stock decides.
    let mut guard = Guard::take(&setting.owner_url(), Work::Rebuild).await.expect("free");
    barrier::stop_publishing(&mut guard, &publishers(&setting)).await.expect("fenced");
    setting.execute("UPDATE stock SET available = 1").await;
    assert_eq!(projector.stop().0, 0);
    let projector = setting.project();
    setting.append_event(&product, &order(2, &product, 5)).await;
    setting.folded_to(1, 2).await;
    assert_eq!(setting.texts("SELECT status FROM orders").await, ["rejected"]);
    assert_eq!(projector.stop().0, 0);
    assert_eq!(outcomes(&setting, 1, 1), [("StockChanged".to_owned(), 10)], "nothing is published under a barrier");
    guard.release().await;

    rebuild(&setting, &["--yes"], 0, "swapped");
    assert_eq!(generation(&setting).await, 2);
    project_until(&setting, 1, 2).await;
    assert_eq!(setting.texts("SELECT status FROM orders").await, ["confirmed"]);
    assert_eq!(outcomes(&setting, 1, 2)[1], ("OrderConfirmed".to_owned(), 5));
    setting.finish().await;
}

#[tokio::test]
async fn rows_of_a_kept_generation_are_published_after_a_rollback() {
    let setting = with_a_backlog("outboxback").await;
    // Generation 2 ends at the cursor, before the order; generation 1 has it, and its outcome in the outbox.
    rebuild(&setting, &["--yes"], 0, "swapped");
    assert_eq!(setting.number("SELECT COUNT(*) FROM outbox WHERE generation = 1").await, 1);
    assert_eq!(code(&setting.ledger(&["rollback", "--yes"])), 0);
    assert_eq!(generation(&setting).await, 1);
    project_until(&setting, 1, 2).await;
    assert_eq!(outcomes(&setting, 1, 2)[1], ("OrderConfirmed".to_owned(), 6));
    setting.finish().await;
}

#[tokio::test]
async fn a_dropped_generation_takes_its_outbox_with_it() {
    let setting = with_a_backlog("outboxdrop").await;
    rebuild(&setting, &["--yes"], 0, "swapped");
    assert_eq!(code(&setting.ledger(&["generations", "drop", "1"])), 0);
    assert_eq!(setting.number("SELECT COUNT(*) FROM outbox").await, 0);
    project_until(&setting, 1, 2).await;
    assert_eq!(outcomes(&setting, 1, 2)[1], ("OrderConfirmed".to_owned(), 6));
    setting.finish().await;
}

#[tokio::test]
async fn a_barrier_ends_with_whoever_set_it() {
    let setting = Setting::migrated("barrier");
    let product = product_in(1, "bar");
    let projector = setting.project();
    setting.append_event(&product, &receipt(1, &product, 10)).await;
    setting.folded_to(1, 1).await;
    all_published(&setting).await;
    let mut guard = Guard::take(&setting.owner_url(), Work::Rebuild).await.expect("free");
    barrier::stop_publishing(&mut guard, &publishers(&setting)).await.expect("fenced");
    setting.append_event(&product, &order(2, &product, 4)).await;
    setting.folded_to(1, 2).await;
    // The relay that runs is fenced, and its next session waits for the barrier.
    projector.until("/metrics", |_, body| {
        let restarts = body.lines().find_map(|line| line.strip_prefix("ledger_relay_restarts_total "));
        restarts.is_some_and(|count| count != "0")
    });
    assert_eq!(setting.number("SELECT COUNT(*) FROM outbox").await, 1);
    // Killed: its connection ends without a word, and its row stays.
    drop(guard);
    all_published(&setting).await;
    assert_eq!(outcomes(&setting, 1, 2)[1], ("OrderConfirmed".to_owned(), 6));
    assert_eq!(setting.number("SELECT swapping FROM generation_guard").await, 1);
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

#[tokio::test]
async fn a_first_start_beside_a_rebuild_takes_another_number() {
    let setting = Setting::migrated("numbers");
    let product = product_in(1, "bar");
    setting.append_event(&product, &receipt(1, &product, 10)).await;
    let topic = setting.topic("orders");
    let mut guard = Guard::take(&setting.owner_url(), Work::Rebuild).await.expect("free");
    let number = record::next_number(guard.connection()).await.expect("a number");
    let identity = setting.identity();
    let fold_version = ledger_store::FOLD_VERSION;
    let new = record::New { generation: number, topic: &topic, identity: &identity, fold_version };
    record::begin(guard.connection(), &new).await.expect("begun");
    let projector = setting.project();
    setting.folded_to(1, 1).await;
    all_published(&setting).await;
    assert_ne!(generation(&setting).await, i64::from(number));
    guard.release().await;
    // What was begun can be resumed, and another begun and dropped.
    rebuild(&setting, &["--yes"], 0, "swapped");
    assert_eq!(generation(&setting).await, i64::from(number));
    rebuild(&setting, &["--restart", "--yes"], 0, "swapped");
    for kept in setting.texts("SELECT CAST(generation AS CHAR) FROM generations WHERE state = 'kept'").await {
        if i64::from(kept.parse::<i32>().expect("a number")) != generation(&setting).await {
            let dropped = setting.ledger(&["generations", "drop", &kept]);
            assert_eq!(code(&dropped), 0, "{}", stderr(&dropped));
        }
    }
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}
