//! `ledger verify`: every column of every table that the log decides is corrupted once, by SQL, and has to be named. And tables
//! that are right have to be called right, whatever records are in the log, and while a projector writes them.

mod columns;
mod generations;
mod lines;
mod live;
mod rows;

use std::process::Output;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor, MySqlConnection};

use crate::setting::{Append, LIMIT, PARTITIONS, Setting, code, order, product_in, receipt, stderr};

/// The tables that the log decides.
const TABLES: [&str; 7] =
    ["orders", "stock_movements", "stock", "reservations", "open_orders", "dead_letters", "positions"];
/// More than two batches of `verify`, so that repeated ids are found across batches.
const MANY: u128 = 9_000;

/// `ledger verify` and its answer.
fn verify(setting: &Setting, args: &[&str], exit: i32) -> Value {
    let output = setting.ledger(&[&["verify", "--output", "json"], args].concat());
    answer(&output, exit)
}

fn answer(output: &Output, exit: i32) -> Value {
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(code(output), exit, "{said}\n{}", stderr(output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn adjustment(id: u128, product: &str, delta: i64) -> String {
    let id = uuid::Uuid::from_u128(id);
    format!(
        r#"{{"type":"StockAdjusted","version":1,"movement_id":"{id}","product_id":"{product}","delta":{delta},"reason":"caf\u00e9 count","occurred_at":"2026-11-23T11:00:00.5Z"}}"#
    )
}

type Appender = ThreadedProducer<DefaultProducerContext>;

fn appender(setting: &Setting) -> Appender {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", setting.variable("LEDGER_KAFKA_BROKERS")).set("enable.idempotence", "true");
    config.create().expect("a producer")
}

/// Appends events of one product, all at once.
fn append_many(setting: &Setting, appender: &Appender, product: &str, events: impl Iterator<Item = String>) {
    let topic = setting.topic("orders");
    for event in events {
        let record = BaseRecord::to(&topic).partition(crate::setting::partition_of(product)).key(product);
        appender.send(record.payload(&event)).map_err(|(error, _)| error).expect("room");
    }
    appender.flush(LIMIT).expect("delivered");
}

/// The product that has a record of every kind about it.
fn bar() -> String {
    product_in(1, "bar")
}

/// A ledger with every kind of record, folded; nobody writes any more. Partition 1 ends with a confirmed order of `bar`.
async fn folded(purpose: &str) -> Setting {
    let setting = Setting::migrated(purpose);
    let (projector, appender) = (setting.project(), appender(&setting));
    let (bar, many, other) = (bar(), product_in(3, "many"), product_in(1, "other"));
    append_many(
        &setting,
        &appender,
        &many,
        (0..MANY).map(|n| if n == 0 { receipt(1, &many, 6_000) } else { order(n, &many, 1) }),
    );
    // Of the first batch: the same again, with other contents, and a movement.
    let repeated = [order(5, &many, 1), order(6, &many, 2), order(8_999, &many, 1), receipt(1, &many, 6_000)];
    append_many(&setting, &appender, &many, repeated.into_iter());
    setting.append_event(&bar, &order(20_000, &bar, 1)).await; // unknown product
    for event in [receipt(20_001, &bar, 10), adjustment(20_002, &bar, -2), adjustment(20_003, &bar, -100)] {
        setting.append_event(&bar, &event).await;
    }
    for event in [order(20_004, &bar, 3), order(20_004, &bar, 3), order(20_004, &bar, 4), order(20_005, &bar, 50)] {
        setting.append_event(&bar, &event).await;
    }
    setting.append_event(&bar, &receipt(20_006, &bar, 9_007_199_254_740_991)).await; // stock-overflow
    setting.append_event(&other, &receipt(20_007, &other, 1)).await;
    setting.append_event(&other, &order(20_008, &other, 1)).await;
    let headers: &[(&str, Option<&[u8]>)] = &[("ce_id", Some(b"\0\xff")), ("ce_id", None), ("\u{e9}", Some(b""))];
    let large = [b"\xfe\0' ".repeat(100), vec![b'x'; 300_000]].concat();
    let misplaced = order(20_009, &bar, 1);
    for (key, value) in [
        (Some(&b"\xff\0"[..]), Some(&b"\xffno JSON"[..])),
        (Some(&b"\xff\0".repeat(200)[..]), Some(&large[..])),
        (None, None),
        (Some(b""), Some(b"")),
        (Some(b"wrong"), Some(misplaced.as_bytes())),
        (Some(bar.as_bytes()), Some(misplaced.as_bytes())),
    ] {
        setting.append(Append { partition: 2, key, value, headers }).await;
    }
    let last = setting.append_event(&bar, &order(20_010, &bar, 1)).await;
    setting.folded_to(1, last + 1).await;
    setting.folded_to(2, 6).await;
    setting.folded_to(3, i64::try_from(MANY).expect("a small number") + 4).await;
    assert_eq!(projector.stop().0, 0);
    setting
}

/// A connection that may write what no constraint allows.
async fn corrupter(setting: &Setting) -> MySqlConnection {
    let mut database = setting.database().await;
    execute(&mut database, "SET SESSION check_constraint_checks = 0, sql_mode = ''").await;
    for table in TABLES {
        execute(&mut database, &format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await;
    }
    database
}

async fn execute(database: &mut MySqlConnection, sql: &str) -> u64 {
    database.execute(AssertSqlSafe(sql)).await.unwrap_or_else(|error| panic!("{sql}: {error}")).rows_affected()
}

/// Puts a table back as it was.
async fn mend(database: &mut MySqlConnection, table: &str) {
    execute(database, &format!("DELETE FROM {table}")).await;
    execute(database, &format!("INSERT INTO {table} SELECT * FROM kept_{table}")).await;
}

/// What was found in a table, as JSON has it.
fn differences<'a>(found: &'a Value, table: &str) -> Vec<&'a Value> {
    let first = found["first"].as_array().expect("a list");
    first.iter().filter(|difference| difference["table"] == table).collect()
}

fn counts<'a>(found: &'a Value, table: &str) -> &'a Value {
    found["tables"].as_array().expect("a list").iter().find(|counts| counts["table"] == table).expect("the table")
}

#[tokio::test]
async fn tables_that_are_right_are_called_right_whatever_the_log_holds() {
    let setting = folded("verified").await;
    let found = verify(&setting, &[], 0);
    assert_eq!(
        (&found["first"], &found["more"], &found["gaveUp"]),
        (&Value::Array(Vec::new()), &false.into(), &false.into())
    );
    // Every record but the duplicates has a row of its own.
    let log = i64::try_from(MANY).expect("a small number") + 4 + 12 + 6;
    assert_eq!((&found["records"], &found["duplicates"]), (&log.into(), &4.into()));
    for table in TABLES {
        let stored = setting.number(&format!("SELECT COUNT(*) FROM {table}")).await;
        assert_eq!(counts(&found, table)["compared"], stored, "{table}");
    }
    let decided = ["orders", "stock_movements", "dead_letters"].map(|table| counts(&found, table)["compared"].as_i64());
    assert_eq!(decided.into_iter().flatten().sum::<i64>(), log - 4);

    let output = setting.ledger(&["verify", "--output", "table"]);
    let text = String::from_utf8(output.stdout.clone()).expect("text");
    assert_eq!(text.lines().last(), Some("the tables are what the log says"), "{text}");
    let sampled = verify(&setting, &["--sample", "100"], 0);
    assert_eq!(sampled["records"], 100 + 12 + 6);
    // `bar`, `other`, `many`.
    assert_eq!(sampled["products"], 3);
    setting.finish().await;
}

#[tokio::test]
async fn what_cannot_be_verified_is_refused_by_name() {
    let setting = Setting::migrated("unverified");
    let says = |args: &[&str], further: &[(&str, &str)], exit: i32| {
        let output = setting.ledger_with(&[&["verify"], args].concat(), further);
        assert_eq!(code(&output), exit, "{}", stderr(&output));
        crate::setting::last_line(&output)
    };
    assert!(says(&[], &[], 1).contains("there are no positions of topic"), "{}", says(&[], &[], 1));
    let projector = setting.project();
    setting.append_event(&bar(), &receipt(1, &bar(), 1)).await;
    setting.folded_to(1, 1).await;
    assert_eq!(projector.stop().0, 0);
    assert!(!says(&["--limit", "0"], &[], 2).is_empty());
    assert!(says(&[], &[("LEDGER_READER_DATABASE_URL", "mysql://u:p@127.0.0.1:1/d")], 3).contains("cannot be reached"));
    assert!(says(&[], &[("LEDGER_ORDERS_TOPIC", "nowhere")], 1).contains("topic nowhere does not exist"));
    let absent = setting.topic("outcomes");
    assert!(says(&[], &[("LEDGER_ORDERS_TOPIC", &absent)], 1).contains("there are no positions of topic"));
    // The same name, the same records, another topic.
    setting.delete_topic(&setting.topic("orders")).await;
    setting.create_topic(&setting.topic("orders"), PARTITIONS, &[]).await;
    setting.append_event(&bar(), &receipt(1, &bar(), 1)).await;
    let said = says(&[], &[], 1);
    assert!(said.contains("was recreated"), "{said}");
    setting.finish().await;
}

#[tokio::test]
async fn a_log_without_its_beginning_is_refused() {
    let setting = folded("beheaded").await;
    setting.delete_records(1, 2).await;
    for args in [&["verify"][..], &["verify", "--sample", "5"], &["stock"], &["stock", "--explain", &bar()]] {
        let output = setting.ledger(args);
        assert_eq!(code(&output), 1, "{args:?}");
        let said = crate::setting::last_line(&output);
        assert!(
            said.contains("the beginning of topic") && said.ends_with("expected first offset 0, found 2"),
            "{said}"
        );
    }
    setting.finish().await;
}
