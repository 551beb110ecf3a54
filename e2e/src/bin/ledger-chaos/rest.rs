//! Waits until the system is at rest: healthy, nothing on the log that is not folded, nothing in the outbox, and no order that somebody has to
//! decide or that expires later.
//!
//! It must never take an unreadable status for rest. Read `verdict` for what comes then.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::rest;
use sqlx::MySqlPool;

use crate::system::System;

/// Holds end within 45 s.
const REST_LIMIT: Duration = Duration::from_secs(180);

pub(crate) async fn wait(system: &mut System, pool: &MySqlPool) -> Result<()> {
    let begin = Instant::now();
    loop {
        tokio::task::block_in_place(|| system.wait_healthy())?;
        let open: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM open_orders").fetch_one(pool).await?;
        let restless = rest::why_not(&system.ledger, pool).await?;
        if restless.is_none() && open == 0 {
            return Ok(());
        }
        ensure!(begin.elapsed() < REST_LIMIT, "no rest: {open} open orders, {restless:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
