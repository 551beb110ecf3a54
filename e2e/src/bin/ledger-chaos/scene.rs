//! What stands where when a run has failed: printed at once, since the machine that it ran on may be gone by the time
//! that somebody looks. It must never fail itself: what cannot be had is reported, and the next thing is looked at.

use std::fmt::{Debug, Display};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use e2e::ledger::Part;
use sqlx::MySqlPool;
use tokio::time::timeout;
use xtask::http::HttpClient;

use crate::last_lines::last_lines;
use crate::progress::progress;
use crate::system::System;

/// For each single look.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
const LOG_LINES: usize = 60;

/// Outbox, positions and open orders, each projector's health and metrics, the ends of the logs.
pub(crate) async fn print(system: &System) {
    progress("\nwhat stands where:");
    show("database", timeout(ANSWER_LIMIT, database(system)).await.context("no answer").flatten());
    let ledger = &system.ledger;
    for projector in std::iter::once(&ledger.projector).chain(&system.second) {
        show(projector.process.name(), tokio::task::block_in_place(|| of_projector(projector)));
    }
    for log in logs(&system.logs()) {
        show(format!("last lines of {}", log.display()), last_lines(&log, LOG_LINES));
    }
}

fn show(of: impl Display, found: Result<Vec<String>>) {
    progress(&format!("-- {of}"));
    match found {
        Ok(lines) => lines.iter().for_each(|line| progress(&format!("   {line}"))),
        Err(error) => progress(&format!("   unknown: {error:#}")),
    }
}

async fn database(system: &System) -> Result<Vec<String>> {
    let pool: MySqlPool = system.ledger.database().await?;
    let outbox: Vec<(i32, i32, i64, i64, i64)> = sqlx::query_as(
        "SELECT kafka_partition, generation, COUNT(*), MIN(first_offset), MAX(next_offset) FROM outbox \
         GROUP BY kafka_partition, generation ORDER BY kafka_partition, generation",
    )
    .fetch_all(&pool)
    .await?;
    let positions: Vec<(String, i32, i32, i64)> = sqlx::query_as(
        "SELECT topic, kafka_partition, generation, next_offset FROM positions ORDER BY topic, kafka_partition",
    )
    .fetch_all(&pool)
    .await?;
    let mut lines = vec!["outbox: partition, generation, rows, first offset, next offset".to_owned()];
    lines.extend(outbox.iter().map(spelled));
    lines.push("positions: topic, partition, generation, next offset".to_owned());
    lines.extend(positions.iter().map(spelled));
    let open: Vec<(i32, String, i64, String)> = sqlx::query_as(
        "SELECT kafka_partition, status, COUNT(*), CAST(MIN(due_at) AS CHAR) FROM open_orders \
         GROUP BY kafka_partition, status ORDER BY kafka_partition, status",
    )
    .fetch_all(&pool)
    .await?;
    lines.push("open orders: partition, status, how many, when the first is due".to_owned());
    lines.extend(open.iter().map(spelled));
    Ok(lines)
}

fn spelled(row: &impl Debug) -> String {
    format!("  {row:?}")
}

/// Its readiness, and its metrics but for the buckets of histograms.
fn of_projector(part: &Part) -> Result<Vec<String>> {
    let client = HttpClient::new(ANSWER_LIMIT);
    let state = match part.process.try_wait()? {
        Some(status) => format!("pid {}, ended: {status}", part.process.pid()),
        None => format!("pid {}, runs", part.process.pid()),
    };
    let readiness = client.get(&format!("http://{}/readyz", part.address));
    let readiness = readiness.map_or_else(|error| format!("{error:#}"), |answer| answer.body);
    let metrics = client.get(&format!("http://{}/metrics", part.address)).map(|answer| answer.body);
    let metrics = metrics.unwrap_or_else(|error| format!("ledger_metrics: {error:#}"));
    let ours = metrics.lines().filter(|line| line.starts_with("ledger_") && !line.contains("_bucket"));
    Ok([state, readiness].into_iter().chain(ours.map(str::to_owned)).collect())
}

/// Those of projectors and servers.
fn logs(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let wanted = ["projector", "kafka", "mariadb"];
    let mut logs: Vec<PathBuf> = entries
        .filter(|path| {
            path.file_name().is_some_and(|name| wanted.iter().any(|start| name.to_string_lossy().starts_with(start)))
        })
        .collect();
    logs.sort();
    logs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_log_is_shown_and_others_are_left_out() {
        let folder = xtask::state_dir::temporary_folder("scene").unwrap();
        let long: String = (0..100).map(|number| format!("line {number}\n")).collect();
        for name in ["projector.log", "projector-second-1.log", "order-service-a.log"] {
            std::fs::write(folder.path().join(name), &long).unwrap();
        }
        let found = logs(folder.path());
        let names: Vec<_> = found.iter().filter_map(|path| path.file_name()).collect();
        assert_eq!(names, ["projector-second-1.log", "projector.log"]);
        let lines = last_lines(&found[1], LOG_LINES).unwrap();
        assert_eq!((lines.len(), lines[0].as_str(), lines[59].as_str()), (60, "line 40", "line 99"));
    }
}
