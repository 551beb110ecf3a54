//! A hundred thousand open holds: what the projector takes of memory and processor while nothing happens, and how many rows the server reads for
//! it, beside the same projector without any.
//!
//! It must never measure while something is folded.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::ledger::Ledger;
use rdkafka::ClientConfig;
use rdkafka::producer::{Producer, ThreadedProducer};
use serde_json::{Map, Value, json};
use sqlx::MySqlPool;
use uuid::Uuid;

use crate::fold::{PRODUCT_COUNT, send};
use crate::processor::cpu_ticks;
use crate::rebuild::until;

const HOLDS: i64 = 100_000;
const HOLD_SECONDS: i64 = 86_400;
const IDLE: Duration = Duration::from_secs(20);
const SETTLED: Duration = Duration::from_secs(5);
const LIMIT: Duration = Duration::from_secs(120);

/// Of an idle projector.
struct Idle {
    memory_mib: f64,
    cpu_percent: f64,
    rows_per_second: f64,
}

pub(crate) async fn run() -> Result<Value> {
    let ledger = Ledger::start("benchholds").await?;
    let pool = ledger.database().await?;
    let pid = ledger.projector.process.pid();
    fill(&ledger, 0, &pool).await?;
    let without = idle(pid, &pool).await?;
    fill(&ledger, HOLDS, &pool).await?;
    let open: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM open_orders WHERE status = 'held'").fetch_one(&pool).await?;
    ensure!(open == HOLDS, "{open} of {HOLDS} orders are held");
    let with = idle(pid, &pool).await?;
    ledger.finish().await?;
    let mut figures = Map::new();
    figures.insert("open holds".to_owned(), json!(HOLDS));
    for (what, idle) in [("without a hold", without), ("with open holds", with)] {
        let two = |value: f64| json!((value * 100.0).round() / 100.0);
        figures.insert(format!("{what}, idle projector's memory, MiB"), two(idle.memory_mib));
        figures.insert(format!("{what}, idle projector's processor, % of one core"), two(idle.cpu_percent));
        figures.insert(format!("{what}, rows that the idle server reads, per s"), two(idle.rows_per_second));
    }
    Ok(Value::Object(figures))
}

/// Receipts that suffice, and so many orders that are held for a day; returns once all of it is folded and published.
async fn fill(ledger: &Ledger, holds: i64, pool: &MySqlPool) -> Result<()> {
    let now: String =
        sqlx::query_scalar("SELECT DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%dT%H:%i:%sZ')").fetch_one(pool).await?;
    let before: i64 = folded(pool).await?;
    let (brokers, topic) = (ledger.servers.brokers.clone(), ledger.topic("orders"));
    tokio::task::spawn_blocking(move || append(&brokers, &topic, holds, &now)).await??;
    let all = before + PRODUCT_COUNT + holds;
    until(pool, "SELECT CAST(COALESCE(SUM(next_offset), 0) AS SIGNED) FROM positions", LIMIT, |sum| sum >= all).await?;
    until(pool, "SELECT COUNT(*) FROM outbox", LIMIT, |rows| rows == 0).await
}

async fn folded(pool: &MySqlPool) -> Result<i64> {
    let sum = "SELECT CAST(COALESCE(SUM(next_offset), 0) AS SIGNED) FROM positions";
    Ok(sqlx::query_scalar(sum).fetch_one(pool).await?)
}

fn append(brokers: &str, topic: &str, holds: i64, placed_at: &str) -> Result<()> {
    let producer: ThreadedProducer<_> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("partitioner", "murmur2_random")
        .set("enable.idempotence", "true")
        .set("linger.ms", "20")
        .create_with_context(rdkafka::producer::DefaultProducerContext)?;
    for nth in 0..PRODUCT_COUNT {
        let product = format!("product-{nth}");
        let value = json!({ "type": "StockReceived", "version": 1, "movement_id": Uuid::new_v4(), "product_id": product,
            "quantity": 1_000_000, "occurred_at": placed_at });
        send(&producer, topic, Some(&product), &value.to_string())?;
    }
    producer.flush(LIMIT)?;
    for nth in 0..holds {
        let product = format!("product-{}", nth % PRODUCT_COUNT);
        let line = json!({ "line_no": 1, "product_id": product, "quantity": 1, "unit_price": 5, "total_price": 5 });
        let value = json!({ "type": "OrderPlaced", "version": 3, "order_id": Uuid::new_v4(), "user_id": format!("user-{nth}"),
            "lines": [line], "total_price": 5, "hold_seconds": HOLD_SECONDS, "placed_at": placed_at });
        send(&producer, topic, Some(&product), &value.to_string())?;
    }
    producer.flush(LIMIT)?;
    ensure!(producer.in_flight_count() == 0, "the orders could not be appended");
    Ok(())
}

async fn idle(pid: i32, pool: &MySqlPool) -> Result<Idle> {
    tokio::time::sleep(SETTLED).await;
    let (begin, ticks, rows) = (Instant::now(), cpu_ticks(pid)?, rows_read(pool).await?);
    tokio::time::sleep(IDLE).await;
    let (took, ticks, rows) = (begin.elapsed().as_secs_f64(), cpu_ticks(pid)? - ticks, rows_read(pool).await? - rows);
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS line")?;
    let resident_kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    let count = |number: i64| f64::from(i32::try_from(number).unwrap_or(i32::MAX));
    Ok(Idle {
        memory_mib: resident_kib / 1_024.0,
        // Linux counts a hundred ticks a second for whoever reads this file.
        cpu_percent: count(ticks) / took,
        rows_per_second: count(rows) / took,
    })
}

/// Of tables that are not temporary, since the server started (MariaDB has had no `Innodb_rows_read` since 10.6).
async fn rows_read(pool: &MySqlPool) -> Result<i64> {
    let row: (String, String) = sqlx::query_as("SHOW GLOBAL STATUS LIKE 'Rows_read'").fetch_one(pool).await?;
    Ok(row.1.parse()?)
}
