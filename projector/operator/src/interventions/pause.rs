//! Pausing and resuming. What a pause promises (INV-14): when the command has returned, no position of the partition moves in the live
//! tables until it is resumed, whoever has the partition, and whatever is swapped.
//!
//! The flag stands in the row of `furthest_positions` that the compare-and-set of every batch locks and reads. So setting it waits for the
//! batch that is being written, and every later one misses. A swap is no batch: whoever swaps sets its barrier first and looks for pauses
//! then (`generations/swap.rs`), and this sets the pause first and looks for a barrier then. One of the two sees the other: a swap that does
//! not see the pause is waited for here.
//!
//! Dying at any line leaves partitions that are paused, and others that are not; the same command does the rest.

use std::time::{Duration, Instant};

use futures_util::future::LocalBoxFuture;
use ledger_database::{DatabaseUrl, Fault, Tables, Watched, fault_of};
use ledger_store::Pause;
use ledger_store::positions::{MoveStatements, StoredPosition};
use serde::Serialize;

use super::error::{InterventionError, sql};
use super::places;
use super::said::{Reason, Said};

/// How long the row of a partition is waited for: a batch takes a second, and a session that is cut off inside one is ended after ten.
const LOCK_PATIENCE: Duration = Duration::from_secs(60);
/// How long a swap is waited for. The server ends one whose holder is gone after two minutes.
const SWAP_PATIENCE: Duration = Duration::from_secs(180);
const SWAP_LOOK: Duration = Duration::from_millis(200);

/// What is paused or resumed, who does it, and why.
#[derive(Debug)]
pub struct PauseOptions {
    /// The owner's: nobody else may write who paused what.
    pub owner: DatabaseUrl,
    pub topic: String,
    /// `None`: all of them.
    pub partition: Option<i32>,
    pub said: Said,
}

/// A partition that is paused now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PausedPartition {
    pub partition: i32,
    /// Where it stays.
    pub next_offset: i64,
    /// Who paused it first: a pause of what is paused changes nothing.
    #[serde(flatten)]
    pub pause: Pause,
    /// Whether it was paused before.
    pub was_paused: bool,
}

/// What pausing came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Paused {
    pub partitions: Vec<PausedPartition>,
}

/// A partition that is not paused now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResumedPartition {
    pub partition: i32,
    /// From where it goes on.
    pub next_offset: i64,
    /// What it was paused for; `None` where it was not.
    pub was_paused: Option<Pause>,
}

/// What resuming came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resumed {
    pub partitions: Vec<ResumedPartition>,
}

/// Pauses; where it is paused already, says since when and by whom.
///
/// # Errors
/// [`InterventionError`]; what was paused before it stays paused.
pub fn pause(options: PauseOptions) -> LocalBoxFuture<'static, Result<Paused, InterventionError>> {
    // Boxed here, so that it is compiled here, once, and not again in each program that awaits it.
    Box::pin(pause_all(options))
}

async fn pause_all(options: PauseOptions) -> Result<Paused, InterventionError> {
    let PauseOptions { owner, topic, partition, said } = options;
    let mut connection = places::connect(&owner).await?;
    let found = places::named(&mut connection, &topic, partition).await?;
    let moves = MoveStatements::new(&Tables::live());
    let mut newly = Vec::new();
    // A statement per partition: writers hold such rows in another order.
    for StoredPosition { partition, .. } in &found {
        until_free(*partition, async || {
            // Without the row there is nothing to pause, and no batch that could be written either.
            moves.ensure_furthest(&mut connection, &topic, *partition).await?;
            if set_paused(&mut connection, &topic, *partition, &said).await? {
                newly.push(*partition);
            }
            Ok(())
        })
        .await?;
    }
    until_swapped(&mut connection).await?;
    // Read anew: where they stay.
    let stands = places::named(&mut connection, &topic, partition).await?;
    let shown = stands.into_iter().filter_map(|position| {
        let was_paused = !newly.contains(&position.partition);
        let StoredPosition { partition, next_offset, paused, .. } = position;
        // Somebody who resumed it meanwhile had the last word.
        Some(PausedPartition { partition, next_offset, pause: paused?, was_paused })
    });
    Ok(Paused { partitions: shown.collect() })
}

/// Resumes; where it is not paused, changes nothing.
///
/// # Errors
/// [`InterventionError`]; what was resumed before it stays resumed.
pub fn resume(options: PauseOptions) -> LocalBoxFuture<'static, Result<Resumed, InterventionError>> {
    Box::pin(resume_all(options))
}

async fn resume_all(options: PauseOptions) -> Result<Resumed, InterventionError> {
    let PauseOptions { owner, topic, partition, said } = options;
    let mut connection = places::connect(&owner).await?;
    let mut resumed = Vec::new();
    for StoredPosition { partition, next_offset, paused, .. } in
        places::named(&mut connection, &topic, partition).await?
    {
        let mut is_changed = false;
        until_free(partition, async || {
            is_changed |= set_resumed(&mut connection, &topic, partition, &said).await?;
            Ok(())
        })
        .await?;
        resumed.push(ResumedPartition { partition, next_offset, was_paused: paused.filter(|_| is_changed) });
    }
    Ok(Resumed { partitions: resumed })
}

/// Whether it was not paused before.
async fn set_paused(
    connection: &mut Watched,
    topic: &str,
    partition: i32,
    said: &Said,
) -> Result<bool, InterventionError> {
    let set = sqlx::query(
        "UPDATE furthest_positions SET is_paused = TRUE, paused_at = UTC_TIMESTAMP(6), paused_by = ?, pause_reason = ?, \
         resumed_at = NULL, resumed_by = NULL, resume_reason = NULL \
         WHERE topic = ? AND kafka_partition = ? AND is_paused = FALSE",
    );
    let set = set.bind(said.by.as_str()).bind(said.reason.as_ref().map(Reason::as_str));
    let done = set.bind(topic).bind(partition).execute(connection).await.map_err(sql("pausing the partition"))?;
    Ok(done.rows_affected() > 0)
}

/// Whether it was paused.
async fn set_resumed(
    connection: &mut Watched,
    topic: &str,
    partition: i32,
    said: &Said,
) -> Result<bool, InterventionError> {
    let set = sqlx::query(
        "UPDATE furthest_positions SET is_paused = FALSE, resumed_at = UTC_TIMESTAMP(6), resumed_by = ?, resume_reason = ? \
         WHERE topic = ? AND kafka_partition = ? AND is_paused = TRUE",
    );
    let set = set.bind(said.by.as_str()).bind(said.reason.as_ref().map(Reason::as_str));
    let done = set.bind(topic).bind(partition).execute(connection).await.map_err(sql("resuming the partition"))?;
    Ok(done.rows_affected() > 0)
}

/// Tries again what others' locks are in the way of.
async fn until_free(
    partition: i32,
    mut attempt: impl AsyncFnMut() -> Result<(), InterventionError>,
) -> Result<(), InterventionError> {
    let began = Instant::now();
    loop {
        match attempt().await {
            Err(error) if error.passes() => {
                if began.elapsed() >= LOCK_PATIENCE {
                    return Err(InterventionError::Locked { partition, seconds: began.elapsed().as_secs() });
                }
            }
            done => return done,
        }
    }
}

/// Waits for a swap that may not have seen the pause.
async fn until_swapped(connection: &mut Watched) -> Result<(), InterventionError> {
    // A mark of somebody who does not hold the guard's lock any more was left behind, and means nothing.
    const SWAPPING: &str = "SELECT EXISTS (SELECT 1 FROM generation_guard \
        WHERE swapping AND connection_id = IS_USED_LOCK(CONCAT('ledger.rebuild.', DATABASE())))";
    let began = Instant::now();
    loop {
        let asked = sqlx::query_scalar::<_, bool>(SWAPPING).fetch_one(&mut *connection).await;
        match asked {
            Ok(false) => return Ok(()),
            Ok(true) => {}
            Err(error) if fault_of(&error) == Fault::Retry => {}
            Err(error) => return Err(sql("looking whether tables are being swapped")(error)),
        }
        if began.elapsed() >= SWAP_PATIENCE {
            return Err(InterventionError::Swapping { seconds: began.elapsed().as_secs() });
        }
        tokio::time::sleep(SWAP_LOOK).await;
    }
}
