//! The compare-and-set that every batch begins with (INV-1), and the furthest position that readers hold live tables against
//! (INV-13). It must never move a position that does not stand where its caller loaded it.

use std::sync::Arc;

use ledger_database::{Tables, Watched};
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use crate::batch::GenerationKey;
use crate::error::{StoreError, at};

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

/// The statements that move positions of one table.
#[derive(Debug, Clone)]
pub struct MoveStatements {
    compare_and_set: SqlStr,
    raise_furthest: SqlStr,
}

impl MoveStatements {
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
        }
    }

    /// Moves a position; false when it does not stand at `from`, or not in that generation.
    ///
    /// # Errors
    /// The database's.
    pub async fn compare_and_set(
        &self,
        connection: &mut Watched,
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
        connection: &mut Watched,
        topic: &str,
        partition: i32,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(self.raise_furthest.clone()).bind(topic).bind(partition);
        query.execute(connection).await.map(drop).map_err(at("raising the furthest position"))
    }
}
