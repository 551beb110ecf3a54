//! Looks at the whole every few seconds: lag per partition and generations for the metrics, and whether the database answers
//! while nothing is written. It must never change anything.

use std::time::Duration;

use ledger_database::Fault;
use tokio_util::sync::CancellationToken;

use crate::health::Waiting;
use crate::http::Sources;
use crate::meters;
use crate::shared::Shared;
use crate::status::{self, StatusError};

const INTERVAL: Duration = Duration::from_secs(2);
/// The name under which this part waits for the database.
const PART: &str = "monitor";

/// Runs until `stop`.
pub async fn run(sources: Sources, stop: CancellationToken) {
    while !stop.is_cancelled() {
        look(&sources).await;
        sources.metrics.run_upkeep();
        // Rendering is what lets gauges that nobody sets any more disappear, also where nobody scrapes.
        drop(sources.metrics.render());
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn look(sources: &Sources) {
    let shared = &sources.shared;
    match status::read(&sources.database, &sources.inspector, &sources.topic).await {
        Ok(status) => {
            database_answered(shared);
            let ours = |partition: i32| shared.owns(partition);
            for partition in status.partitions.iter().filter(|partition| ours(partition.partition)) {
                meters::lag(partition.partition, partition.lag);
            }
            meters::generations(&status);
        }
        Err(StatusError::Store(error)) if !error.fault().is_some_and(Fault::ends_connection) => {
            tracing::debug!(%error, "the lag cannot be known");
        }
        Err(error @ (StatusError::Database(_) | StatusError::Store(_))) => {
            let words = if error.is_unreachable() { "the database does not answer" } else { "the database refuses" };
            if shared.waits_for_database(PART, Waiting::Always, format!("{words}: {error}")) {
                tracing::warn!(%error, "{words}");
            }
        }
        // The database was asked first, and answered.
        Err(error) => {
            database_answered(shared);
            tracing::debug!(%error, "the lag cannot be known");
        }
    }
}

fn database_answered(shared: &Shared) {
    if shared.database_answered(PART) {
        tracing::info!("the database answers again");
    }
}
