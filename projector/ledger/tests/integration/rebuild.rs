//! `ledger rebuild` on a real Kafka and a real MariaDB: the same bytes, wrong rows mended, nothing left where nothing is asked
//! for, and what is refused.

mod disaster;
pub(crate) mod flow;
mod interrupted;
mod lines;
mod outbox;
mod refused;

use std::process::{Child, Output, Stdio};

use rdkafka::consumer::{BaseConsumer, Consumer};
use serde_json::Value;
use sqlx::Row;

use crate::published::{all_published, client};
use crate::setting::{Append, LIMIT, PARTITIONS, Projector, Setting, code, order, product_in, receipt, stderr};

/// Checksums of the rows of all tables that the fold writes, by table; and the positions.
pub(crate) async fn contents(setting: &Setting) -> Vec<String> {
    let sql = "CHECKSUM TABLE orders, stock, stock_movements, reservations, open_orders, dead_letters EXTENDED";
    let rows = sqlx::query(sql).fetch_all(&mut setting.database().await).await.expect("checksums");
    let checksum = |row: &sqlx::mysql::MySqlRow| {
        let (table, sum): (String, i64) = (row.get(0), row.get(1));
        format!("{} {sum}", table.rsplit('.').next().expect("a name"))
    };
    let mut contents: Vec<String> = rows.iter().map(checksum).collect();
    for table in ["orders", "stock", "stock_movements", "reservations", "open_orders", "dead_letters"] {
        contents.push(format!("{table}: {}", setting.number(&format!("SELECT COUNT(*) FROM {table}")).await));
    }
    let positions = "SELECT CONCAT_WS(' ', topic, kafka_partition, next_offset, cluster_id, topic_id, partition_count, \
                     fold_version) FROM positions ORDER BY kafka_partition";
    contents.extend(setting.texts(positions).await);
    contents
}

/// Generation of the live tables.
pub(crate) async fn generation(setting: &Setting) -> i64 {
    setting.number("SELECT CAST(MAX(generation) AS SIGNED) FROM positions").await
}

/// Tables that are not of the live set.
async fn other_tables(setting: &Setting) -> Vec<String> {
    setting
        .texts(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name REGEXP '_g[0-9]+$' \
             ORDER BY 1",
        )
        .await
}

/// Every index of the live tables.
async fn indexes(setting: &Setting) -> Vec<String> {
    setting
        .texts(
            "SELECT CONCAT_WS(' ', table_name, index_name, seq_in_index, column_name) FROM information_schema.statistics \
             WHERE table_schema = DATABASE() AND table_name NOT REGEXP '_g[0-9]+$' ORDER BY 1",
        )
        .await
}

/// Of everything that a log can hold: confirmed and rejected orders, repeated ones, conflicts, receipts, and records that are
/// parked. `start` keeps ids of several calls apart. The last record of each partition has an outcome.
pub(crate) async fn fill(setting: &Setting, start: u128) {
    for partition in 0..PARTITIONS {
        let id = |n: u128| start + u128::from(partition.unsigned_abs()) * 1000 + n;
        let (bar, rare) = (product_in(partition, "bar"), product_in(partition, "rare"));
        setting.append_event(&bar, &receipt(id(0), &bar, 50)).await;
        setting.append_event(&rare, &receipt(id(1), &rare, 2)).await;
        for n in 2..20 {
            setting.append_event(&bar, &order(id(n), &bar, 3)).await;
            setting.append_event(&rare, &order(id(n + 100), &rare, 1)).await;
        }
        setting.append_event(&bar, &order(id(2), &bar, 3)).await;
        setting.append_event(&bar, &order(id(3), &bar, 4)).await;
        setting.append_event(&bar, &receipt(id(0), &bar, 50)).await;
        for (key, value) in
            [(None, None), (Some(&b"other"[..]), Some(order(id(200), &bar, 1))), (Some(b"\xff"), Some("{}".to_owned()))]
        {
            let headers: &[(&str, Option<&[u8]>)] = &[("a", Some(b"\xfe")), ("b", None)];
            let value = value.as_deref().map(str::as_bytes);
            setting.append(Append { partition, key, value, headers }).await;
        }
        setting.append_event(&bar, &receipt(id(201), &bar, 5)).await;
    }
}

/// A ledger with [`fill`], folded and published.
pub(crate) async fn filled(purpose: &str) -> (Setting, Projector) {
    let setting = Setting::migrated(purpose);
    let projector = setting.project();
    fill(&setting, 1).await;
    folded(&setting).await;
    (setting, projector)
}

/// End of a partition of the log.
pub(crate) fn end(setting: &Setting, partition: i32) -> i64 {
    let asker: BaseConsumer = client(setting).create().expect("a client");
    asker.fetch_watermarks(&setting.topic("orders"), partition, LIMIT).expect("Kafka answers").1
}

/// Waits until everything appended so far is folded and published.
pub(crate) async fn folded(setting: &Setting) {
    for partition in 0..PARTITIONS {
        setting.folded_to(partition, end(setting, partition)).await;
    }
    all_published(setting).await;
}

fn summary(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no summary: {}", stderr(output)))
}

/// Runs `ledger rebuild`, checks its exit code and outcome, and gives the summary.
pub(crate) fn rebuild(setting: &Setting, args: &[&str], exit: i32, outcome: &str) -> Value {
    let output = setting.ledger(&[&["rebuild"], args].concat());
    assert_eq!(code(&output), exit, "{}", stderr(&output));
    let summary = summary(&output);
    assert_eq!(summary["outcome"], outcome, "{summary:#}");
    summary
}

/// Starts `ledger rebuild` and does not wait for it.
pub(crate) fn start(setting: &Setting, args: &[&str]) -> Child {
    let mut command = setting.command(&[&["rebuild"], args].concat(), &[]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
}

/// Makes whoever writes `phase` into `generations` wait for ever. The trigger is dropped by [`release`].
async fn hold_at(setting: &Setting, statement: &str, phase: &str) {
    setting
        .execute(&format!(
            "CREATE TRIGGER hold BEFORE {statement} ON generations FOR EACH ROW \
             IF NEW.phase = '{phase}' THEN DO SLEEP(300); END IF"
        ))
        .await;
}

/// Waits until somebody is held; gives the connection.
pub(crate) async fn held(setting: &Setting) -> i64 {
    let sql = format!(
        "SELECT CAST(COALESCE(MAX(ID), 0) AS SIGNED) FROM information_schema.PROCESSLIST WHERE DB = '{}' AND STATE = 'User sleep'",
        setting.name
    );
    setting.until(&sql, |id| id > 0).await;
    setting.number(&sql).await
}

async fn release(setting: &Setting, connection: i64) {
    // What the dead process asked for is not done: its statement ends with its connection.
    setting.execute(&format!("KILL {connection}")).await;
    setting.execute("DROP TRIGGER hold").await;
}

pub(crate) fn said(child: Child) -> (i32, String) {
    let output = child.wait_with_output().expect("it ends");
    (code(&output), stderr(&output))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_folded_anew_gives_the_same_bytes() {
    let (setting, projector) = filled("rebuilt").await;
    assert_eq!(projector.stop().0, 0);
    let before = contents(&setting).await;
    let indexes = indexes(&setting).await;
    let summary = rebuild(&setting, &[], 0, "swapped");
    assert_eq!(contents(&setting).await, before);
    assert_eq!(self::indexes(&setting).await, indexes);
    assert_eq!((&summary["generation"], &summary["replaced"]), (&2.into(), &1.into()), "{summary:#}");
    assert_eq!(generation(&setting).await, 2);
    let ends: Vec<i64> = (0..PARTITIONS).map(|partition| end(&setting, partition)).collect();
    assert_eq!(summary["ends"], serde_json::json!(ends));
    assert_eq!(summary["compared"], true);
    // The old tables are kept, with their rows.
    let old = setting.number("SELECT COUNT(*) FROM orders_g1").await;
    assert_eq!(old, setting.number("SELECT COUNT(*) FROM orders").await);
    // And it goes on from there, each outcome once.
    let projector = setting.project();
    fill(&setting, 100_000).await;
    folded(&setting).await;
    flow::each_outcome_once(&setting);
    assert_eq!(projector.stop().0, 0);
    rebuild(&setting, &["--dry-run"], 0, "dryRun");
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_rows_are_told_and_mended_only_when_somebody_agrees() {
    let (setting, projector) = filled("mended").await;
    assert_eq!(projector.stop().0, 0);
    let before = contents(&setting).await;
    let bar = product_in(1, "bar");
    for sql in [
        "UPDATE orders SET quantity = 1, total_price = unit_price WHERE kafka_partition = 1 AND kafka_offset = 2",
        "DELETE FROM orders WHERE kafka_partition = 2 AND kafka_offset = 4",
        &format!("UPDATE stock SET available = 1000000 WHERE product_id = '{bar}'"),
        "UPDATE stock_movements SET delta = 7 WHERE kafka_partition = 3 AND kafka_offset = 0",
        "DELETE FROM dead_letters WHERE kafka_partition = 0 LIMIT 1",
    ] {
        setting.execute(sql).await;
    }
    // A projector that has loaded the wrong stock.
    let projector = setting.project();
    let wrong = contents(&setting).await;
    let refused = rebuild(&setting, &[], 1, "refused");
    assert_eq!(contents(&setting).await, wrong);
    let counts = |summary: &Value, table: &str| {
        let found = summary["tables"].as_array().expect("tables").iter().find(|found| found["table"] == table).cloned();
        let found = found.unwrap_or_else(|| panic!("{table} in {summary:#}"));
        ["changed", "added", "removed"].map(|kind| found[kind].as_i64().expect("a number"))
    };
    for (table, expected) in
        [("orders", [1, 1, 0]), ("stock", [1, 0, 0]), ("stock_movements", [1, 0, 0]), ("dead_letters", [0, 1, 0])]
    {
        assert_eq!(counts(&refused, table), expected, "{table} in {refused:#}");
    }
    let first = refused["firstDifferences"].as_array().expect("differences");
    assert!(first.iter().any(|one| one["key"].to_string().contains(&bar) && one["found"] == "1000000"), "{first:#?}");
    // It goes on with what was built, and asks nobody now.
    let mended = rebuild(&setting, &["--yes"], 0, "swapped");
    assert_eq!(mended["generation"], refused["generation"]);
    assert_eq!(mended["resumedFrom"], "compare");
    assert_eq!(contents(&setting).await, before);
    // The projector decides by the right stock, though it had loaded the wrong one, and no position was moved.
    let before = setting.number(&format!("SELECT available FROM stock WHERE product_id = '{bar}'")).await;
    let offset = setting.append_event(&bar, &order(900_000, &bar, before + 1)).await;
    setting.folded_to(1, offset + 1).await;
    let reason = format!("SELECT reason FROM orders WHERE kafka_partition = 1 AND kafka_offset = {offset}");
    assert_eq!(setting.texts(&reason).await, ["out-of-stock"]);
    folded(&setting).await;
    flow::each_outcome_once(&setting);
    drop(projector);
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_leaves_nothing() {
    let (setting, projector) = filled("dryrun").await;
    assert_eq!(projector.stop().0, 0);
    let before = contents(&setting).await;
    rebuild(&setting, &["--dry-run"], 0, "dryRun");
    setting.execute("UPDATE stock SET available = available + 1 LIMIT 1").await;
    let wrong = contents(&setting).await;
    assert_ne!(wrong, before);
    // Also where somebody agrees to everything.
    let told = rebuild(&setting, &["--dry-run", "--yes"], 1, "dryRun");
    assert_eq!(told["firstDifferences"].as_array().map(Vec::len), Some(1), "{told:#}");
    assert_eq!(contents(&setting).await, wrong);
    assert_eq!(other_tables(&setting).await, Vec::<String>::new());
    assert_eq!(setting.texts("SELECT state FROM generations").await, ["dropped", "dropped"]);
    assert_eq!(generation(&setting).await, 1);
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_nobody_knows_the_origin_of_are_replaced_only_when_somebody_agrees() {
    let (setting, projector) = filled("unknown").await;
    assert_eq!(projector.stop().0, 0);
    let before = contents(&setting).await;
    setting.execute("DELETE FROM positions").await;
    let refused = rebuild(&setting, &[], 1, "refused");
    assert_eq!(refused["liveRowsOfUnknownOrigin"], true, "{refused:#}");
    let orders = setting.number("SELECT COUNT(*) FROM orders").await;
    rebuild(&setting, &["--yes"], 0, "swapped");
    assert_eq!(contents(&setting).await, before);
    // They are not thrown away.
    assert_eq!(setting.number("SELECT COUNT(*) FROM orders_g0").await, orders);
    setting.finish().await;
}
