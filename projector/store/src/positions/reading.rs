//! Positions as they are read: where each partition stands, of which log (INV-9), in which generation of tables, and whether it is
//! paused (INV-14). It only reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use ledger_database::{Tables, Watched};
use ledger_fold::log_safety::LogIdentity;
use sqlx::{AssertSqlSafe, Row, SqlSafeStr, SqlStr};
use uuid::Uuid;

use crate::batch::{GenerationKey, Standing};
use crate::error::{StoreError, at};
use crate::pause::Pause;

/// One row of `positions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPosition {
    pub partition: i32,
    pub next_offset: i64,
    pub identity: LogIdentity,
    /// The set of tables that it stands in; the same in all rows of a topic.
    pub generation: GenerationKey,
    /// Of the rules that the tables were folded by; the same in all rows of a topic.
    pub fold_version: i32,
    /// That an operator has paused it; always `None` of tables that are not live, which nobody pauses.
    pub paused: Option<Pause>,
}

/// The statements that read one table of positions.
#[derive(Debug, Clone)]
pub struct PositionStatements {
    of_topic: SqlStr,
    of_partition: SqlStr,
    read: SqlStr,
}

impl PositionStatements {
    pub fn new(tables: &Tables) -> Self {
        let table = &tables.positions;
        let text = |text: String| AssertSqlSafe(Arc::<str>::from(text)).into_sql_str();
        let (join, is_paused, pause) = if *tables == Tables::live() {
            ("LEFT JOIN furthest_positions f USING (topic, kafka_partition)", "COALESCE(f.is_paused, FALSE)", PAUSE)
        } else {
            ("", "FALSE", "FALSE, NULL, NULL, NULL")
        };
        Self {
            of_topic: text(format!(
                "SELECT p.kafka_partition, p.next_offset, p.generation, p.generation_id, {is_paused} FROM {table} p {join} WHERE p.topic = ?"
            )),
            of_partition: text(format!(
                "SELECT p.next_offset, p.generation, p.generation_id, {is_paused}, p.fold_version FROM {table} p {join} \
                 WHERE p.topic = ? AND p.kafka_partition = ?"
            )),
            read: text(format!(
                "SELECT p.kafka_partition, p.next_offset, p.cluster_id, p.topic_id, p.partition_count, p.generation, \
                 p.generation_id, p.fold_version, {pause} FROM {table} p {join} WHERE p.topic = ? ORDER BY p.kafka_partition"
            )),
        }
    }

    /// All positions of a topic, by partition.
    ///
    /// # Errors
    /// The database's.
    pub async fn of_topic(&self, connection: &mut Watched, topic: &str) -> Result<BTreeMap<i32, Standing>, StoreError> {
        let query = sqlx::query_as::<_, (i32, i64, i32, Uuid, bool)>(self.of_topic.clone()).bind(topic);
        let rows = query.fetch_all(connection).await.map_err(at("reading the positions"))?;
        let standing = |(partition, next_offset, number, id, is_paused)| {
            (partition, Standing { next_offset, generation: GenerationKey { number, id }, is_paused })
        };
        Ok(rows.into_iter().map(standing).collect())
    }

    /// The position of one partition, and the version of the fold.
    ///
    /// # Errors
    /// The database's, or [`StoreError::PositionGone`].
    pub async fn of_partition(
        &self,
        connection: &mut Watched,
        topic: &str,
        partition: i32,
    ) -> Result<(Standing, i32), StoreError> {
        let query =
            sqlx::query_as::<_, (i64, i32, Uuid, bool, i32)>(self.of_partition.clone()).bind(topic).bind(partition);
        let found = query.fetch_optional(connection).await.map_err(at("reading the position"))?;
        let (next_offset, number, id, is_paused, fold_version) =
            found.ok_or_else(|| StoreError::PositionGone { topic: topic.to_owned(), partition })?;
        Ok((Standing { next_offset, generation: GenerationKey { number, id }, is_paused }, fold_version))
    }

    /// Positions of a topic whole, in order of partition.
    ///
    /// # Errors
    /// The database's.
    pub async fn read(&self, connection: &mut Watched, topic: &str) -> Result<Vec<StoredPosition>, StoreError> {
        let query = sqlx::query(self.read.clone()).bind(topic);
        let rows = query.fetch_all(connection).await.map_err(at("reading the positions"))?;
        rows.iter().map(stored_position).collect::<Result<_, _>>().map_err(at("reading the positions"))
    }
}

fn stored_position(row: &sqlx::mysql::MySqlRow) -> Result<StoredPosition, sqlx::Error> {
    Ok(StoredPosition {
        partition: row.try_get(0)?,
        next_offset: row.try_get(1)?,
        identity: LogIdentity {
            cluster_id: row.try_get(2)?,
            topic_id: row.try_get(3)?,
            partition_count: row.try_get(4)?,
        },
        generation: GenerationKey { number: row.try_get(5)?, id: row.try_get(6)? },
        fold_version: row.try_get(7)?,
        paused: pause(row)?,
    })
}

/// What follows a position in a row of [`PositionStatements::read`].
const PAUSE: &str = "COALESCE(f.is_paused, FALSE), f.paused_at, f.paused_by, f.pause_reason";

/// A pause without a time or a name is refused by the table itself.
fn pause(row: &sqlx::mysql::MySqlRow) -> Result<Option<Pause>, sqlx::Error> {
    if !row.try_get::<bool, _>(8)? {
        return Ok(None);
    }
    let (since, by): (DateTime<Utc>, String) = (row.try_get(9)?, row.try_get(10)?);
    Ok(Some(Pause { since, by, reason: row.try_get(11)? }))
}

/// Live positions of `topic` with the identity of their log, in order of partition.
///
/// # Errors
/// The database's.
pub async fn read(connection: &mut Watched, topic: &str) -> Result<Vec<StoredPosition>, StoreError> {
    PositionStatements::new(&Tables::live()).read(connection, topic).await
}

/// The name of another topic that has positions, if any.
///
/// # Errors
/// The database's.
pub async fn other_topic(connection: &mut Watched, topic: &str) -> Result<Option<String>, StoreError> {
    sqlx::query_scalar("SELECT topic FROM positions WHERE topic <> ? ORDER BY topic LIMIT 1")
        .bind(topic)
        .fetch_optional(connection)
        .await
        .map_err(at("reading the positions"))
}

/// A table that holds rows of a fold, if any does: without positions nobody can know what they stand for.
///
/// # Errors
/// The database's.
pub async fn table_with_rows(connection: &mut Watched) -> Result<Option<&'static str>, StoreError> {
    const CHECKS: [(&str, &str); 6] = [
        ("orders", "SELECT 1 FROM orders LIMIT 1"),
        ("stock", "SELECT 1 FROM stock LIMIT 1"),
        ("stock_movements", "SELECT 1 FROM stock_movements LIMIT 1"),
        ("reservations", "SELECT 1 FROM reservations LIMIT 1"),
        ("open_orders", "SELECT 1 FROM open_orders LIMIT 1"),
        ("dead_letters", "SELECT 1 FROM dead_letters LIMIT 1"),
    ];
    for (table, text) in CHECKS {
        let query = sqlx::query_scalar::<_, i32>(text).fetch_optional(&mut *connection);
        if query.await.map_err(at("looking for rows"))?.is_some() {
            return Ok(Some(table));
        }
    }
    Ok(None)
}
