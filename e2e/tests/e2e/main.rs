//! End to end, on real servers, through the gateway: what a user and an operator see. Each test has a ledger of its own
//! and ends with the auditor. They must never look at what only the projector knows: its outbox, but for being empty.

mod bad_input;
mod chocolate;
mod contract;
mod faults;
mod fight;
mod gateway;
mod own_server;
mod race;
mod read_only;
mod rebuild;
mod replica;
mod shop;
mod strangers;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::auditor::{Report, audit};
use e2e::client::{Answer, Client};
use e2e::ledger::Ledger;
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
    let pool = ledger.database().await?;
    let begin = Instant::now();
    loop {
        let (code, output) = ledger.run(&["status", "--output", "json"]).await?;
        let is_folded = code == 0 && serde_json::from_str::<Value>(&output).is_ok_and(|status| status["lag"] == 0);
        let unpublished: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM outbox").fetch_one(&pool).await?;
        if is_folded && unpublished == 0 {
            break;
        }
        ensure!(begin.elapsed() < Duration::from_secs(60), "no rest: {unpublished} outbox rows, {code} {output}");
    }
    let report = audit(&ledger.servers.brokers, &ledger.topics(), &pool).await?;
    ensure!(report.differences.is_empty(), "{:#?}", report.differences);
    Ok(report)
}
