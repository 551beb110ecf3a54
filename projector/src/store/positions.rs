//! The table `positions`: reading, creating, and the compare-and-set that every batch begins with (INV-1). Reading also
//! gives the identity of the log that the positions belong to (INV-9).

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger_fold::log_safety::LogIdentity;

use sqlx::{AssertSqlSafe, Executor, MySqlConnection, Row, SqlSafeStr, SqlStr};

use super::{StoreError, Tables, at};

/// One row of `positions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPosition {
    pub partition: i32,
    pub next_offset: i64,
    pub identity: LogIdentity,
}

/// The statements on one table of positions.
#[derive(Debug, Clone)]
pub struct PositionStatements {
    compare_and_set: SqlStr,
    of_topic: SqlStr,
    of_partition: SqlStr,
}

impl PositionStatements {
    pub fn new(tables: &Tables) -> Self {
        let table = &tables.positions;
        let text = |text: String| AssertSqlSafe(Arc::<str>::from(text)).into_sql_str();
        Self {
            // One row affected: nobody moved it since we read it, and nobody can until we commit, since the row is locked.
            compare_and_set: text(format!(
                "UPDATE {table} SET next_offset = ? WHERE topic = ? AND kafka_partition = ? AND next_offset = ?"
            )),
            of_topic: text(format!("SELECT kafka_partition, next_offset FROM {table} WHERE topic = ?")),
            of_partition: text(format!("SELECT next_offset FROM {table} WHERE topic = ? AND kafka_partition = ?")),
        }
    }

    /// Moves a position; false when it does not stand at `from`.
    ///
    /// # Errors
    /// The database's.
    pub async fn compare_and_set(
        &self,
        connection: &mut MySqlConnection,
        topic: &str,
        partition: i32,
        from: i64,
        to: i64,
    ) -> Result<bool, StoreError> {
        let query = sqlx::query(self.compare_and_set.clone()).bind(to).bind(topic).bind(partition).bind(from);
        let done = query.execute(connection).await.map_err(at("moving the position"))?;
        Ok(done.rows_affected() == 1)
    }

    /// All positions of a topic, by partition.
    ///
    /// # Errors
    /// The database's.
    pub async fn of_topic(
        &self,
        connection: &mut MySqlConnection,
        topic: &str,
    ) -> Result<BTreeMap<i32, i64>, StoreError> {
        let query = sqlx::query_as::<_, (i32, i64)>(self.of_topic.clone()).bind(topic);
        let rows = query.fetch_all(connection).await.map_err(at("reading the positions"))?;
        Ok(rows.into_iter().collect())
    }

    /// The position of one partition.
    ///
    /// # Errors
    /// The database's, or [`StoreError::PositionGone`].
    pub async fn of_partition(
        &self,
        connection: &mut MySqlConnection,
        topic: &str,
        partition: i32,
    ) -> Result<i64, StoreError> {
        let query = sqlx::query_scalar(self.of_partition.clone()).bind(topic).bind(partition);
        let found = query.fetch_optional(connection).await.map_err(at("reading the position"))?;
        found.ok_or_else(|| StoreError::PositionGone { topic: topic.to_owned(), partition })
    }
}

/// Positions of `topic` with the identity of their log, in order of partition.
///
/// # Errors
/// The database's.
pub async fn read(connection: &mut MySqlConnection, topic: &str) -> Result<Vec<StoredPosition>, StoreError> {
    let rows = sqlx::query(
        "SELECT kafka_partition, next_offset, cluster_id, topic_id, partition_count FROM positions \
         WHERE topic = ? ORDER BY kafka_partition",
    )
    .bind(topic)
    .fetch_all(connection)
    .await
    .map_err(at("reading the positions"))?;
    let position = |row: &sqlx::mysql::MySqlRow| {
        Ok(StoredPosition {
            partition: row.try_get(0)?,
            next_offset: row.try_get(1)?,
            identity: LogIdentity {
                cluster_id: row.try_get(2)?,
                topic_id: row.try_get(3)?,
                partition_count: row.try_get(4)?,
            },
        })
    };
    rows.iter().map(position).collect::<Result<_, _>>().map_err(at("reading the positions"))
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

/// Creates the positions of a log that nothing was folded from, all of them or none.
///
/// # Errors
/// The database's; a duplicate key when another projector was faster.
pub async fn create(connection: &mut MySqlConnection, topic: &str, identity: &LogIdentity) -> Result<(), StoreError> {
    connection.execute("START TRANSACTION").await.map_err(at("creating the positions"))?;
    for partition in 0..identity.partition_count {
        let inserted = sqlx::query(
            "INSERT INTO positions (topic, kafka_partition, next_offset, cluster_id, topic_id, partition_count) \
             VALUES (?, ?, 0, ?, ?, ?)",
        )
        .bind(topic)
        .bind(partition)
        .bind(&identity.cluster_id)
        .bind(&identity.topic_id)
        .bind(identity.partition_count)
        .execute(&mut *connection)
        .await;
        if let Err(error) = inserted {
            // The cause matters more than a roll-back that fails, too: the connection is dropped then.
            let _ = connection.execute("ROLLBACK").await;
            return Err(at("creating the positions")(error));
        }
    }
    connection.execute("COMMIT").await.map_err(at("creating the positions"))?;
    Ok(())
}
