//! End to end, on real servers, through the gateway: what a user and an operator see. Each test has a ledger of its own
//! and ends with the auditor. They must never look at what only the projector knows: its outbox, but for being empty.

mod bad_input;
mod bad_lines;
mod basket;
mod cancel;
mod chocolate;
mod clients;
mod contract;
mod faults;
mod fight;
mod gateway;
mod hold;
mod observability;
mod own_kafka;
mod own_server;
mod race;
mod read_only;
mod rebuild;
mod replica;
mod secured;
mod secured_kafka;
mod shop;
mod strangers;
mod streams;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::auditor::{Report, audit};
use e2e::client::{Answer, Client};
use e2e::ledger::Ledger;
use e2e::rest;
use serde_json::{Value, json};

/// A runtime per test: the ledger's processes are started and stopped outside of it.
fn run(test: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(test)
}

fn order(user: &str, product: &str, quantity: i64) -> Value {
    json!({ "userId": user, "productId": product, "quantity": quantity, "unitPrice": 150 })
}

/// Sends until `wanted` holds, with an end.
async fn until(client: &Client, path: &str, wanted: impl Fn(&Answer) -> bool) -> Result<Answer> {
    let begin = Instant::now();
    loop {
        let answer = client.get(path).await?;
        if wanted(&answer) {
            return Ok(answer);
        }
        ensure!(begin.elapsed() < Duration::from_secs(30), "{path} was last answered {answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until everything that is on the topic is folded and published, then audits.
async fn audit_at_rest(ledger: &Ledger) -> Result<Report> {
    let report = audit_with_strangers(ledger).await?;
    ensure!(report.groundless.is_empty(), "told by nobody who had to: {:#?}", report.groundless);
    Ok(report)
}

/// As [`audit_at_rest`], where others have put events between partitions on the log.
async fn audit_with_strangers(ledger: &Ledger) -> Result<Report> {
    let pool = ledger.database().await?;
    let begin = Instant::now();
    loop {
        // A hold that ends while the audit reads would be held in one table and expired in another.
        let moving: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM open_orders WHERE status = 'pending' OR due_at < UTC_TIMESTAMP() + INTERVAL 60 SECOND",
        )
        .fetch_one(&pool)
        .await?;
        let restless = rest::why_not(ledger, &pool).await?;
        if restless.is_none() && moving == 0 {
            break;
        }
        ensure!(begin.elapsed() < Duration::from_secs(60), "no rest: {moving} orders are to be decided, {restless:?}");
    }
    let report = audit(&ledger.servers.brokers, &ledger.topics(), &pool).await?;
    ensure!(report.differences.is_empty(), "{:#?}", report.differences);
    Ok(report)
}
