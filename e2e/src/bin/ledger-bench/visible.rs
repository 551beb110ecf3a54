//! From a POST to the order in `GET`: one client, nothing else going on.
//!
//! It must never have two requests under way. Read `wait` for many.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::ledger::Ledger;
use serde_json::{Value, json};

const WARM_UP_COUNT: usize = 200;
const ORDER_COUNT: usize = 2_000;
const LIMIT: Duration = Duration::from_secs(5);

pub(crate) async fn run() -> Result<Value> {
    let ledger = Ledger::start("benchvisible").await?;
    let (gateway, _, _) = ledger.clients()?;
    gateway.receive("p", 1_000_000).await?;
    let mut acknowledged = Vec::new();
    let mut visible = Vec::new();
    for nth in 0..WARM_UP_COUNT + ORDER_COUNT {
        let body = json!({ "userId": "u", "productId": "p", "quantity": 1, "unitPrice": 1 });
        let begin = Instant::now();
        let placed = gateway.post("/orders", &[], &body).await?;
        ensure!(placed.status == 202, "{placed:?}");
        let answered = begin.elapsed();
        let path = format!("/orders/{}", placed.text("orderId"));
        while gateway.get(&path).await?.status != 200 {
            ensure!(begin.elapsed() < LIMIT, "{path} does not become visible");
        }
        if nth >= WARM_UP_COUNT {
            acknowledged.push(answered);
            visible.push(begin.elapsed());
        }
    }
    ledger.finish().await?;
    Ok(json!({
        "orders": ORDER_COUNT,
        "POST to 202, median ms": percentile(&mut acknowledged, 50),
        "POST to 202, p99 ms": percentile(&mut acknowledged, 99),
        "POST to visible in GET, median ms": percentile(&mut visible, 50),
        "POST to visible in GET, p99 ms": percentile(&mut visible, 99),
    }))
}

/// In milliseconds, with two decimals.
pub(crate) fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(at).map_or(0.0, |time| (time.as_secs_f64() * 100_000.0).round() / 100.0)
}
