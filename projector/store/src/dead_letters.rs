//! The statement that parks records (INV-8). Read next: `parked.rs`, what is kept of a record.

use ledger_database::Tables;
use ledger_database::statements::Shaped;
use ledger_failpoints::FailPoint;
use sqlx::mysql::MySqlArguments;
use sqlx::{Arguments, MySqlConnection};

use crate::batch::PartitionBatch;
use crate::error::{StoreError, at};
use crate::parked::{DeadLetter, of_batch};

/// The insert of one table of dead letters.
#[derive(Debug, Clone)]
pub struct DeadLetterStatements {
    insert: Shaped,
}

/// Above this many bytes the dead letters of a batch go one to a statement, to stay below `max_allowed_packet`.
const MAX_SHARED_STATEMENT_BYTES: usize = 4 * 1024 * 1024;

impl DeadLetterStatements {
    pub fn new(tables: &Tables) -> Self {
        let before = format!(
            "INSERT INTO {} (kafka_partition, kafka_offset, reason, detail, message_key, message_value, value_bytes, \
             message_headers) VALUES",
            tables.dead_letters
        );
        Self { insert: Shaped::new(&before, "(?, ?, ?, ?, ?, ?, ?, ?)", "") }
    }

    /// Parks what the batch could not fold. A unique key that objects here is no duplicate but a table that does not
    /// belong to the position, and an error.
    ///
    /// # Errors
    /// The database's.
    pub async fn insert_dead_letters(
        &self,
        connection: &mut MySqlConnection,
        batch: &[PartitionBatch<'_>],
    ) -> Result<(), StoreError> {
        let letters = |one| of_batch(one).map(|letter| (one.effects.partition, letter));
        let rows: Vec<(i32, DeadLetter<'_>)> = batch.iter().flat_map(letters).collect();
        let size: usize = rows.iter().map(|(_, letter)| letter.size()).sum();
        let together = if size > MAX_SHARED_STATEMENT_BYTES { 1 } else { rows.len().max(1) };
        for rows in rows.chunks(together) {
            let done = self
                .insert
                .execute(connection, rows, bind, || ledger_failpoints::reach(FailPoint::StoreDeadLetters))
                .await;
            done.map_err(at("parking records"))?;
        }
        Ok(())
    }
}

fn bind(
    arguments: &mut MySqlArguments,
    (partition, letter): &(i32, DeadLetter<'_>),
) -> Result<(), sqlx::error::BoxDynError> {
    arguments.add(partition)?;
    arguments.add(letter.offset)?;
    arguments.add(letter.reason)?;
    arguments.add(letter.detail)?;
    arguments.add(letter.key)?;
    arguments.add(letter.value)?;
    arguments.add(letter.value_bytes)?;
    arguments.add(letter.headers_json())
}
