//! How every batch begins: its transaction, and in it the compare-and-set of each of its partitions (INV-1), with the furthest position that
//! readers hold live tables against (INV-13). It must never move a position that does not stand where its caller loaded it, nor a live one
//! that an operator has paused, nor one over a record whose skip its caller does not know of (INV-14).

use std::sync::Arc;

use ledger_database::literals::Literals;
use ledger_database::{Tables, Watched};
use ledger_failpoints::FailPoint;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use crate::batch::GenerationKey;
use crate::error::{StoreError, at};
use crate::script;

/// What a batch does to a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    pub partition: i32,
    pub generation: GenerationKey,
    pub from: i64,
    pub to: i64,
    /// The last record between them that is parked because an operator had it skipped.
    pub last_skip: Option<i64>,
}

/// The statements that move positions of one table.
#[derive(Debug, Clone)]
pub struct MoveStatements {
    table: String,
    is_live: bool,
    raise_furthest: SqlStr,
}

impl MoveStatements {
    pub fn new(tables: &Tables) -> Self {
        let table = &tables.positions;
        let raise_furthest = format!(
            "INSERT INTO furthest_positions (topic, kafka_partition, next_offset) \
             SELECT topic, kafka_partition, next_offset FROM {table} WHERE topic = ? AND kafka_partition = ? \
             ON DUPLICATE KEY UPDATE next_offset = GREATEST(furthest_positions.next_offset, VALUES(next_offset))"
        );
        Self {
            table: table.clone(),
            is_live: *tables == Tables::live(),
            raise_furthest: AssertSqlSafe(Arc::<str>::from(raise_furthest)).into_sql_str(),
        }
    }

    /// Begins the transaction of a batch and moves its positions; gives the partitions that do not stand at `from`, or not in that
    /// generation, or are paused, or have a skip that the batch does not know. In one round trip however many there are: a small batch has few
    /// more, and on a busy machine each costs what it takes until both sides get the processor.
    ///
    /// # Errors
    /// The database's. A transaction may be open.
    pub async fn begin(&self, connection: &mut Watched, topic: &str, moves: &[Move]) -> Result<Vec<i32>, StoreError> {
        let mut missed = Vec::new();
        let statements = std::iter::once(None).chain(moves.iter().map(Some)).collect();
        script::send(connection, self.beginning(topic, moves), statements, |step, affected| {
            let Some(step) = step else {
                affected.map_err(at("beginning the transaction"))?;
                ledger_failpoints::reach(FailPoint::StoreBegun);
                return Ok(());
            };
            if affected.map_err(at("moving the position"))? > 0 {
                ledger_failpoints::reach(FailPoint::StorePositionMoved);
            } else {
                missed.push(step.partition);
            }
            Ok::<_, StoreError>(())
        })
        .await?;
        Ok(missed)
    }

    /// The statements, one after the other in one text.
    fn beginning(&self, topic: &str, moves: &[Move]) -> String {
        let mut literals = Literals::default();
        literals.sql("START TRANSACTION");
        for Move { partition, generation, from, to, last_skip } in moves {
            literals.sql("; UPDATE ").sql(&self.table).sql(" p ");
            if self.is_live {
                // Live tables are read. What they reach may be observed, so it is kept in the same statement (INV-13).
                literals.sql("JOIN furthest_positions f USING (topic, kafka_partition) ");
                literals.sql("SET p.next_offset = ").number(*to);
                literals.sql(", f.next_offset = GREATEST(f.next_offset, ").number(*to).sql(")");
            } else {
                literals.sql("SET p.next_offset = ").number(*to);
            }
            // A row affected: nobody moved it since we read it, and nobody can until we commit, since the row is locked.
            // The generation: other tables may stand at the very same offset, and our state is not theirs.
            literals.sql(" WHERE p.topic = ").text(topic).sql(" AND p.kafka_partition = ").number(*partition);
            literals.sql(" AND p.next_offset = ").number(*from).sql(" AND p.generation = ").number(generation.number);
            literals.sql(" AND p.generation_id = ").id(generation.id);
            if self.is_live {
                // In the very row that is locked: whoever pauses waits for this transaction, or this statement misses. So with a skip: its
                // offset was not folded by anybody when it was written, so a state that does not know it was loaded before.
                literals.sql(" AND f.is_paused = FALSE AND (f.last_skip IS NULL OR f.last_skip < ").number(*from);
                literals.sql(" OR f.last_skip >= ").number(*to);
                if let Some(last_skip) = last_skip {
                    literals.sql(" OR f.last_skip = ").number(*last_skip);
                }
                literals.sql(")");
            }
        }
        literals.take()
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
