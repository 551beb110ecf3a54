//! After the last fault every order that was placed before it must be decided soon: whatever was lost on the way has to be asked again. It must
//! never look at orders that came later. Read `main` for when it begins.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use e2e::ledger::Ledger;
use serde_json::Value;
use sqlx::MySqlPool;

use crate::progress::progress;
use crate::shop::Shop;

/// No order may be undecided so long after the last fault.
const LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(250);

/// Begins at once; complains where an order is still undecided at the limit.
///
/// # Errors
/// When MariaDB or the command does not answer: no fault is left that could explain it.
pub(crate) async fn watch(ledger: &Ledger, pool: &MySqlPool, shop: &Shop) -> Result<()> {
    let begin = Instant::now();
    // An order is listed at the time that the broker took it; all servers are on this machine.
    let last_fault: i64 =
        sqlx::query_scalar("SELECT CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) AS SIGNED)")
            .fetch_one(pool)
            .await?;
    let ends = ends(ledger).await?;
    loop {
        // Before all of them are folded, an empty answer says nothing.
        let positions: Vec<(i32, i64)> =
            sqlx::query_as("SELECT kafka_partition, next_offset FROM positions").fetch_all(pool).await?;
        let is_folded = positions.iter().all(|(partition, next)| ends.get(partition).is_none_or(|end| next >= end));
        let undecided: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM open_orders WHERE status = 'pending' \
             AND TIMESTAMPDIFF(MICROSECOND, '1970-01-01', due_at) <= ?",
        )
        .bind(last_fault)
        .fetch_one(pool)
        .await?;
        let took = begin.elapsed();
        if undecided == 0 && is_folded {
            progress(&format!("every order of before the last fault is decided {:.1} s after it", took.as_secs_f64()));
            return Ok(());
        }
        if took >= LIMIT {
            if undecided > 0 {
                shop.complain(format!("{undecided} orders are undecided {} s after the last fault", LIMIT.as_secs()));
            }
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Where the log of each partition ends now.
async fn ends(ledger: &Ledger) -> Result<BTreeMap<i32, i64>> {
    let (code, output) = ledger.run(&["status", "--output", "json"]).await?;
    let status: Value = serde_json::from_str(&output).with_context(|| format!("`ledger status`: {code} {output}"))?;
    let partitions = status["partitions"].as_array().context("a status without partitions")?.iter();
    let read = partitions.map(|partition| {
        Some((i32::try_from(partition["partition"].as_i64()?).ok()?, partition["stableOffset"].as_i64()?))
    });
    read.collect::<Option<_>>().with_context(|| format!("a status without ends: {status}"))
}
