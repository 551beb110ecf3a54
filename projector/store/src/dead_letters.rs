//! The statement that parks records (INV-8). Read next: `parked.rs`, what is kept of a record.

use ledger_database::statements::{Shaped, cut_by_bytes};
use ledger_database::{Tables, Watched};
use ledger_failpoints::FailPoint;
use sqlx::Arguments;
use sqlx::mysql::MySqlArguments;

use crate::batch::PartitionBatch;
use crate::error::{StoreError, at};
use crate::parked::{DeadLetter, of_batch};

/// The insert of one table of dead letters.
#[derive(Debug, Clone)]
pub struct DeadLetterStatements {
    insert: Shaped,
}

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
        connection: &mut Watched,
        batch: &[PartitionBatch<'_>],
    ) -> Result<(), StoreError> {
        let letters = |one| of_batch(one).map(|letter| (one.effects.partition, letter));
        let rows: Vec<(i32, DeadLetter<'_>)> = batch.iter().flat_map(letters).collect();
        for rows in cut_by_bytes(&rows, |(_, letter)| letter.statement_bytes()) {
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
