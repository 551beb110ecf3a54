//! Every column of one row of every table, corrupted alone.

use ledger_operator::verify::table::{ALL, Column, TableShape, Type};
use serde_json::Value;
use sqlx::{AssertSqlSafe, MySqlConnection};

use super::{corrupter, counts, differences, execute, folded, mend, verify};
use crate::setting::Setting;

/// Which row of each table; the order is one of which the log has a duplicate and a conflict.
fn row_of(setting: &Setting, table: &str) -> String {
    match table {
        "orders" => format!("order_id = {}", id(20_004)),
        "stock_movements" => format!("movement_id = {}", id(20_002)),
        "stock" => format!("product_id = '{}'", super::bar()),
        "reservations" => format!("order_id = {}", id(50_012)),
        "open_orders" => format!("order_id = {}", id(50_016)),
        "dead_letters" => "kafka_partition = 2 AND kafka_offset = 0".to_owned(),
        _ => format!("topic = '{}' AND kafka_partition = 1", setting.topic("orders")),
    }
}

fn id(number: u128) -> String {
    format!("UNHEX('{}')", uuid::Uuid::from_u128(number).simple())
}

/// Other contents that the column can hold.
fn corrupted(table: &str, column: Column) -> String {
    let name = column.name;
    match (table, name, column.of) {
        ("orders", "status", _) => "'rejected'".to_owned(),
        ("stock_movements", "status", _) => "'rejected'".to_owned(),
        ("reservations", "status", _) => "'released'".to_owned(),
        (_, "line_status", _) => "'pending'".to_owned(),
        // NULL, as they are found.
        (_, "currency", _) => "'EUR'".to_owned(),
        (_, "expires_at", _) => "'2026-11-23 10:00:00.000001'".to_owned(),
        (_, "kind", _) => "'receipt'".to_owned(),
        (_, "note", _) => "NULL".to_owned(),
        (_, "reason", _) => format!("CONCAT(COALESCE({name}, ''), 'x')"),
        // A partition that the log does not have; one that it has is moved to in another test.
        (_, "kafka_partition", _) => format!("{name} + 100"),
        // The last records may be events between partitions, which leave no row that would show it.
        ("positions", "next_offset", _) => format!("{name} - 20"),
        // The next ones are taken.
        ("dead_letters", "kafka_offset", _) => format!("{name} + 100"),
        (_, _, Type::Integer) => format!("{name} + 1"),
        (_, _, Type::Id) => id(77_777),
        (_, _, Type::Time) => format!("{name} + INTERVAL 1 MICROSECOND"),
        (_, _, Type::Word) => format!("IF({name} = 'held', 'pending', 'held')"),
        (_, _, Type::Text | Type::Blob | Type::LongText) => format!("CONCAT({name}, 'x')"),
    }
}

/// A column as it is to be shown.
async fn shown(database: &mut MySqlConnection, table: &str, column: Column, row: &str) -> Option<String> {
    let name = column.name;
    let expression = match column.of {
        Type::Blob => format!("CONCAT('0x', LOWER(HEX({name})))"),
        Type::Id => {
            format!(
                "LOWER(REGEXP_REPLACE(HEX({name}), '(.{{8}})(.{{4}})(.{{4}})(.{{4}})(.*)', '\\\\1-\\\\2-\\\\3-\\\\4-\\\\5'))"
            )
        }
        _ => format!("CAST({name} AS CHAR)"),
    };
    let sql = format!("SELECT {expression} FROM {table} WHERE {row}");
    sqlx::query_scalar(AssertSqlSafe(sql.as_str())).fetch_one(database).await.expect(&sql)
}

async fn check_column(setting: &Setting, database: &mut MySqlConnection, shape: &'static TableShape, column: Column) {
    let table = shape.name;
    let row = row_of(setting, table);
    let expected = shown(database, table, column, &row).await;
    let is_key = shape.columns.iter().take(shape.key_columns).any(|key| *key == column);
    let update = format!("UPDATE {table} SET {} = {} WHERE {row}", column.name, corrupted(table, column));
    assert_eq!(execute(database, &update).await, 1, "{update}");
    let answer = verify(setting, &[], 1);
    let found = differences(&answer, table);
    let context = || format!("{table}.{}: {answer:#}", column.name);
    if is_key {
        let kinds: Vec<&Value> = found.iter().map(|difference| &difference["kind"]).collect();
        assert!(kinds.contains(&&"missing".into()) && kinds.contains(&&"extra".into()), "{}", context());
    } else {
        let named = found
            .iter()
            .find(|difference| difference["column"] == column.name)
            .unwrap_or_else(|| panic!("{}", context()));
        let now = shown(database, table, column, &row).await;
        assert_eq!(named["found"].as_str(), now.as_deref(), "{}", context());
        if table != "positions" || column.name != "next_offset" {
            assert_eq!(named["expected"].as_str(), expected.as_deref(), "{}", context());
            // Nothing else is blamed.
            assert_eq!(answer["first"].as_array().map(Vec::len), Some(1), "{}", context());
            assert_eq!(counts(&answer, table)["changed"], 1, "{}", context());
        }
    }
    mend(database, table).await;
}

#[tokio::test]
async fn every_column_of_every_table_is_named_with_what_was_found_and_expected() {
    let setting = folded("columns").await;
    super::lines::add(&setting).await;
    let mut database = corrupter(&setting).await;
    for shape in ALL {
        // No column is left out.
        let sql = format!(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = '{}' AND table_name = '{}'",
            setting.name, shape.name
        );
        let (mut stored, mut known) = (setting.texts(&sql).await, Vec::new());
        known.extend(shape.columns.iter().map(|column| column.name.to_owned()));
        stored.sort();
        known.sort();
        assert_eq!(stored, known, "{}", shape.name);
        for column in shape.columns {
            check_column(&setting, &mut database, shape, *column).await;
        }
    }
    verify(&setting, &[], 0);
    setting.finish().await;
}

#[tokio::test]
async fn dates_and_words_that_are_none_are_named() {
    let setting = folded("strange").await;
    let mut database = corrupter(&setting).await;
    let row = format!("order_id = {}", id(20_004));
    for (column, value, shown) in [
        ("placed_at", "'0000-00-00'", "0000-00-00 00:00:00.000000"),
        ("status", "'cancelled'", "cancelled"),
        ("status", "''", ""),
        ("user_id", "'alice '", "alice "),
        ("user_id", "'ALICE'", "ALICE"),
        ("quantity", "-9223372036854775808", "-9223372036854775808"),
    ] {
        execute(&mut database, &format!("UPDATE orders SET {column} = {value} WHERE {row}")).await;
        let answer = verify(&setting, &[], 1);
        let found = differences(&answer, "orders");
        assert_eq!(found.len(), 1, "{answer:#}");
        assert_eq!((&found[0]["column"], &found[0]["found"]), (&column.into(), &shown.into()), "{answer:#}");
        mend(&mut database, "orders").await;
    }
    setting.finish().await;
}
