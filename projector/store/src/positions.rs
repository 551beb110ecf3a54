//! The table `positions`: reading, creating, and the compare-and-set that every batch begins with (INV-1). Reading also
//! gives the identity of the log that the positions belong to (INV-9), and the generation of the tables they stand in.

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger_database::Tables;
use ledger_fold::log_safety::LogIdentity;
use sqlx::{AssertSqlSafe, Executor, MySqlConnection, Row, SqlSafeStr, SqlStr};
use uuid::Uuid;

use crate::batch::{GenerationKey, Standing};
use crate::error::{StoreError, at};

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
}

/// What a batch does to a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    pub partition: i32,
    pub generation: GenerationKey,
    pub from: i64,
    pub to: i64,
}

/// The position as it was read: of that set of tables, at that offset.
const CURRENT: &str = "p.topic = ? AND p.kafka_partition = ? AND p.next_offset = ? AND p.generation = ? \
    AND p.generation_id = ?";

/// The statements on one table of positions.
#[derive(Debug, Clone)]
pub struct PositionStatements {
    compare_and_set: SqlStr,
    raise_furthest: SqlStr,
    of_topic: SqlStr,
    of_partition: SqlStr,
    read: SqlStr,
}

impl PositionStatements {
    pub fn new(tables: &Tables) -> Self {
        let table = &tables.positions;
        let text = |text: String| AssertSqlSafe(Arc::<str>::from(text)).into_sql_str();
        Self {
            // A row affected: nobody moved it since we read it, and nobody can until we commit, since the row is locked.
            // The generation: other tables may stand at the very same offset, and our state is not theirs.
            compare_and_set: text(if *tables == Tables::live() {
                // Live tables are read. What they reach may be observed, so it is kept in the same statement (INV-13).
                format!(
                    "UPDATE {table} p JOIN furthest_positions f USING (topic, kafka_partition) \
                     SET p.next_offset = ?, f.next_offset = GREATEST(f.next_offset, ?) \
                     WHERE {CURRENT}"
                )
            } else {
                format!("UPDATE {table} p SET p.next_offset = GREATEST(?, ?) WHERE {CURRENT}")
            }),
            raise_furthest: text(format!(
                "INSERT INTO furthest_positions (topic, kafka_partition, next_offset) \
                 SELECT topic, kafka_partition, next_offset FROM {table} WHERE topic = ? AND kafka_partition = ? \
                 ON DUPLICATE KEY UPDATE next_offset = GREATEST(furthest_positions.next_offset, VALUES(next_offset))"
            )),
            of_topic: text(format!(
                "SELECT kafka_partition, next_offset, generation, generation_id FROM {table} WHERE topic = ?"
            )),
            of_partition: text(format!(
                "SELECT next_offset, generation, generation_id, fold_version FROM {table} \
                 WHERE topic = ? AND kafka_partition = ?"
            )),
            read: text(format!(
                "SELECT kafka_partition, next_offset, cluster_id, topic_id, partition_count, generation, generation_id, \
                 fold_version FROM {table} WHERE topic = ? ORDER BY kafka_partition"
            )),
        }
    }

    /// Moves a position; false when it does not stand at `from`, or not in that generation.
    ///
    /// # Errors
    /// The database's.
    pub async fn compare_and_set(
        &self,
        connection: &mut MySqlConnection,
        topic: &str,
        Move { partition, generation, from, to }: Move,
    ) -> Result<bool, StoreError> {
        let query = sqlx::query(self.compare_and_set.clone()).bind(to).bind(to).bind(topic).bind(partition);
        let query = query.bind(from).bind(generation.number).bind(generation.id);
        let done = query.execute(connection).await.map_err(at("moving the position"))?;
        Ok(done.rows_affected() > 0)
    }

    /// Makes sure that a partition's furthest position is there and not before the live one: a compare-and-set needs it.
    ///
    /// # Errors
    /// The database's.
    pub async fn ensure_furthest(
        &self,
        connection: &mut MySqlConnection,
        topic: &str,
        partition: i32,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(self.raise_furthest.clone()).bind(topic).bind(partition);
        query.execute(connection).await.map(drop).map_err(at("raising the furthest position"))
    }

    /// All positions of a topic, by partition.
    ///
    /// # Errors
    /// The database's.
    pub async fn of_topic(
        &self,
        connection: &mut MySqlConnection,
        topic: &str,
    ) -> Result<BTreeMap<i32, Standing>, StoreError> {
        let query = sqlx::query_as::<_, (i32, i64, i32, Uuid)>(self.of_topic.clone()).bind(topic);
        let rows = query.fetch_all(connection).await.map_err(at("reading the positions"))?;
        let standing = |(partition, next_offset, number, id)| {
            (partition, Standing { next_offset, generation: GenerationKey { number, id } })
        };
        Ok(rows.into_iter().map(standing).collect())
    }

    /// The position of one partition, and the version of the fold.
    ///
    /// # Errors
    /// The database's, or [`StoreError::PositionGone`].
    pub async fn of_partition(
        &self,
        connection: &mut MySqlConnection,
        topic: &str,
        partition: i32,
    ) -> Result<(Standing, i32), StoreError> {
        let query = sqlx::query_as::<_, (i64, i32, Uuid, i32)>(self.of_partition.clone()).bind(topic).bind(partition);
        let found = query.fetch_optional(connection).await.map_err(at("reading the position"))?;
        let (next_offset, number, id, fold_version) =
            found.ok_or_else(|| StoreError::PositionGone { topic: topic.to_owned(), partition })?;
        Ok((Standing { next_offset, generation: GenerationKey { number, id } }, fold_version))
    }

    /// Positions of a topic whole, in order of partition.
    ///
    /// # Errors
    /// The database's.
    pub async fn read(&self, connection: &mut MySqlConnection, topic: &str) -> Result<Vec<StoredPosition>, StoreError> {
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
    })
}

/// Live positions of `topic` with the identity of their log, in order of partition.
///
/// # Errors
/// The database's.
pub async fn read(connection: &mut MySqlConnection, topic: &str) -> Result<Vec<StoredPosition>, StoreError> {
    PositionStatements::new(&Tables::live()).read(connection, topic).await
}

/// The name of another topic that has positions, if any.
///
/// # Errors
/// The database's.
pub async fn other_topic(connection: &mut MySqlConnection, topic: &str) -> Result<Option<String>, StoreError> {
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
pub async fn table_with_rows(connection: &mut MySqlConnection) -> Result<Option<&'static str>, StoreError> {
    const CHECKS: [(&str, &str); 4] = [
        ("orders", "SELECT 1 FROM orders LIMIT 1"),
        ("stock", "SELECT 1 FROM stock LIMIT 1"),
        ("stock_movements", "SELECT 1 FROM stock_movements LIMIT 1"),
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

/// Allots a number that no generation of tables had, nor will get again: one row counts them, for projectors and rebuilds
/// alike, so that two who ask at the same time cannot get the same.
///
/// # Errors
/// The database's, or [`StoreError::NumbersGone`].
pub async fn allot_generation(connection: &mut MySqlConnection) -> Result<i32, StoreError> {
    const STEP: &str = "allotting a generation's number";
    let counted = sqlx::query("UPDATE generation_numbers SET last_number = LAST_INSERT_ID(last_number + 1)")
        .execute(&mut *connection)
        .await
        .map_err(at(STEP))?;
    if counted.rows_affected() != 1 {
        return Err(StoreError::NumbersGone);
    }
    let number: i64 =
        sqlx::query_scalar("SELECT CAST(LAST_INSERT_ID() AS SIGNED)").fetch_one(connection).await.map_err(at(STEP))?;
    i32::try_from(number).map_err(|_| StoreError::NumbersGone)
}

/// What positions that are created say of their tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    pub generation: GenerationKey,
    pub fold_version: i32,
}

/// Creates the positions of a log that nothing was folded from, all of them or none.
///
/// # Errors
/// The database's; a duplicate key when another projector was faster.
pub async fn create(
    connection: &mut MySqlConnection,
    topic: &str,
    identity: &LogIdentity,
    origin: Origin,
    furthest: &[i64],
) -> Result<(), StoreError> {
    create_all(connection, &Tables::live(), topic, identity, origin, furthest).await
}

/// As [`create`], in the positions of `tables`, which nobody reads.
///
/// # Errors
/// As there.
pub async fn create_in(
    connection: &mut MySqlConnection,
    tables: &Tables,
    topic: &str,
    identity: &LogIdentity,
    origin: Origin,
) -> Result<(), StoreError> {
    create_all(connection, tables, topic, identity, origin, &[]).await
}

async fn create_all(
    connection: &mut MySqlConnection,
    tables: &Tables,
    topic: &str,
    identity: &LogIdentity,
    origin: Origin,
    furthest: &[i64],
) -> Result<(), StoreError> {
    connection.execute("START TRANSACTION").await.map_err(at("creating the positions"))?;
    let inserted = match insert_all(connection, &tables.positions, topic, identity, origin).await {
        Ok(()) => insert_furthest(connection, topic, furthest).await,
        failed => failed,
    };
    if let Err(error) = inserted {
        // The cause matters more than a roll-back that fails, too: the connection is dropped then.
        let _ = connection.execute("ROLLBACK").await;
        return Err(at("creating the positions")(error));
    }
    connection.execute("COMMIT").await.map(drop).map_err(at("creating the positions"))
}

async fn insert_all(
    connection: &mut MySqlConnection,
    table: &str,
    topic: &str,
    identity: &LogIdentity,
    origin: Origin,
) -> Result<(), sqlx::Error> {
    let text = format!(
        "INSERT INTO {table} (topic, kafka_partition, next_offset, cluster_id, topic_id, partition_count, generation, \
         generation_id, fold_version) VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?)"
    );
    let text = AssertSqlSafe(Arc::<str>::from(text)).into_sql_str();
    for partition in 0..identity.partition_count {
        sqlx::query(text.clone())
            .bind(topic)
            .bind(partition)
            .bind(&identity.cluster_id)
            .bind(&identity.topic_id)
            .bind(identity.partition_count)
            .bind(origin.generation.number)
            .bind(origin.generation.id)
            .bind(origin.fold_version)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Where a partition has a row already, it is never lowered.
async fn insert_furthest(connection: &mut MySqlConnection, topic: &str, furthest: &[i64]) -> Result<(), sqlx::Error> {
    for (partition, next_offset) in (0_i32..).zip(furthest) {
        sqlx::query(
            "INSERT INTO furthest_positions (topic, kafka_partition, next_offset) VALUES (?, ?, ?) \
             ON DUPLICATE KEY UPDATE next_offset = GREATEST(next_offset, VALUES(next_offset))",
        )
        .bind(topic)
        .bind(partition)
        .bind(next_offset)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
