//! Looks at the whole every few seconds: lag per partition and generations for the metrics, whether an open transaction blocks a
//! partition, whether somebody else has one and does not fold it, and whether the database answers while nothing is written. It must never change anything.

use std::collections::BTreeMap;
use std::time::Duration;

use ledger_database::Fault;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::blocked::Blocked;
use crate::health::Waiting;
use crate::http::Sources;
use crate::meters;
use crate::shared::Shared;
use crate::status::{Status, StatusError};
use crate::unfolded::Others;

const INTERVAL: Duration = Duration::from_secs(2);
/// How long the last stable offset may stand before the end without a word: writers' transactions are open for a moment.
const BLOCKED_PATIENCE: Duration = Duration::from_secs(10);
/// The name under which this part waits for the database.
const PART: &str = "monitor";

/// Runs until `stop`. `group` shares the partitions.
pub async fn run(sources: Sources, group: String, stop: CancellationToken) {
    let (mut blocks, mut others) = (Blocks::default(), Others::of_group(group));
    while !stop.is_cancelled() {
        look(&sources, &mut blocks, &mut others).await;
        meters::build();
        meters::ready(sources.shared.readiness().ready);
        sources.metrics.run_upkeep();
        // Rendering is what lets gauges that nobody sets any more disappear, also where nobody scrapes.
        drop(sources.metrics.render());
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn look(sources: &Sources, blocks: &mut Blocks, others: &mut Others) {
    let shared = &sources.shared;
    match sources.status.read().await {
        Ok(status) => {
            database_answered(shared);
            let ours = |partition: i32| shared.owns(partition);
            let partitions = status.partitions.iter().filter(|partition| ours(partition.partition));
            partitions.clone().for_each(meters::lag);
            let blocked: Vec<Blocked> = partitions.filter_map(|partition| partition.blocked()).collect();
            shared.health.paused(paused(&status));
            shared.health.blocked(blocks.look(&blocked).iter().map(ToString::to_string).collect());
            look_at_others(shared, &status, others);
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
        // The database was asked first, and answered. That Kafka does not is told by `log_watch`.
        Err(error) => {
            database_answered(shared);
            tracing::debug!(%error, "the lag cannot be known");
        }
    }
}

/// All of them, whosever they are: an operator asks any projector.
fn paused(status: &Status) -> Vec<String> {
    let paused = status.partitions.iter();
    paused.filter_map(|one| Some(format!("partition {} is {}", one.partition, one.paused.as_ref()?))).collect()
}

/// Who cannot fold itself, for whatever reason, finds every partition standing.
fn look_at_others(shared: &Shared, status: &Status, others: &mut Others) {
    if status.database_read_only || shared.health.cannot_fold() {
        others.forget();
    }
    let partitions = status.partitions.iter().filter(|partition| !shared.owns(partition.partition));
    let found = others.look(partitions);
    meters::unfolded(found.len());
    shared.health.unfolded(found.iter().map(ToString::to_string).collect());
}

fn database_answered(shared: &Shared) {
    if shared.database_answered(PART) {
        tracing::info!("the database answers again");
    }
}

/// Partitions that open transactions block, from one look to the next.
#[derive(Debug, Default)]
struct Blocks(BTreeMap<i32, Block>);

#[derive(Debug)]
struct Block {
    stable_offset: i64,
    /// By our own clock: the time of a record is whatever its writer says.
    seen: Instant,
    warned: bool,
}

impl Blocks {
    /// Takes in what is blocked now; gives those that one and the same transaction has blocked for long. Logs each once, and its end.
    fn look(&mut self, blocked: &[Blocked]) -> Vec<Blocked> {
        let mut long = Vec::new();
        let mut now = BTreeMap::new();
        for found in blocked {
            let before = self.0.remove(&found.partition).filter(|before| before.stable_offset == found.stable_offset);
            let stable_offset = found.stable_offset;
            let mut block = before.unwrap_or_else(|| Block { stable_offset, seen: Instant::now(), warned: false });
            if block.seen.elapsed() >= BLOCKED_PATIENCE {
                long.push(*found);
                if !std::mem::replace(&mut block.warned, true) {
                    tracing::warn!(
                        "{found}. Records behind it are folded once it is committed, aborted, or timed out by the broker; \
                         `kafka-transactions.sh describe-producers` names its producer"
                    );
                }
            }
            now.insert(found.partition, block);
        }
        for (partition, _) in std::mem::replace(&mut self.0, now).iter().filter(|(_, ended)| ended.warned) {
            tracing::info!(partition, "the transaction that blocked the partition has ended");
        }
        long
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_partition_is_blocked_when_one_transaction_stays_open() {
        let blocked =
            |partition, stable_offset| Blocked { partition, stable_offset, end_offset: 9, blocked_since: Utc::now() };
        let mut blocks = Blocks::default();
        let (stays, moves) = (blocked(1, 5), blocked(2, 5));
        assert_eq!(blocks.look(&[stays, moves]), []);
        tokio::time::advance(BLOCKED_PATIENCE).await;
        // The other one's was committed, and the writer began the next.
        let moved = blocked(2, 7);
        assert_eq!(blocks.look(&[stays, moved]), [stays]);
        assert_eq!(blocks.look(&[moved]), []);
        // It ended, and another one begins at another place.
        assert_eq!(blocks.look(&[stays]), []);
    }
}
