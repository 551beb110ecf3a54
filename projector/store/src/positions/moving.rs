//! How every batch begins: its transaction, and in it the compare-and-set of each of its partitions (INV-1), with the furthest position that
//! readers hold live tables against (INV-13). It must never move a position that does not stand where its caller loaded it.

use std::fmt::Write as _;
use std::sync::Arc;

use futures_util::StreamExt;
use ledger_database::{Tables, Watched};
use ledger_failpoints::FailPoint;
use sqlx::{AssertSqlSafe, Either, Executor, SqlSafeStr, SqlStr};

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
    /// generation. In one round trip however many there are: a small batch has few more, and on a busy machine each costs what it takes
    /// until both sides get the processor.
    ///
    /// # Errors
    /// The database's. A transaction may be open.
    pub async fn begin(&self, connection: &mut Watched, topic: &str, moves: &[Move]) -> Result<Vec<i32>, StoreError> {
        let text = AssertSqlSafe(self.beginning(topic, moves));
        let mut answers = connection.fetch_many(text);
        let mut begun = false;
        let mut moved = Vec::with_capacity(moves.len());
        while let Some(answer) = answers.next().await {
            let step = if begun { "moving the position" } else { "beginning the transaction" };
            match answer.map_err(at(step))? {
                Either::Left(_) if !begun => {
                    begun = true;
                    ledger_failpoints::reach(FailPoint::StoreBegun);
                }
                Either::Left(done) => {
                    moved.push(done.rows_affected() > 0);
                    if moved.last() == Some(&true) {
                        ledger_failpoints::reach(FailPoint::StorePositionMoved);
                    }
                }
                Either::Right(_) => {}
            }
        }
        let missed = |(step, moved): (&Move, bool)| (!moved).then_some(step.partition);
        // An answer that is not there has moved nothing.
        Ok(moves.iter().zip(moved.into_iter().chain(std::iter::repeat(false))).filter_map(missed).collect())
    }

    /// The statements, one after the other in one text. The values are numbers, and bytes as hexadecimal digits: nothing in them can end a
    /// literal.
    fn beginning(&self, topic: &str, moves: &[Move]) -> String {
        let table = &self.table;
        let topic = hex(topic.as_bytes());
        let mut text = "START TRANSACTION".to_owned();
        for Move { partition, generation, from, to } in moves {
            let id = hex(generation.id.as_bytes());
            // Live tables are read. What they reach may be observed, so it is kept in the same statement (INV-13).
            let change = if self.is_live {
                format!(
                    "{table} p JOIN furthest_positions f USING (topic, kafka_partition) \
                     SET p.next_offset = {to}, f.next_offset = GREATEST(f.next_offset, {to})"
                )
            } else {
                format!("{table} p SET p.next_offset = {to}")
            };
            // A row affected: nobody moved it since we read it, and nobody can until we commit, since the row is locked.
            // The generation: other tables may stand at the very same offset, and our state is not theirs.
            let _ = write!(
                text,
                "; UPDATE {change} WHERE p.topic = _ascii {topic} AND p.kafka_partition = {partition} \
                 AND p.next_offset = {from} AND p.generation = {} AND p.generation_id = {id}",
                generation.number
            );
        }
        text
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

/// Bytes as a literal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
