//! The fold of single-line orders by this build and, with `LEDGER_BENCH_OTHER=PATH` of another `ledger`, by that one: in turn, over the same
//! log, each time into tables of its own.
//!
//! It must never be run by only one of them where there are two: machines differ from hour to hour.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::ledger::{Alone, Ledger};
use serde_json::{Map, Value, json};
use xtask::state_dir::temporary_folder;

use crate::fold::{PRODUCT_COUNT, append_backlog, fold_time, peak_memory_mib};
use crate::import::OTHER;

const ROUNDS: usize = 5;

struct Build {
    name: &'static str,
    program: String,
    times: Vec<Duration>,
    memory: u64,
}

pub(crate) async fn run(orders: i64) -> Result<Value> {
    let ledger = Ledger::start("benchlines").await?;
    ledger.projector.process.terminate(Duration::from_secs(15))?;
    let (brokers, topic) = (ledger.servers.brokers.clone(), ledger.topic("orders"));
    let log = topic.clone();
    tokio::task::spawn_blocking(move || append_backlog(&brokers, &log, orders)).await??;
    let build = |name, program| Build { name, program, times: Vec::new(), memory: 0 };
    let mut builds = vec![build("this", "ledger".to_owned())];
    builds.extend(std::env::var(OTHER).ok().map(|program| build("other", program)));
    for round in 0..ROUNDS {
        // Who is first in a round has what the machine did before; so each is first in turn.
        let count = builds.len();
        for at in 0..count {
            measure(&ledger, &topic, orders, &mut builds[(round + at) % count]).await?;
        }
    }
    let mut ledger = ledger;
    ledger.projector.restart()?;
    ledger.projector.wait_ready()?;
    ledger.finish().await?;
    Ok(Value::Object(figures(orders, &builds)))
}

async fn measure(ledger: &Ledger, topic: &str, orders: i64, build: &mut Build) -> Result<()> {
    let folder = temporary_folder("against")?;
    let (servers, topic) = (ledger.servers.clone(), topic.to_owned());
    let (program, path) = (build.program.clone(), folder.path().to_owned());
    let start = move || Alone::start(&servers, "benchalone", &topic, Path::new(&program), &path);
    let alone = tokio::task::spawn_blocking(start).await??;
    let pool = alone.database().await?;
    build.times.push(fold_time(&pool, orders + PRODUCT_COUNT).await?);
    build.memory = build.memory.max(peak_memory_mib(alone.projector.process.pid())?);
    let confirmed: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM orders WHERE status = 'confirmed'").fetch_one(&pool).await?;
    ensure!(confirmed == orders, "{confirmed} of {orders} orders are confirmed by the {} build", build.name);
    alone.finish().await
}

fn figures(orders: i64, builds: &[Build]) -> Map<String, Value> {
    let per_second = |build: &Build| {
        let mut times = build.times.clone();
        times.sort_unstable();
        f64::from(u32::try_from(orders).unwrap_or(u32::MAX)) / times[times.len() / 2].as_secs_f64()
    };
    let mut figures = Map::new();
    figures.insert("single-line orders folded".to_owned(), json!(orders));
    for build in builds {
        figures.insert(
            format!("{} build, fold, orders/s (median of {ROUNDS})", build.name),
            json!(per_second(build).round()),
        );
        figures.insert(format!("{} build's peak memory, MiB", build.name), json!(build.memory));
    }
    if let [this, other] = builds {
        let ratio = per_second(this) / per_second(other);
        figures
            .insert("this / other, fold of single-line orders".to_owned(), json!((ratio * 1_000.0).round() / 1_000.0));
    }
    figures
}
