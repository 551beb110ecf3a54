//! The statement that parks records (INV-8). Read next: `parked.rs`, what is kept of a record.

use std::sync::Arc;

use ledger_database::Tables;
use ledger_database::literals::Literals;
use ledger_failpoints::FailPoint;
use sqlx::mysql::MySqlArguments;
use sqlx::{Arguments, AssertSqlSafe, SqlSafeStr, SqlStr};

use crate::batch::PartitionBatch;
use crate::error::at;
use crate::parked::{DeadLetter, of_batch};
use crate::script::{Halt, Script, Step};

/// Beyond so many bytes a record is sent by itself, as bytes: as text it would be twice as long.
const LARGE: usize = 64 * 1024;
const STEP: Step = Step::new("parking records", FailPoint::StoreDeadLetters);

/// The insert of one table of dead letters.
#[derive(Debug, Clone)]
pub struct DeadLetterStatements {
    insert: String,
    insert_large: SqlStr,
}

impl DeadLetterStatements {
    pub fn new(tables: &Tables) -> Self {
        let insert = format!(
            "INSERT INTO {} (kafka_partition, kafka_offset, reason, detail, message_key, message_value, value_bytes, \
             message_headers) VALUES",
            tables.dead_letters
        );
        let insert_large = format!("{insert} (?, ?, ?, ?, ?, ?, ?, ?)");
        Self { insert, insert_large: AssertSqlSafe(Arc::<str>::from(insert_large)).into_sql_str() }
    }

    /// Parks what the batch could not fold. A unique key that objects here is no duplicate but a table that does not
    /// belong to the position, and an error.
    ///
    /// # Errors
    /// Why the batch goes no further.
    pub(crate) async fn insert_dead_letters(
        &self,
        script: &mut Script<'_>,
        batch: &[PartitionBatch<'_>],
    ) -> Result<(), Halt> {
        let letters = |one| of_batch(one).map(|letter| (one.effects.partition, letter));
        let rows = batch.iter().flat_map(letters);
        let (large, rows): (Vec<_>, Vec<_>) = rows.partition(|(_, letter)| letter.statement_bytes() > LARGE);
        script.rows(STEP, (&self.insert, ""), &rows, write).await?;
        for (partition, letter) in &large {
            let mut values = MySqlArguments::default();
            bind(&mut values, *partition, letter).map_err(|cause| at(STEP.name)(sqlx::Error::Encode(cause)))?;
            script.prepared(STEP, self.insert_large.clone(), values).await?;
        }
        Ok(())
    }
}

fn write(literals: &mut Literals, (partition, letter): &(i32, DeadLetter<'_>)) {
    literals
        .number(*partition)
        .number(letter.offset)
        .text(letter.reason)
        .text(letter.detail)
        .optional_bytes(letter.key)
        .optional_bytes(letter.value);
    match letter.value_bytes {
        Some(bytes) => literals.number(bytes),
        None => literals.null(),
    };
    literals.text(&letter.headers_json());
}

fn bind(
    arguments: &mut MySqlArguments,
    partition: i32,
    letter: &DeadLetter<'_>,
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
