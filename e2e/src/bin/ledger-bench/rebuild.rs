//! A rebuild beside LOAD DATA and the index build of the same rows, in the same run: and the longest that a query or an
//! order had to wait while the tables were swapped.
//!
//! It must never compare figures of two runs. Read `main` for how they are shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::client::Client;
use e2e::ledger::Ledger;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, MySqlPool};
use tokio::task::JoinHandle;
use xtask::process::OwnedProcess;
use xtask::state_dir::temporary_folder;

use crate::fold::{PRODUCT_COUNT, append_backlog, peak_memory_mib};

/// Far below what any machine folds, so that only something that hangs reaches it.
const SLOWEST_PER_SECOND: u64 = 5_000;
/// Around the swap, what counts as in it.
const WINDOW: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(2);
const SETTLE_LIMIT: Duration = Duration::from_secs(20);

pub(crate) async fn run(events: i64) -> Result<Value> {
    let limit = Duration::from_secs(60 + u64::try_from(events)? / SLOWEST_PER_SECOND);
    let mut ledger = Ledger::start("benchrebuild").await?;
    ledger.projector.process.terminate(Duration::from_secs(15))?;
    let (brokers, topic) = (ledger.servers.brokers.clone(), ledger.topic("orders"));
    tokio::task::spawn_blocking(move || append_backlog(&brokers, &topic, events)).await??;
    let pool = ledger.database().await?;
    ledger.projector.restart()?;
    until(&pool, "SELECT CAST(SUM(next_offset) AS SIGNED) FROM positions", limit, |sum| sum >= events + PRODUCT_COUNT)
        .await?;
    until(&pool, "SELECT COUNT(*) FROM outbox", limit, |rows| rows == 0).await?;
    settle(&pool).await?;

    let process = ledger.start_command(&["rebuild", "--output", "json"])?;
    let probes = tokio::spawn(probe(Arc::new(ledger.clients()?.0), pool.clone(), limit));
    let (summary, memory) = until_done(&process, limit).await?;
    let pauses = probes.await??;
    ensure!(summary["outcome"] == "swapped" && summary["firstDifferences"] == json!([]), "{summary:#}");
    // Beside the rebuild, the projector was idle; beside LOAD DATA it is, too.
    settle(&pool).await?;
    let loading = load_data_time(&pool, events).await?;
    ledger.finish().await?;
    Ok(figures(events, &summary, loading, memory, &pauses))
}

fn figures(events: i64, summary: &Value, loading: Duration, memory: u64, pauses: &Pauses) -> Value {
    let phase = |names: &[&str]| -> Duration {
        let phases = summary["phases"].as_array().into_iter().flatten();
        let named = phases.filter(|phase| names.iter().any(|name| phase["phase"] == *name));
        Duration::from_millis(named.filter_map(|phase| phase["milliseconds"].as_u64()).sum())
    };
    let (load, index) = (phase(&["load"]), phase(&["index"]));
    let built = load + index;
    let count = f64::from(u32::try_from(events).unwrap_or(u32::MAX));
    let per_second = |time: Duration| (count / time.as_secs_f64()).round();
    json!({
        "events": events,
        "rebuild (load, index), events/s": per_second(built),
        "rebuild, load alone, events/s": per_second(load),
        "rebuild, index s": two(index.as_secs_f64()),
        "rebuild, catch-up and comparison s": two(phase(&["catch-up", "compare", "swap"]).as_secs_f64()),
        "LOAD DATA and index build, events/s": per_second(loading),
        "rebuild / LOAD DATA": two(loading.as_secs_f64() / built.as_secs_f64()),
        "rebuild's peak memory, MiB": memory,
        "the swap's statement, ms": summary["swapMilliseconds"],
        "the swap's attempts": summary["swapAttempts"],
        "longest query in the swap, ms": milliseconds(pauses.query.inside),
        "longest query before it, ms": milliseconds(pauses.query.outside),
        "longest POST to 202 in the swap, ms": milliseconds(pauses.order.inside),
        "longest POST to 202 before it, ms": milliseconds(pauses.order.outside),
        "longest POST to 201 in the swap, ms": milliseconds(pauses.decided.inside),
        "longest POST to 201 before it, ms": milliseconds(pauses.decided.outside),
    })
}

pub(crate) fn two(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn milliseconds(time: Duration) -> f64 {
    two(time.as_secs_f64() * 1000.0)
}

/// Waits until a number in the database is as it should be.
pub(crate) async fn until(
    pool: &MySqlPool,
    sql: &'static str,
    limit: Duration,
    holds: impl Fn(i64) -> bool,
) -> Result<()> {
    let begin = Instant::now();
    loop {
        let found: i64 = sqlx::query_scalar(sql).fetch_one(pool).await?;
        if holds(found) {
            return Ok(());
        }
        ensure!(begin.elapsed() < limit, "{sql}: still {found} after {limit:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Has the server write back what an earlier part left dirty, so that the next one does not pay for it. Only so long:
/// others may be using the server.
async fn settle(pool: &MySqlPool) -> Result<()> {
    let before: f64 = sqlx::query_scalar("SELECT CAST(@@innodb_max_dirty_pages_pct AS DOUBLE)").fetch_one(pool).await?;
    let set = |percent: f64| AssertSqlSafe(format!("SET GLOBAL innodb_max_dirty_pages_pct = {percent}"));
    sqlx::raw_sql(set(0.0)).execute(pool).await?;
    let dirty = "SELECT CAST(VARIABLE_VALUE AS SIGNED) FROM information_schema.GLOBAL_STATUS \
                 WHERE VARIABLE_NAME = 'INNODB_BUFFER_POOL_PAGES_DIRTY'";
    // What is not settled in time only makes the figures worse.
    let _ = until(pool, dirty, SETTLE_LIMIT, |pages| pages < 500).await;
    sqlx::raw_sql(set(before)).execute(pool).await?;
    Ok(())
}

/// Waits for the command; gives its summary and the most memory that it had.
pub(crate) async fn until_done(process: &OwnedProcess, limit: Duration) -> Result<(Value, u64)> {
    let begin = Instant::now();
    let mut memory = 0;
    let status = loop {
        if let Some(status) = process.try_wait()? {
            break status;
        }
        // It may just have ended.
        memory = memory.max(peak_memory_mib(process.pid()).unwrap_or(0));
        ensure!(begin.elapsed() < limit, "the command took longer than {limit:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let said = std::fs::read_to_string(process.log().context("it has a log")?)?;
    ensure!(status.success(), "the command failed: {said}");
    let start = said.find("\n{\n").context("no summary")?;
    let summary = serde_json::Deserializer::from_str(&said[start..]).into_iter().next().context("no summary")??;
    Ok((summary, memory))
}

/// The longest of one kind of request: of those that overlap the window around the swap, and of the others.
#[derive(Debug, Default)]
struct Longest {
    inside: Duration,
    outside: Duration,
}

#[derive(Debug, Default)]
struct Pauses {
    query: Longest,
    order: Longest,
    decided: Longest,
}

/// When a request began and how long it took.
type Request = (Instant, Duration);

/// Asks and orders from the end of the load until a moment after the swap: not before, so that the load's speed is its
/// own.
async fn probe(gateway: Arc<Client>, pool: MySqlPool, limit: Duration) -> Result<Pauses> {
    let loaded = "SELECT COUNT(*) FROM generations WHERE phase IN ('catch-up', 'compare', 'swap', 'done') AND started_at IS NOT NULL";
    until(&pool, loaded, limit, |rows| rows > 0).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let query = repeat(&stop, &gateway, |gateway: Arc<Client>, nth| async move {
        let path = if nth % 2 == 0 { "/stock/product-1" } else { "/users/user-7/orders" };
        Ok(gateway.get(path).await?.status == 200)
    });
    let order = repeat(&stop, &gateway, move |gateway: Arc<Client>, nth| async move {
        Ok(gateway.post("/orders", &[], &body(nth)).await?.status == 202)
    });
    let decided = repeat(&stop, &gateway, move |gateway: Arc<Client>, nth| async move {
        Ok(gateway.post("/orders", &[("prefer", "wait=10")], &body(nth)).await?.status == 201)
    });
    let swapped = swap_time(&pool, limit).await;
    tokio::time::sleep(WINDOW).await;
    stop.store(true, Ordering::Release);
    let window = swapped?;
    Ok(Pauses {
        query: longest(&query.await??, window),
        order: longest(&order.await??, window),
        decided: longest(&decided.await??, window),
    })
}

fn body(nth: u64) -> Value {
    let product = format!("product-{}", nth % PRODUCT_COUNT.unsigned_abs());
    json!({ "userId": "probe", "productId": product, "quantity": 1, "unitPrice": 1 })
}

/// One request after the other, until `stop`; each has to be answered as it should be.
fn repeat<F, A>(stop: &Arc<AtomicBool>, gateway: &Arc<Client>, request: F) -> JoinHandle<Result<Vec<Request>>>
where
    F: Fn(Arc<Client>, u64) -> A + Send + 'static,
    A: Future<Output = Result<bool>> + Send,
{
    let (stop, gateway) = (stop.clone(), gateway.clone());
    tokio::spawn(async move {
        let mut requests = Vec::new();
        let mut nth = 0;
        while !stop.load(Ordering::Acquire) {
            let begin = Instant::now();
            ensure!(request(gateway.clone(), nth).await?, "a request was not answered as it should be");
            requests.push((begin, begin.elapsed()));
            nth += 1;
            tokio::time::sleep(PAUSE).await;
        }
        Ok(requests)
    })
}

/// When the old generation was last seen, and the new one first.
async fn swap_time(pool: &MySqlPool, limit: Duration) -> Result<(Instant, Instant)> {
    let begin = Instant::now();
    let mut last_old = begin;
    let live = "SELECT MAX(generation) FROM positions";
    let old: i32 = sqlx::query_scalar(live).fetch_one(pool).await?;
    loop {
        let sent = Instant::now();
        let found: i32 = sqlx::query_scalar(live).fetch_one(pool).await?;
        if found != old {
            return Ok((last_old, Instant::now()));
        }
        last_old = sent;
        ensure!(begin.elapsed() < limit, "nothing was swapped within {limit:?}");
        tokio::time::sleep(PAUSE).await;
    }
}

fn longest(requests: &[Request], (from, to): (Instant, Instant)) -> Longest {
    let mut found = Longest::default();
    for (begin, took) in requests {
        let inside = *begin + *took + WINDOW / 4 >= from && *begin <= to + WINDOW / 4;
        let kind = if inside { &mut found.inside } else { &mut found.outside };
        *kind = (*kind).max(*took);
    }
    found
}

/// The same rows, in log order, into an empty table without secondary indexes, by one statement that reads a file on
/// the server; then the indexes.
async fn load_data_time(pool: &MySqlPool, events: i64) -> Result<Duration> {
    let folder = temporary_folder("load")?;
    let file = folder.path().join("orders.tsv");
    sqlx::raw_sql(AssertSqlSafe(format!(
        "SELECT HEX(order_id), kafka_partition, line_no, kafka_offset, user_id, product_id, quantity, unit_price, \
         total_price, status, placed_at INTO OUTFILE '{}' CHARACTER SET utf8mb4 FROM orders WHERE user_id <> 'probe' \
         ORDER BY kafka_offset, kafka_partition",
        file.display()
    )))
    .execute(pool)
    .await?;
    let prepare = "CREATE TABLE orders_loaded LIKE orders; ALTER TABLE orders_loaded DROP KEY orders_listed";
    sqlx::raw_sql(prepare).execute(pool).await?;
    let begin = Instant::now();
    sqlx::raw_sql(AssertSqlSafe(format!(
        "LOAD DATA INFILE '{}' INTO TABLE orders_loaded CHARACTER SET utf8mb4 (@id, kafka_partition, line_no, kafka_offset, \
         user_id, product_id, quantity, unit_price, total_price, status, placed_at) SET order_id = UNHEX(@id)",
        file.display()
    )))
    .execute(pool)
    .await?;
    sqlx::raw_sql(
        "ALTER TABLE orders_loaded ADD KEY orders_listed (user_id, listed_at, kafka_partition, kafka_offset, line_no)",
    )
    .execute(pool)
    .await?;
    let taken = begin.elapsed();
    let loaded: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM orders_loaded").fetch_one(pool).await?;
    ensure!(loaded == events, "{loaded} rows were loaded");
    Ok(taken)
}
