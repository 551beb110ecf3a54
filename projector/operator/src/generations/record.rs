//! Writes to the table `generations`, by whoever holds the guard. A row is never deleted: its number must not be given again.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ledger_database::Watched;
use ledger_fold::log_safety::LogIdentity;
use ledger_store::generations::record::find;
use ledger_store::generations::{Counts, Phase, State, allot_number};
use sqlx::MySql;
use sqlx::mysql::MySqlArguments;
use sqlx::query::Query;

use super::error::{GenerationsError, sql};
use super::shadow;

const WRITING: &str = "writing the generations";

/// A number that no generation ever had, not even one of which only tables are left.
///
/// # Errors
/// The database's.
pub async fn next_number(connection: &mut Watched) -> Result<i32, GenerationsError> {
    let tables = shadow::generations(connection).await?;
    loop {
        let number = allot_number(&mut *connection).await?;
        // A row or a table of a number that was never allotted was made by hand: it keeps its number.
        if !tables.contains(&number) && find(&mut *connection, number).await?.is_none() {
            return Ok(number);
        }
    }
}

/// A build that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct New<'a> {
    pub generation: i32,
    pub topic: &'a str,
    pub identity: &'a LogIdentity,
    pub fold_version: i32,
}

fn insert<'a>(new: &'a New<'_>) -> Query<'a, MySql, MySqlArguments> {
    sqlx::query(
        "INSERT INTO generations (generation, topic, cluster_id, topic_id, partition_count, fold_version, phase, state, \
         started_at, builder) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(new.generation)
    .bind(new.topic)
    .bind(&new.identity.cluster_id)
    .bind(&new.identity.topic_id)
    .bind(new.identity.partition_count)
    .bind(new.fold_version)
}

/// Writes down that a build begins. Before its tables are created, so that their number is known whatever happens.
///
/// # Errors
/// The database's.
pub async fn begin(connection: &mut Watched, new: &New<'_>) -> Result<(), GenerationsError> {
    insert(new)
        .bind(Phase::Load.as_str())
        .bind(State::Building.as_str())
        .bind(Some(Utc::now()))
        .bind(Some(super::guard::this_process()))
        .execute(connection)
        .await
        .map(drop)
        .map_err(sql(WRITING))
}

/// Makes sure that the live generation is written down as one that is kept, before it is replaced: a projector made it, and
/// it has no row; or the run that swapped it in died before it wrote that down.
pub(super) async fn ensure_live(connection: &mut Watched, new: &New<'_>) -> Result<(), GenerationsError> {
    match find(&mut *connection, new.generation).await? {
        Some(row) if row.state == State::Kept => return Ok(()),
        Some(_) => return swapped(connection, new.generation, false).await,
        None => {}
    }
    insert(new)
        .bind(Phase::Done.as_str())
        .bind(State::Kept.as_str())
        .bind(None::<DateTime<Utc>>)
        .bind(None::<String>)
        .execute(connection)
        .await
        .map(drop)
        .map_err(sql(WRITING))
}

/// Writes down that a build is in `phase` now, and who builds it: it may have been begun by another.
///
/// # Errors
/// The database's.
pub async fn set_phase(connection: &mut Watched, generation: i32, phase: Phase) -> Result<(), GenerationsError> {
    sqlx::query("UPDATE generations SET phase = ?, builder = ? WHERE generation = ?")
        .bind(phase.as_str())
        .bind(super::guard::this_process())
        .bind(generation)
        .execute(connection)
        .await
        .map(drop)
        .map_err(sql(WRITING))
}

/// Writes down how many records were folded into a build so far, for whoever looks at it.
///
/// # Errors
/// The database's.
pub async fn set_records(connection: &mut Watched, generation: i32, records: i64) -> Result<(), GenerationsError> {
    sqlx::query("UPDATE generations SET record_count = ? WHERE generation = ?")
        .bind(records)
        .bind(generation)
        .execute(connection)
        .await
        .map(drop)
        .map_err(sql(WRITING))
}

/// Writes down what a complete build holds, before it is swapped in: `ends` are exclusive, by partition.
///
/// # Errors
/// The database's.
pub async fn built(
    connection: &mut Watched,
    generation: i32,
    ends: &BTreeMap<i32, i64>,
    counts: Counts,
) -> Result<(), GenerationsError> {
    let ends = serde_json::json!(ends.values().collect::<Vec<_>>()).to_string();
    sqlx::query(
        "UPDATE generations SET ends = ?, record_count = ?, order_count = ?, movement_count = ?, dead_letter_count = ?, \
         finished_at = ? WHERE generation = ?",
    )
    .bind(ends)
    .bind(counts.records)
    .bind(counts.orders)
    .bind(counts.movements)
    .bind(counts.dead_letters)
    .bind(Utc::now())
    .bind(generation)
    .execute(connection)
    .await
    .map(drop)
    .map_err(sql(WRITING))
}

/// Writes down that a generation was swapped in, `now` or by a run that died before it could.
pub(super) async fn swapped(connection: &mut Watched, generation: i32, now: bool) -> Result<(), GenerationsError> {
    let time = Utc::now();
    sqlx::query(
        "UPDATE generations SET phase = ?, state = ?, finished_at = COALESCE(finished_at, ?), \
         swapped_at = IF(?, ?, COALESCE(swapped_at, ?)) WHERE generation = ?",
    )
    .bind(Phase::Done.as_str())
    .bind(State::Kept.as_str())
    .bind(time)
    .bind(now)
    .bind(time)
    .bind(time)
    .bind(generation)
    .execute(connection)
    .await
    .map(drop)
    .map_err(sql(WRITING))
}

/// Writes down that the tables of a generation are, or are about to be, dropped.
pub(super) async fn dropped(connection: &mut Watched, generation: i32) -> Result<(), GenerationsError> {
    sqlx::query("UPDATE generations SET state = ? WHERE generation = ?")
        .bind(State::Dropped.as_str())
        .bind(generation)
        .execute(connection)
        .await
        .map(drop)
        .map_err(sql(WRITING))
}

/// Writes down that tables that were kept cannot be rolled back to any more.
pub(crate) async fn retired(connection: &mut Watched, new: &New<'_>) -> Result<(), GenerationsError> {
    ensure_live(connection, new).await?;
    dropped(connection, new.generation).await
}
