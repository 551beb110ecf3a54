//! The projector over a backlog, beside LOAD DATA of the same rows into the same table in the same run.
//!
//! It must never compare figures of two runs. Read `main` for how they are shown.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::ledger::Ledger;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, MySqlPool, Row};
use uuid::Uuid;
use xtask::state_dir::temporary_folder;

const ORDER_COUNT: i64 = 1_000_000;
pub(crate) const PRODUCT_COUNT: i64 = 100;
const USER_COUNT: i64 = 10_000;
const LIMIT: Duration = Duration::from_secs(300);

pub(crate) async fn run() -> Result<Value> {
    let mut ledger = Ledger::start("benchfold").await?;
    // The backlog is written while no projector runs.
    ledger.projector.process.terminate(Duration::from_secs(15))?;
    let (brokers, topic) = (ledger.servers.brokers.clone(), ledger.topic("orders"));
    tokio::task::spawn_blocking(move || append_backlog(&brokers, &topic, ORDER_COUNT)).await??;
    let pool = ledger.database().await?;
    ledger.projector.restart()?;
    let folding = fold_time(&pool, ORDER_COUNT + PRODUCT_COUNT).await?;
    let memory = peak_memory_mib(ledger.projector.process.pid())?;
    ledger.projector.process.terminate(Duration::from_secs(15))?;
    let stored: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM orders WHERE status = 'confirmed'").fetch_one(&pool).await?;
    ensure!(stored == ORDER_COUNT, "{stored} of {ORDER_COUNT} orders are confirmed");
    let loading = load_data_time(&pool).await?;
    ledger.projector.restart()?;
    ledger.projector.wait_ready()?;
    ledger.finish().await?;
    let per_second = |time: Duration| (1_000_000.0 / time.as_secs_f64()).round();
    let ratio = loading.as_secs_f64() / folding.as_secs_f64();
    Ok(json!({
        "orders": ORDER_COUNT,
        "fold, orders/s": per_second(folding),
        "LOAD DATA of the same rows, orders/s": per_second(loading),
        "fold / LOAD DATA": (ratio * 1000.0).round() / 1000.0,
        "projector's peak memory, MiB": memory,
    }))
}

/// Receipts that suffice, then the orders, as the services would append them.
pub(crate) fn append_backlog(brokers: &str, topic: &str, order_count: i64) -> Result<()> {
    let producer: ThreadedProducer<_> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("partitioner", "murmur2_random")
        .set("enable.idempotence", "true")
        .set("linger.ms", "20")
        .set("compression.type", "lz4")
        .set("queue.buffering.max.messages", "200000")
        .create_with_context(rdkafka::producer::DefaultProducerContext)?;
    for nth in 0..PRODUCT_COUNT {
        let product = format!("product-{nth}");
        let value = json!({ "type": "StockReceived", "version": 1, "movement_id": Uuid::new_v4(), "product_id": product,
            "quantity": order_count * 3, "occurred_at": "2026-11-23T10:00:00Z" });
        send(&producer, topic, Some(&product), &value.to_string())?;
    }
    producer.flush(LIMIT)?;
    for nth in 0..order_count {
        let (product, user) = (format!("product-{}", nth * 7919 % PRODUCT_COUNT), nth * 104_729 % USER_COUNT);
        let (quantity, price) = (1 + nth % 3, 100 + nth % 900);
        let value = format!(
            r#"{{"type":"OrderPlaced","version":1,"order_id":"{}","user_id":"user-{user}","product_id":"{product}","quantity":{quantity},"unit_price":{price},"total_price":{},"placed_at":"2026-11-23T10:00:00.{:06}Z"}}"#,
            Uuid::now_v7(),
            quantity * price,
            nth % 1_000_000
        );
        send(&producer, topic, Some(&product), &value)?;
    }
    producer.flush(LIMIT)?;
    ensure!(producer.in_flight_count() == 0, "the backlog could not be appended");
    Ok(())
}

pub(crate) fn send(
    producer: &ThreadedProducer<rdkafka::producer::DefaultProducerContext>,
    topic: &str,
    key: Option<&str>,
    value: &str,
) -> Result<()> {
    let mut record = BaseRecord::to(topic).payload(value);
    record.key = key;
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            // The queue is full: the producer's thread empties it.
            Err((error, back)) if error.rdkafka_error_code() == Some(rdkafka::types::RDKafkaErrorCode::QueueFull) => {
                record = back;
                std::thread::sleep(Duration::from_millis(5));
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}

/// From the first sight of a folded record to the last one, of so many.
pub(crate) async fn fold_time(pool: &MySqlPool, record_count: i64) -> Result<Duration> {
    let begin = Instant::now();
    let mut first = None;
    loop {
        let folded: i64 = sqlx::query_scalar("SELECT CAST(COALESCE(SUM(next_offset), 0) AS SIGNED) FROM positions")
            .fetch_one(pool)
            .await?;
        if folded > 0 && first.is_none() {
            first = Some(Instant::now());
        }
        if folded >= record_count {
            return Ok(first.unwrap_or(begin).elapsed());
        }
        ensure!(begin.elapsed() < LIMIT, "{folded} of {record_count} records were folded in {LIMIT:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn peak_memory_mib(pid: i32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM line")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1024)
}

/// The same rows, in log order, into an empty table like `orders`, by one statement that reads a file on the server.
async fn load_data_time(pool: &MySqlPool) -> Result<Duration> {
    let folder = temporary_folder("load")?;
    let file = folder.path().join("orders.tsv");
    let rows = sqlx::query(
        "SELECT HEX(order_id) AS id, kafka_partition, line_no, kafka_offset, user_id, product_id, quantity, unit_price, \
         total_price, CAST(placed_at AS CHAR) AS placed_at FROM orders ORDER BY kafka_offset, kafka_partition",
    )
    .fetch_all(pool)
    .await?;
    let mut text = String::new();
    for row in &rows {
        writeln!(
            text,
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\tconfirmed\t{}",
            row.try_get::<String, _>("id")?,
            row.try_get::<i32, _>("kafka_partition")?,
            row.try_get::<i16, _>("line_no")?,
            row.try_get::<i64, _>("kafka_offset")?,
            row.try_get::<String, _>("user_id")?,
            row.try_get::<String, _>("product_id")?,
            row.try_get::<i64, _>("quantity")?,
            row.try_get::<i64, _>("unit_price")?,
            row.try_get::<i64, _>("total_price")?,
            row.try_get::<String, _>("placed_at")?,
        )?;
    }
    drop(rows);
    fs::write(&file, text)?;
    sqlx::raw_sql("CREATE TABLE orders_loaded LIKE orders").execute(pool).await?;
    let begin = Instant::now();
    sqlx::raw_sql(AssertSqlSafe(format!(
        "LOAD DATA INFILE '{}' INTO TABLE orders_loaded CHARACTER SET utf8mb4 (@id, kafka_partition, line_no, kafka_offset, \
         user_id, product_id, quantity, unit_price, total_price, status, placed_at) SET order_id = UNHEX(@id)",
        file.display()
    )))
    .execute(pool)
    .await?;
    let taken = begin.elapsed();
    let loaded: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM orders_loaded").fetch_one(pool).await?;
    ensure!(loaded == ORDER_COUNT, "{loaded} rows were loaded");
    Ok(taken)
}
