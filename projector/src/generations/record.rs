//! The table `generations`, and the live generation, which the live `positions` tell. Rows are written by whoever holds the
//! guard; anybody may read. A row is never deleted: its number must not be given again.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ledger_fold::log_safety::LogIdentity;
use serde::Serialize;
use sqlx::mysql::{MySqlArguments, MySqlRow};
use sqlx::query::Query;
use sqlx::{FromRow, MySql, MySqlConnection};

use super::error::{GenerationsError, sql};
use super::shadow;
use crate::store::positions::{self, StoredPosition};

const READING: &str = "reading the generations";
const WRITING: &str = "writing the generations";

/// How far a build came. Each phase may be run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    Load,
    Index,
    CatchUp,
    Compare,
    Swap,
    Done,
}

impl Phase {
    pub const ALL: [Self; 6] = [Self::Load, Self::Index, Self::CatchUp, Self::Compare, Self::Swap, Self::Done];

    /// As the table stores it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Index => "index",
            Self::CatchUp => "catch-up",
            Self::Compare => "compare",
            Self::Swap => "swap",
            Self::Done => "done",
        }
    }
}

/// What became of a generation. Whether it is live is not said here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Building,
    Kept,
    Dropped,
}

impl State {
    pub const ALL: [Self; 3] = [Self::Building, Self::Kept, Self::Dropped];

    /// As the table stores it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Kept => "kept",
            Self::Dropped => "dropped",
        }
    }
}

/// Rows of a generation when its build was complete, and the records that it was folded from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    pub records: i64,
    pub orders: i64,
    pub movements: i64,
    pub dead_letters: i64,
}

/// A row of `generations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    pub generation: i32,
    pub topic: String,
    pub identity: LogIdentity,
    pub fold_version: i32,
    pub phase: Phase,
    pub state: State,
    /// Exclusive ends of what was folded, by partition, when the build was complete.
    pub ends: Option<Vec<i64>>,
    /// Folded so far, while it is being built; all of them, afterwards.
    pub records: Option<i64>,
    pub counts: Option<Counts>,
    /// `None`: made by a projector.
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    /// When it became live, the last time.
    pub swapped_at: Option<DateTime<Utc>>,
    /// Host and process id.
    pub builder: Option<String>,
}

/// The live tables, as their positions tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    pub generation: i32,
    pub fold_version: i32,
    pub identity: LogIdentity,
    /// One per partition, in order.
    pub positions: Vec<StoredPosition>,
}

const COLUMNS: &str = "SELECT generation, topic, cluster_id, topic_id, partition_count, fold_version, phase, state, ends, \
     record_count, order_count, movement_count, dead_letter_count, started_at, finished_at, swapped_at, builder \
     FROM generations";

/// The live generation; `None` when nothing was folded yet.
///
/// # Errors
/// [`GenerationsError::LivePositions`] when rows disagree, or the database's.
pub async fn live(connection: &mut MySqlConnection, topic: &str) -> Result<Option<Live>, GenerationsError> {
    let positions = positions::read(connection, topic).await?;
    let Some(first) = positions.first() else { return Ok(None) };
    let of = |position: &StoredPosition| format!("{} (fold {})", position.generation, position.fold_version);
    if let Some(other) = positions.iter().find(|position| of(position) != of(first)) {
        return Err(GenerationsError::LivePositions { expected: of(first), found: of(other) });
    }
    let (generation, fold_version, identity) = (first.generation, first.fold_version, first.identity.clone());
    Ok(Some(Live { generation, fold_version, identity, positions }))
}

/// All rows, by number.
///
/// # Errors
/// The database's, or a row that cannot be.
pub async fn all(connection: &mut MySqlConnection) -> Result<Vec<Generation>, GenerationsError> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} ORDER BY generation"))).fetch_all(connection).await;
    rows.map_err(sql(READING))?.iter().map(of_row).collect()
}

/// One row.
///
/// # Errors
/// As [`all`].
pub async fn find(connection: &mut MySqlConnection, generation: i32) -> Result<Option<Generation>, GenerationsError> {
    let query = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE generation = ?"))).bind(generation);
    query.fetch_optional(connection).await.map_err(sql(READING))?.as_ref().map(of_row).transpose()
}

/// The newest generation of `topic` whose build is not complete. Whether somebody builds it now, the guard tells.
///
/// # Errors
/// As [`all`].
pub async fn building(connection: &mut MySqlConnection, topic: &str) -> Result<Option<Generation>, GenerationsError> {
    let unfinished = |row: &Generation| row.state == State::Building && row.topic == topic;
    Ok(all(connection).await?.into_iter().rfind(unfinished))
}

/// A number that no generation ever had: above every row, the live one, and all tables that are there.
///
/// # Errors
/// The database's.
pub async fn next_number(connection: &mut MySqlConnection) -> Result<i32, GenerationsError> {
    let unused = positions::unused_generation(&mut *connection).await?;
    let tables = shadow::generations(connection).await?;
    Ok(tables.into_iter().max().map_or(unused, |newest| unused.max(newest + 1)))
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
pub async fn begin(connection: &mut MySqlConnection, new: &New<'_>) -> Result<(), GenerationsError> {
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
pub(super) async fn ensure_live(connection: &mut MySqlConnection, new: &New<'_>) -> Result<(), GenerationsError> {
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

/// Writes down that a build goes on with `phase`, and who builds it now: it may have been begun by another.
///
/// # Errors
/// The database's.
pub async fn set_phase(
    connection: &mut MySqlConnection,
    generation: i32,
    phase: Phase,
) -> Result<(), GenerationsError> {
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
pub async fn set_records(
    connection: &mut MySqlConnection,
    generation: i32,
    records: i64,
) -> Result<(), GenerationsError> {
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
    connection: &mut MySqlConnection,
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
pub(super) async fn swapped(
    connection: &mut MySqlConnection,
    generation: i32,
    now: bool,
) -> Result<(), GenerationsError> {
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
pub(super) async fn dropped(connection: &mut MySqlConnection, generation: i32) -> Result<(), GenerationsError> {
    sqlx::query("UPDATE generations SET state = ? WHERE generation = ?")
        .bind(State::Dropped.as_str())
        .bind(generation)
        .execute(connection)
        .await
        .map(drop)
        .map_err(sql(WRITING))
}

/// The columns as they stand.
#[derive(FromRow)]
struct Columns {
    generation: i32,
    topic: String,
    cluster_id: String,
    topic_id: String,
    partition_count: i32,
    fold_version: i32,
    phase: String,
    state: String,
    ends: Option<String>,
    record_count: Option<i64>,
    order_count: Option<i64>,
    movement_count: Option<i64>,
    dead_letter_count: Option<i64>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    swapped_at: Option<DateTime<Utc>>,
    builder: Option<String>,
}

fn of_row(row: &MySqlRow) -> Result<Generation, GenerationsError> {
    let row = Columns::from_row(row).map_err(sql(READING))?;
    let corrupt = |problem| GenerationsError::CorruptRow { generation: row.generation, problem };
    let phase = Phase::ALL.into_iter().find(|phase| phase.as_str() == row.phase);
    let state = State::ALL.into_iter().find(|state| state.as_str() == row.state);
    let ends = row.ends.as_deref().map(serde_json::from_str).transpose();
    let counts = (row.record_count, row.order_count, row.movement_count, row.dead_letter_count);
    Ok(Generation {
        generation: row.generation,
        identity: LogIdentity {
            cluster_id: row.cluster_id.clone(),
            topic_id: row.topic_id.clone(),
            partition_count: row.partition_count,
        },
        fold_version: row.fold_version,
        phase: phase.ok_or_else(|| corrupt(format!("phase {} is not known", row.phase)))?,
        state: state.ok_or_else(|| corrupt(format!("state {} is not known", row.state)))?,
        records: row.record_count,
        ends: ends.map_err(|error| corrupt(format!("its ends are no array of offsets: {error}")))?,
        counts: match counts {
            (Some(records), Some(orders), Some(movements), Some(dead_letters)) => {
                Some(Counts { records, orders, movements, dead_letters })
            }
            _ => None,
        },
        topic: row.topic,
        started_at: row.started_at,
        finished_at: row.finished_at,
        swapped_at: row.swapped_at,
        builder: row.builder,
    })
}
