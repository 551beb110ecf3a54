//! The table `generations`: what is known of each set of tables besides which is live. Rows are written by an operator's
//! command that holds the guard; anybody may read, and here is only reading.

use chrono::{DateTime, Utc};
use ledger_database::Watched;
use ledger_fold::log_safety::LogIdentity;
use serde::Serialize;
use sqlx::FromRow;
use sqlx::mysql::MySqlRow;

use crate::error::{StoreError, at};

const READING: &str = "reading the generations";

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

const COLUMNS: &str = "SELECT generation, topic, cluster_id, topic_id, partition_count, fold_version, phase, state, ends, \
     record_count, order_count, movement_count, dead_letter_count, started_at, finished_at, swapped_at, builder \
     FROM generations";

/// All rows, by number.
///
/// # Errors
/// The database's, or a row that cannot be.
pub async fn all(connection: &mut Watched) -> Result<Vec<Generation>, StoreError> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} ORDER BY generation"))).fetch_all(connection).await;
    rows.map_err(at(READING))?.iter().map(of_row).collect()
}

/// One row.
///
/// # Errors
/// As [`all`].
pub async fn find(connection: &mut Watched, generation: i32) -> Result<Option<Generation>, StoreError> {
    let query = sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE generation = ?"))).bind(generation);
    query.fetch_optional(connection).await.map_err(at(READING))?.as_ref().map(of_row).transpose()
}

/// The newest generation of `topic` whose build is not complete. Whether somebody builds it now is to be seen by the guard.
///
/// # Errors
/// As [`all`].
pub async fn building(connection: &mut Watched, topic: &str) -> Result<Option<Generation>, StoreError> {
    let unfinished = |row: &Generation| row.state == State::Building && row.topic == topic;
    Ok(all(connection).await?.into_iter().rfind(unfinished))
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

fn of_row(row: &MySqlRow) -> Result<Generation, StoreError> {
    let row = Columns::from_row(row).map_err(at(READING))?;
    let corrupt = |problem| StoreError::CorruptRow { table: "generations", key: row.generation.to_string(), problem };
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
