//! Waits until the system is at rest: healthy, nothing on the log that is not folded, nothing in the outbox.
//!
//! It must never take an unreadable status for rest. Read `verdict` for what comes then.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::Value;
use sqlx::MySqlPool;

use crate::system::System;

const REST_LIMIT: Duration = Duration::from_secs(180);

pub(crate) async fn wait(system: &mut System, pool: &MySqlPool) -> Result<()> {
    let begin = Instant::now();
    loop {
        tokio::task::block_in_place(|| system.wait_healthy())?;
        let (code, output) = system.ledger.run(&["status", "--output", "json"]).await?;
        let is_folded = code == 0 && serde_json::from_str::<Value>(&output).is_ok_and(|status| status["lag"] == 0);
        let unpublished: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM outbox").fetch_one(pool).await?;
        if is_folded && unpublished == 0 {
            return Ok(());
        }
        ensure!(begin.elapsed() < REST_LIMIT, "no rest: {unpublished} outbox rows, {code} {output}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
