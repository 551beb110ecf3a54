//! Rows that are missing or too many, and corruptions that could hide one another.

use serde_json::Value;
use sqlx::MySqlConnection;

use super::{corrupter, counts, differences, execute, folded, mend, verify};
use crate::setting::{Setting, order};

fn id(number: u128) -> String {
    format!("UNHEX('{}')", uuid::Uuid::from_u128(number).simple())
}

async fn corrupted(setting: &Setting, database: &mut MySqlConnection, table: &str, sql: &str) -> Value {
    assert_eq!(execute(database, sql).await, 1, "{sql}");
    let answer = verify(setting, &[], 1);
    mend(database, table).await;
    answer
}

#[tokio::test]
async fn rows_that_are_missing_or_too_many_are_named() {
    let setting = folded("rows").await;
    let mut database = corrupter(&setting).await;
    let (bar, topic) = (super::bar(), setting.topic("orders"));
    let text = |number: u128| uuid::Uuid::from_u128(number).to_string();
    for (table, row, key) in [
        (
            "orders",
            format!("order_id = {}", id(20_004)),
            format!("order_id={} kafka_partition=1 line_no=1", text(20_004)),
        ),
        (
            "stock_movements",
            format!("movement_id = {}", id(20_003)),
            format!("movement_id={} kafka_partition=1", text(20_003)),
        ),
        ("stock", format!("product_id = '{bar}'"), format!("product_id={bar}")),
        (
            "dead_letters",
            "kafka_partition = 2 AND kafka_offset = 3".to_owned(),
            "kafka_partition=2 kafka_offset=3".to_owned(),
        ),
        ("positions", "kafka_partition = 1".to_owned(), format!("topic={topic} kafka_partition=1")),
    ] {
        let answer = corrupted(&setting, &mut database, table, &format!("DELETE FROM {table} WHERE {row}")).await;
        let found = differences(&answer, table);
        assert_eq!(answer["first"].as_array().map(Vec::len), Some(1), "{answer:#}");
        assert_eq!((&found[0]["kind"], &found[0]["key"]), (&"missing".into(), &key.into()), "{answer:#}");
    }
    let copied = |table: &str, columns: &str, values: &str, row: &str| {
        format!("INSERT INTO {table} ({columns}) SELECT {values} FROM kept_{table} WHERE {row}")
    };
    let order_columns = "order_id, kafka_partition, line_no, kafka_offset, user_id, product_id, quantity, unit_price, \
                         total_price, status, reason, placed_at";
    let of_order = |new: &str, partition: &str, line: &str| {
        let values = format!(
            "{new}, {partition}, {line}, kafka_offset, user_id, product_id, quantity, unit_price, total_price, status, reason, placed_at"
        );
        copied("orders", order_columns, &values, &format!("order_id = {}", id(20_004)))
    };
    let movement = format!(
        "INSERT INTO stock_movements SELECT {}, kafka_partition, kafka_offset, product_id, kind, delta, status, reason, \
         note, occurred_at FROM kept_stock_movements WHERE movement_id = {}",
        id(88_888),
        id(20_002)
    );
    for (table, sql, key) in [
        ("orders", of_order(&id(88_888), "1", "1"), format!("order_id={} kafka_partition=1 line_no=1", text(88_888))),
        // The same order once more: in another partition, in one that the log does not have, as another line.
        ("orders", of_order("order_id", "2", "1"), format!("order_id={} kafka_partition=2 line_no=1", text(20_004))),
        ("orders", of_order("order_id", "-1", "1"), format!("order_id={} kafka_partition=-1 line_no=1", text(20_004))),
        ("orders", of_order("order_id", "1", "2"), format!("order_id={} kafka_partition=1 line_no=2", text(20_004))),
        ("stock_movements", movement, format!("movement_id={} kafka_partition=1", text(88_888))),
        ("stock", "INSERT INTO stock VALUES ('nothing', 3, 0, 1, 1)".to_owned(), "product_id=nothing".to_owned()),
        (
            "dead_letters",
            "INSERT INTO dead_letters VALUES (1, 1, 'undecodable', 'x', NULL, NULL, NULL, '[]')".to_owned(),
            "kafka_partition=1 kafka_offset=1".to_owned(),
        ),
        (
            "dead_letters",
            "INSERT INTO dead_letters VALUES (9, -1, 'undecodable', 'x', NULL, NULL, NULL, '[]')".to_owned(),
            "kafka_partition=9 kafka_offset=-1".to_owned(),
        ),
        (
            "positions",
            "INSERT INTO positions SELECT 'other', kafka_partition, 0, cluster_id, topic_id, partition_count, generation, \
             fold_version, generation_id FROM kept_positions WHERE kafka_partition = 0"
                .to_owned(),
            "topic=other kafka_partition=0".to_owned(),
        ),
    ] {
        let answer = corrupted(&setting, &mut database, table, &sql).await;
        let found = differences(&answer, table);
        assert_eq!(answer["first"].as_array().map(Vec::len), Some(1), "{sql}: {answer:#}");
        assert_eq!((&found[0]["kind"], &found[0]["key"]), (&"extra".into(), &key.into()), "{answer:#}");
    }
    setting.finish().await;
}

#[tokio::test]
async fn a_corruption_does_not_hide_another_and_blames_no_other_row() {
    let setting = folded("hidden").await;
    let mut database = corrupter(&setting).await;
    // Orders 5 and 6 come again, in a later batch: as a duplicate and as a conflict.
    for (sql, wrong) in [
        // What is expected later must not be folded against contents that are false, nor against an offset that is.
        (format!("UPDATE orders SET user_id = 'mallory' WHERE order_id = {}", id(5)), ["changed"].as_slice()),
        (format!("UPDATE orders SET quantity = 2, total_price = 200 WHERE order_id = {}", id(6)), &["changed"]),
        (format!("UPDATE orders SET kafka_offset = 9000 WHERE order_id = {}", id(5)), &["changed"]),
        (format!("UPDATE orders SET kafka_offset = 7 WHERE order_id = {}", id(6)), &["changed"]),
        (format!("DELETE FROM orders WHERE order_id = {}", id(5)), &["missing"]),
        (format!("UPDATE orders SET order_id = {} WHERE order_id = {}", id(99_999), id(5)), &["missing", "extra"]),
        // The later row claims to be of an earlier record, as if the earlier one had its id.
        (format!("UPDATE orders SET kafka_offset = 3 WHERE order_id = {}", id(8_000)), &["changed"]),
    ] {
        let answer = corrupted(&setting, &mut database, "orders", &sql).await;
        let kinds: Vec<_> = differences(&answer, "orders").iter().map(|found| found["kind"].clone()).collect();
        let expected: Vec<Value> = wrong.iter().map(|kind| (*kind).into()).collect();
        let table = answer["tables"].as_array().expect("a list").iter();
        let rows: i64 = table
            .map(|counts| {
                ["changed", "missing", "extra"].map(|kind| counts[kind].as_i64().unwrap_or(0)).iter().sum::<i64>()
            })
            .sum();
        assert_eq!(usize::try_from(rows), Ok(expected.len()), "{sql}: {answer:#}");
        assert!(expected.iter().all(|kind| kinds.contains(kind)), "{sql}: {answer:#}");
    }
    // Two orders that exchange their ids, and a stock that was mended to fit: each is named.
    execute(
        &mut database,
        &format!("UPDATE orders SET quantity = 4, total_price = 400 WHERE order_id = {}", id(20_004)),
    )
    .await;
    execute(
        &mut database,
        &format!("UPDATE stock SET available = available - 1 WHERE product_id = '{}'", super::bar()),
    )
    .await;
    let answer = verify(&setting, &[], 1);
    assert_eq!(
        (counts(&answer, "orders")["changed"].as_i64(), counts(&answer, "stock")["changed"].as_i64()),
        (Some(1), Some(1))
    );
    mend(&mut database, "orders").await;
    mend(&mut database, "stock").await;
    verify(&setting, &[], 0);
    setting.finish().await;
}

#[tokio::test]
async fn all_differences_are_counted_and_the_first_are_listed() {
    let setting = folded("counted").await;
    let mut database = corrupter(&setting).await;
    execute(&mut database, "UPDATE orders SET user_id = 'mallory' WHERE kafka_partition = 3").await;
    let answer = verify(&setting, &["--limit", "3"], 1);
    assert_eq!(answer["first"].as_array().map(Vec::len), Some(3));
    assert_eq!((&answer["more"], &counts(&answer, "orders")["changed"]), (&true.into(), &8_999.into()));
    setting.finish().await;
}

#[tokio::test]
async fn a_position_that_does_not_fit_the_tables_is_named_first() {
    let setting = folded("position").await;
    let mut database = corrupter(&setting).await;
    let (bar, at) = (super::bar(), "positions SET next_offset");
    let last = setting.number("SELECT next_offset FROM positions WHERE kafka_partition = 1").await;
    for (to, expected) in [
        (last + 1, format!("at most {last}, the end of the log")),
        (last - 1, format!("at least {last}, since a table has a row of offset {}", last - 1)),
        (0, format!("at least {last}, since a table has a row of offset {}", last - 1)),
    ] {
        let answer =
            corrupted(&setting, &mut database, "positions", &format!("UPDATE {at} = {to} WHERE kafka_partition = 1"))
                .await;
        assert_eq!(
            (&answer["first"][0]["table"], &answer["first"][0]["column"]),
            (&"positions".into(), &"next_offset".into()),
            "{answer:#}"
        );
        assert_eq!(
            (&answer["first"][0]["found"], &answer["first"][0]["expected"]),
            (&to.to_string().into(), &expected.into())
        );
    }
    // Orders that nobody has folded are no difference; a position that says they are folded is.
    setting.append_event(&bar, &order(30_000, &bar, 1)).await;
    verify(&setting, &[], 0);
    let answer = corrupted(
        &setting,
        &mut database,
        "positions",
        &format!("UPDATE {at} = {} WHERE kafka_partition = 1", last + 1),
    )
    .await;
    let expected = format!("at most {last}, since no table has a row of offset {last} or of any after it");
    assert_eq!(
        (&answer["first"][0]["table"], &answer["first"][0]["expected"]),
        (&"positions".into(), &expected.into()),
        "{answer:#}"
    );
    setting.finish().await;
}

#[tokio::test]
async fn a_sample_names_what_it_sees() {
    let setting = folded("sampled").await;
    let mut database = corrupter(&setting).await;
    let bar = super::bar();
    for (table, sql, column) in [
        (
            "orders",
            format!("UPDATE orders SET user_id = 'mallory' WHERE order_id = {}", id(20_004)),
            Value::from("user_id"),
        ),
        ("orders", format!("DELETE FROM orders WHERE order_id = {}", id(20_005)), Value::Null),
        (
            "stock_movements",
            format!("UPDATE stock_movements SET delta = -3 WHERE movement_id = {}", id(20_003)),
            "delta".into(),
        ),
        ("stock", format!("UPDATE stock SET available = available + 1 WHERE product_id = '{bar}'"), "available".into()),
        (
            "dead_letters",
            "UPDATE dead_letters SET message_key = NULL WHERE kafka_offset = 0".to_owned(),
            "message_key".into(),
        ),
        ("positions", "UPDATE positions SET topic_id = 'x' WHERE kafka_partition = 1".to_owned(), "topic_id".into()),
    ] {
        assert_eq!(execute(&mut database, &sql).await, 1, "{sql}");
        let answer = verify(&setting, &["--sample", "50"], 1);
        let named = differences(&answer, table).iter().any(|found| found["column"] == column);
        assert!(named, "{sql}: {answer:#}");
        mend(&mut database, table).await;
    }
    verify(&setting, &["--sample", "50"], 0);
    setting.finish().await;
}
