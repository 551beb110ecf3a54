//! From a POST with `Prefer: wait` to its 201, through the gateway, under an even load: orders leave at fixed times
//! whether earlier ones were answered or not, and each time counts from when its order was due (no coordinated
//! omission).
//!
//! It must never wait for an answer before the next order is due. Read `main` for how the figures are shown.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::client::Client;
use e2e::ledger::{Ledger, Part};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::visible::percentile;

const ORDERS_PER_SECOND: u32 = 1_000;
const WARM_UP: Duration = Duration::from_secs(60);
const MEASURED: Duration = Duration::from_secs(10);
const PRODUCT_COUNT: u32 = 100;

/// Metrics of the services that show how the waits ended, and the name of each in the figures.
const COUNTED: [(&str, &str); 4] = [
    ("order_service_waits_total{ended_by=\"outcome\"}", "waits ended by an outcome"),
    ("order_service_waits_total{ended_by=\"projection\"}", "waits ended by the projection"),
    ("order_service_waits_total{ended_by=\"time-over\"}", "waits whose time was over"),
    ("order_service_projection_polls_total", "looks at the projection's positions"),
];

/// Metrics of the projector that show what stands between the append and the outcome: how often, and how long on the
/// average.
const STEPS: [(&str, &str); 2] = [
    ("ledger_transaction_seconds", "transactions of the fold"),
    ("ledger_relay_transaction_seconds", "transactions of the relays"),
];

pub(crate) async fn run() -> Result<Value> {
    let ledger = Ledger::start("benchwait").await?;
    let (gateway, _, _) = ledger.clients()?;
    for nth in 0..PRODUCT_COUNT {
        gateway.receive(&product(nth), 1_000_000).await?;
    }
    let gateway = Arc::new(gateway);
    load(&gateway, ORDERS_PER_SECOND, WARM_UP, one_line).await?;
    let services = [&ledger.service_a, &ledger.service_b];
    let (before, steps_before) = (counts(services).await?, steps(&ledger.projector).await?);
    let mut times = load(&gateway, ORDERS_PER_SECOND, MEASURED, one_line).await?;
    let (after, steps_after) = (counts(services).await?, steps(&ledger.projector).await?);
    ledger.finish().await?;
    let mut figures = json!({
        "orders": times.len(),
        "orders/s": ORDERS_PER_SECOND,
        "products": PRODUCT_COUNT,
        "POST to 201, median ms": percentile(&mut times, 50),
        "POST to 201, p90 ms": percentile(&mut times, 90),
        "POST to 201, p99 ms": percentile(&mut times, 99),
        "POST to 201, longest ms": percentile(&mut times, 100),
    });
    for (((_, name), before), after) in COUNTED.iter().zip(before).zip(after) {
        figures[*name] = json!(after - before);
    }
    for (((_, name), before), after) in STEPS.iter().zip(steps_before).zip(steps_after) {
        let (count, seconds) = (after.0 - before.0, after.1 - before.1);
        figures[format!("{name}/s")] = json!(count / MEASURED.as_secs_f64());
        figures[format!("{name}, mean ms")] = json!(seconds * 1_000.0 / count.max(1.0));
    }
    Ok(figures)
}

/// Count and sum of each of [`STEPS`].
async fn steps(projector: &Part) -> Result<[(f64, f64); STEPS.len()]> {
    let text = reqwest::get(format!("http://{}/metrics", projector.address)).await?.text().await?;
    let value = |metric: &str, suffix: &str| -> Result<f64> {
        let name = format!("{metric}_{suffix} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&name));
        Ok(value.with_context(|| format!("no {metric}_{suffix}"))?.trim().parse()?)
    };
    let mut all = [(0.0, 0.0); STEPS.len()];
    for (step, (metric, _)) in all.iter_mut().zip(STEPS) {
        *step = (value(metric, "count")?, value(metric, "sum")?);
    }
    Ok(all)
}

fn product(nth: u32) -> String {
    format!("product-{}", nth % PRODUCT_COUNT)
}

fn one_line(nth: u32) -> Value {
    json!({ "userId": format!("user-{nth}"), "productId": product(nth), "quantity": 1, "unitPrice": 1 })
}

/// How long each order took, all of them answered 201; `body` makes the order of that number.
pub(crate) async fn load(
    gateway: &Arc<Client>,
    per_second: u32,
    duration: Duration,
    body: impl Fn(u32) -> Value,
) -> Result<Vec<Duration>> {
    let begin = Instant::now();
    let gap = Duration::from_secs(1) / per_second;
    let mut posts = JoinSet::new();
    for nth in 0.. {
        let due = begin + gap * nth;
        if due >= begin + duration {
            break;
        }
        sleep_until(due).await;
        let (gateway, body) = (Arc::clone(gateway), body(nth));
        posts.spawn(async move {
            let answer = gateway.post("/orders", &[("prefer", "wait=10")], &body).await?;
            ensure!(answer.status == 201, "{answer:?}");
            Ok(due.elapsed())
        });
    }
    posts.join_all().await.into_iter().collect()
}

/// The counted metrics, summed over the services.
async fn counts(services: [&Part; 2]) -> Result<[i64; COUNTED.len()]> {
    let mut sums = [0; COUNTED.len()];
    for service in services {
        let text = reqwest::get(format!("http://{}/metrics", service.address)).await?.text().await?;
        for (sum, (metric, _)) in sums.iter_mut().zip(COUNTED) {
            let value = text.lines().find_map(|line| line.strip_prefix(metric));
            *sum += value.with_context(|| format!("no {metric}"))?.trim().parse::<i64>()?;
        }
    }
    Ok(sums)
}
