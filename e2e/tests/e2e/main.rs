//! End to end, on real servers, through the gateway: what a user and an operator see. Each test has a ledger of its own and
//! ends with the auditor.

mod bad_input;
mod chocolate;
mod faults;
mod fight;
mod gateway;

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

/// Asks until `wanted` holds, with an end.
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

/// Waits until the projector has folded everything that is on the topic, then audits.
async fn audit_at_rest(ledger: &Ledger) -> Result<Report> {
    let begin = Instant::now();
    loop {
        let (code, output) = ledger.run(&["status", "--output", "json"]).await?;
        let status = output.lines().find_map(|line| serde_json::from_str::<Value>(line).ok());
        let status = status.or_else(|| serde_json::from_str(&output).ok()).unwrap_or_default();
        if code == 0 && status["lag"] == 0 {
            break;
        }
        ensure!(begin.elapsed() < Duration::from_secs(60), "the projector does not come to rest: {code} {output}");
    }
    let report = audit(&ledger.servers.brokers, &ledger.topic("orders"), &ledger.database().await?).await?;
    ensure!(report.differences.is_empty(), "{:#?}", report.differences);
    Ok(report)
}
