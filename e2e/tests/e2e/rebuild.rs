//! Rebuilds of the whole system while clients order: the tables are swapped under services and projector, a rebuild is
//! killed where it hurts, the database is lost. Each test ends with the auditor, and with `ledger verify`. It must
//! never decide by itself what the tables should hold. Read `shop` for the clients.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::ledger::Ledger;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use sqlx::MySqlPool;

use super::shop::{ALSO_LOST, NEVER_OLDER, Shop};
use super::{audit_at_rest, run};

/// Records that stand in the log before a rebuild, so that it takes a while.
const OLD_COUNT: u64 = 40_000;
const LIMIT: Duration = Duration::from_secs(60);

/// Appends receipts and orders of both versions of the event, past the services, and waits until they are folded.
async fn fill(ledger: &Ledger) -> Result<()> {
    let (brokers, topic) = (ledger.servers.brokers.clone(), ledger.topic("orders"));
    tokio::task::spawn_blocking(move || append_old(&brokers, &topic)).await??;
    let pool = ledger.database().await?;
    until(&pool, "SELECT CAST(SUM(next_offset) AS SIGNED) FROM positions", |sum| Ok(sum >= i64::try_from(OLD_COUNT)?))
        .await
}

fn append_old(brokers: &str, topic: &str) -> Result<()> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("partitioner", "murmur2_random")
        .set("queue.buffering.max.messages", "200000")
        .create()?;
    for nth in 0..OLD_COUNT {
        let product = format!("old-{}", nth % 40);
        let id = format!("00000000-0000-4000-8000-{nth:012}");
        let (version, channel) = if nth.is_multiple_of(2) { (1, "") } else { (2, r#","channel":"till-3""#) };
        let value = if nth < 40 {
            format!(
                r#"{{"type":"StockReceived","version":1,"movement_id":"{id}","product_id":"{product}","quantity":1000,"occurred_at":"2026-11-23T10:00:00Z"}}"#
            )
        } else {
            format!(
                r#"{{"type":"OrderPlaced","version":{version},"order_id":"{id}","user_id":"old","product_id":"{product}","quantity":1,"unit_price":2,"total_price":2,"placed_at":"2026-11-23T10:00:00Z"{channel}}}"#
            )
        };
        let record = BaseRecord::to(topic).key(&product).payload(&value);
        producer.send(record).map_err(|(error, _)| error)?;
    }
    Ok(producer.flush(LIMIT)?)
}

/// Reads the database until `holds`, with an end.
async fn until(pool: &MySqlPool, sql: &'static str, holds: impl Fn(i64) -> Result<bool>) -> Result<()> {
    let begin = Instant::now();
    loop {
        let found: Option<i64> = sqlx::query_scalar(sql).fetch_optional(pool).await?.flatten();
        if holds(found.unwrap_or(0))? {
            return Ok(());
        }
        ensure!(begin.elapsed() < LIMIT, "{sql} is still {found:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn live_generation(pool: &MySqlPool) -> Result<i64> {
    Ok(sqlx::query_scalar("SELECT CAST(MAX(generation) AS SIGNED) FROM positions").fetch_one(pool).await?)
}

/// Runs a command that must succeed; returns what it printed.
async fn done(ledger: &Ledger, args: &[&str]) -> Result<String> {
    let (code, said) = ledger.run(args).await?;
    ensure!(code == 0, "ledger {args:?} ended with {code}: {said}");
    Ok(said)
}

/// Tables, topics and log agree, for the auditor as for `ledger verify`.
async fn all_is_right(ledger: &Ledger) -> Result<usize> {
    let report = audit_at_rest(ledger).await?;
    ensure!(report.parked_count == 0, "both versions of the event are folded: {report:?}");
    done(ledger, &["verify"]).await?;
    Ok(report.confirmed_count + report.rejected_count + report.cancelled_count)
}

#[test]
fn clients_order_while_tables_are_rebuilt_and_rolled_back() -> Result<()> {
    run(async {
        let ledger = Ledger::start("rebuild").await?;
        fill(&ledger).await?;
        let (pool, shop) = (ledger.database().await?, Shop::open(&ledger, NEVER_OLDER).await?);
        for generation in 2..=3 {
            done(&ledger, &["rebuild", "--yes"]).await?;
            ensure!(live_generation(&pool).await? == generation);
            // While orders flow: verify folds to the positions of the moment.
            done(&ledger, &["verify"]).await?;
        }
        done(&ledger, &["rollback", "--yes"]).await?;
        ensure!(live_generation(&pool).await? == 2, "the newest before the third");
        let placed = shop.close("rebuild").await?;
        let decided = all_is_right(&ledger).await?;
        ensure!(decided == placed + usize::try_from(OLD_COUNT - 40)?, "{placed} placed, {decided} decided");
        let status = done(&ledger, &["status", "--output", "json"]).await?;
        let status: serde_json::Value = serde_json::from_str(&status)?;
        ensure!(status["generation"] == 2 && status["rebuild"].is_null() && status["working"].is_null(), "{status:#}");
        let kept: Vec<_> = status["kept"].as_array().into_iter().flatten().map(|kept| &kept["generation"]).collect();
        ensure!(kept == [1, 3], "{status:#}");
        ledger.finish().await
    })
}

/// Where a rebuild is killed: what the table `generations` says of it. In the last, a reader keeps the swap waiting.
const MOMENTS: [&str; 3] = [
    "SELECT COUNT(*) FROM generations WHERE state = 'building'",
    "SELECT COUNT(*) FROM generations WHERE state = 'building' AND phase <> 'load'",
    "SELECT COUNT(*) FROM generations WHERE state = 'building' AND phase = 'swap'",
];

#[test]
fn a_rebuild_that_is_killed_leaves_the_live_tables_and_is_resumed() -> Result<()> {
    run(async {
        let ledger = Ledger::start("killed").await?;
        fill(&ledger).await?;
        let (pool, shop) = (ledger.database().await?, Shop::open(&ledger, NEVER_OLDER).await?);
        for (nth, moment) in (1..).zip(MOMENTS) {
            let mut reader = Box::pin(pool.begin()).await?;
            sqlx::query("SELECT * FROM orders LIMIT 1").execute(&mut *reader).await?;
            let rebuild = ledger.start_command(&["rebuild", "--yes"])?;
            until(&pool, moment, |found| {
                let log = || rebuild.log().and_then(|log| std::fs::read_to_string(log).ok());
                ensure!(found > 0 || rebuild.is_running(), "{moment}: it ended: {:?}", log());
                Ok(found > 0)
            })
            .await
            .with_context(|| format!("kill {nth}"))?;
            rebuild.kill()?;
            // Only then may the tables be had: a RENAME that was sent is executed, whether or not its sender lives.
            guard_is_free(&pool).await?;
            reader.rollback().await?;
            ensure!(live_generation(&pool).await? == 1, "kill {nth} left the live tables");
            let status: serde_json::Value =
                serde_json::from_str(&done(&ledger, &["status", "--output", "json"]).await?)?;
            let rebuild = &status["rebuild"];
            ensure!(rebuild["generation"] == 2 && rebuild["running"] == false, "kill {nth}: {status:#}");
        }
        let said = done(&ledger, &["rebuild", "--yes"]).await?;
        ensure!(said.contains(r#""resumedFrom": "swap""#), "{said}");
        ensure!(live_generation(&pool).await? == 2, "no run began anew: {said}");
        let placed = shop.close("killed").await?;
        let decided = all_is_right(&ledger).await?;
        ensure!(decided == placed + usize::try_from(OLD_COUNT - 40)?, "{placed} placed, {decided} decided");
        ledger.finish().await
    })
}

/// The server takes a moment to notice that a client died.
async fn guard_is_free(pool: &MySqlPool) -> Result<()> {
    until(pool, "SELECT IS_FREE_LOCK(CONCAT('ledger.rebuild.', DATABASE()))", |free| Ok(free == 1)).await
}

#[test]
fn the_database_is_lost_while_clients_order_and_comes_back_from_the_log() -> Result<()> {
    run(async {
        let mut ledger = Ledger::start("lost").await?;
        fill(&ledger).await?;
        let (pool, shop) = (ledger.database().await?, Shop::open(&ledger, ALSO_LOST).await?);
        // In the middle of its work: what it has not published yet stands in no table any more.
        ledger.projector.process.kill()?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("DROP DATABASE `{}`", ledger.name))).execute(&pool).await?;
        pool.close().await;
        done(&ledger, &["migrate"]).await?;
        done(&ledger, &["rebuild", "--yes"]).await?;
        ledger.projector.restart()?;
        ledger.projector.wait_ready()?;
        let (_, service_a, service_b) = ledger.clients()?;
        for service in [service_a, service_b] {
            // Also those connections that a service had before see the new tables.
            let shown = super::until(&service, "/stock/p0", |answer| answer.status == 200).await?;
            ensure!(shown.body["available"].is_i64(), "{shown:?}");
        }
        let placed = shop.close("lost").await?;
        let decided = all_is_right(&ledger).await?;
        ensure!(decided == placed + usize::try_from(OLD_COUNT - 40)?, "{placed} placed, {decided} decided");
        ledger.finish().await
    })
}
