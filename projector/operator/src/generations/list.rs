//! All generations, for an operator: what is written down of each, and what there is of its tables. It only reads, needs the
//! owner's rights to see tables that are not live, and takes no guard.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use ledger_database::Tables;
use ledger_database::schema_version;
use ledger_database::{DatabaseUrl, NO_SUCH_TABLE, Watched, number_of};
use ledger_store::generations::{Counts, Generation, Holder, Phase, State, Work};
use serde::Serialize;
use sqlx::AssertSqlSafe;

use super::error::{GenerationsError, sql};
use super::shadow;

/// How often tables may be swapped or dropped under a list.
const ATTEMPTS: u32 = 5;

/// What a generation is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ListedState {
    Live,
    /// Can be rolled back to.
    Kept,
    /// Somebody builds it.
    Building,
    /// Its build ended early: `ledger rebuild` continues it.
    Interrupted,
    /// Some of its tables are missing; it can only be dropped.
    Incomplete,
    Dropped,
}

impl ListedState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Kept => "kept",
            Self::Building => "building",
            Self::Interrupted => "interrupted",
            Self::Incomplete => "incomplete",
            Self::Dropped => "dropped",
        }
    }
}

/// One generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    pub generation: i32,
    pub state: ListedState,
    /// How far its build came.
    pub phase: Option<Phase>,
    pub fold_version: Option<i32>,
    /// Records of the log that its tables stand for now: the sum of its positions.
    pub records: Option<i64>,
    /// When its build was complete.
    pub built: Option<Counts>,
    /// Of its tables, on the server's disk.
    pub bytes: Option<i64>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    /// When it became live, the last time.
    pub swapped_at: Option<DateTime<Utc>>,
    pub builder: Option<String>,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listing {
    pub topic: String,
    pub live: Option<i32>,
    /// Who changes something about them now.
    pub working: Option<Holder>,
    /// By number.
    pub items: Vec<Listed>,
}

/// Lists all generations.
///
/// # Errors
/// The database's, or tables that are not of this program's version.
pub async fn run(owner: &DatabaseUrl, topic: &str) -> Result<Listing, GenerationsError> {
    let mut connection = ledger_database::connect(owner).await?;
    schema_version::check(&mut connection).await?;
    let mut attempts = 0;
    loop {
        attempts += 1;
        match read(&mut connection, topic).await {
            // A table that was there a moment ago was swapped or dropped in between: once more, for one picture of all.
            Err(GenerationsError::Sql { cause, .. })
                if number_of(&cause) == Some(NO_SUCH_TABLE) && attempts < ATTEMPTS => {}
            listing => return listing,
        }
    }
}

async fn read(connection: &mut Watched, topic: &str) -> Result<Listing, GenerationsError> {
    let working = ledger_store::generations::holder(connection).await?;
    let live = ledger_store::generations::live(connection, topic).await?;
    let rows: BTreeMap<i32, Generation> =
        ledger_store::generations::all(connection).await?.into_iter().map(|row| (row.generation, row)).collect();
    let tables = shadow::generations(connection).await?;
    let mut items = Vec::new();
    let numbers: BTreeSet<i32> =
        rows.keys().copied().chain(tables).chain(live.iter().map(|live| live.generation)).collect();
    for generation in numbers {
        let row = rows.get(&generation);
        let is_live = live.as_ref().is_some_and(|live| live.generation == generation);
        let tables = if is_live { Tables::live() } else { Tables::of_generation(generation) };
        let there = shadow::existing(connection, &tables).await?;
        let complete = there.len() == tables.names().len();
        let (records, fold_version) = stands(connection, &tables, topic, &there).await?;
        items.push(Listed {
            generation,
            state: state_of(generation, is_live, complete, row, working.as_ref()),
            phase: row.map(|row| row.phase),
            fold_version: fold_version.or(row.map(|row| row.fold_version)),
            records,
            built: row.and_then(|row| row.counts),
            bytes: bytes(connection, &there).await?,
            started_at: row.and_then(|row| row.started_at),
            finished_at: row.and_then(|row| row.finished_at),
            swapped_at: row.and_then(|row| row.swapped_at),
            builder: row.and_then(|row| row.builder.clone()),
        });
    }
    Ok(Listing { topic: topic.to_owned(), live: live.map(|live| live.generation), working, items })
}

fn state_of(
    generation: i32,
    is_live: bool,
    complete: bool,
    row: Option<&Generation>,
    working: Option<&Holder>,
) -> ListedState {
    let work = working.and_then(|holder| holder.work.as_ref());
    let is_built =
        work.is_some_and(|work| work.command == Work::Rebuild.as_str() && work.generation == Some(generation));
    match row.map(|row| row.state) {
        _ if is_live => ListedState::Live,
        Some(State::Dropped) => ListedState::Dropped,
        Some(State::Building) if is_built => ListedState::Building,
        Some(State::Building) => ListedState::Interrupted,
        Some(State::Kept) | None if complete => ListedState::Kept,
        Some(State::Kept) | None => ListedState::Incomplete,
    }
}

/// Sum of the positions, and the fold's version, where there are any.
async fn stands(
    connection: &mut Watched,
    tables: &Tables,
    topic: &str,
    there: &[String],
) -> Result<(Option<i64>, Option<i32>), GenerationsError> {
    if !there.contains(&tables.positions) {
        return Ok((None, None));
    }
    let text = format!(
        "SELECT CAST(SUM(next_offset) AS SIGNED), MIN(fold_version) FROM `{}` WHERE topic = ?",
        tables.positions
    );
    let query = sqlx::query_as(AssertSqlSafe(text)).bind(topic);
    query.fetch_one(connection).await.map_err(sql("reading positions"))
}

async fn bytes(connection: &mut Watched, there: &[String]) -> Result<Option<i64>, GenerationsError> {
    let mut sum = None;
    for name in there {
        // NULL is the server's word for a size that it does not know, and no row one for a table that was dropped meanwhile.
        let bytes: Option<i64> = sqlx::query_scalar(
            "SELECT CAST(COALESCE(data_length + index_length, 0) AS SIGNED) FROM information_schema.tables \
             WHERE table_schema = DATABASE() AND table_name = ?",
        )
        .bind(name)
        .fetch_optional(&mut *connection)
        .await
        .map_err(sql("reading sizes"))?;
        sum = Some(sum.unwrap_or(0) + bytes.unwrap_or(0));
    }
    Ok(sum)
}
