//! The outbox's rows on the writer's side: one per batch and partition. Only the live store has it; a rebuild's store cannot
//! publish anything by construction. Read next: `outbox/`, what a row holds; the projector's `relay/rows.rs`, who reads them.

use ledger_database::Watched;
use ledger_database::statements::{Shaped, cut_by_bytes};
use ledger_failpoints::FailPoint;
use sqlx::Arguments;
use sqlx::mysql::MySqlArguments;

use crate::batch::PartitionBatch;
use crate::error::{StoreError, at};
use crate::outbox;

/// An outbox row of one partition.
struct OutboxRow {
    partition: i32,
    generation: i32,
    first_offset: i64,
    next_offset: i64,
    entry_count: i32,
    entries: Vec<u8>,
}

/// The statement on the outbox.
#[derive(Debug, Clone)]
pub(super) struct OutboxStatements {
    replace: Shaped,
}

impl OutboxStatements {
    pub(super) fn new() -> Self {
        // REPLACE, not INSERT: where positions were restored with their tables, the same interval may be folded again while
        // its row is still here, unpublished. Both rows are of the same generation and the same state, so they are equal.
        let before = "REPLACE INTO outbox (kafka_partition, generation, first_offset, next_offset, entry_count, entries) \
             VALUES";
        Self { replace: Shaped::new(before, "(?, ?, ?, ?, ?, ?)", "") }
    }

    /// One row per partition that has something to publish (INV-6).
    ///
    /// # Errors
    /// The database's, or [`StoreError::Encode`].
    pub(super) async fn write(&self, connection: &mut Watched, batch: &[PartitionBatch<'_>]) -> Result<(), StoreError> {
        let rows = batch.iter().filter_map(|one| outbox_row(one).transpose()).collect::<Result<Vec<_>, _>>()?;
        for rows in cut_by_bytes(&rows, |row| row.entries.len()) {
            let done =
                self.replace.execute(connection, rows, bind, || ledger_failpoints::reach(FailPoint::StoreOutbox)).await;
            done.map_err(at("writing the outbox"))?;
        }
        Ok(())
    }
}

fn outbox_row(batch: &PartitionBatch<'_>) -> Result<Option<OutboxRow>, StoreError> {
    let (partition, first_offset) = (batch.effects.partition, batch.effects.from_offset);
    let encoded = outbox::encode(batch);
    let encoded = encoded.map_err(|cause| StoreError::Encode { partition, from_offset: first_offset, cause })?;
    let next_offset = batch.effects.next_offset;
    Ok(encoded.map(|row| OutboxRow {
        partition,
        generation: batch.generation.number,
        first_offset,
        next_offset,
        entry_count: row.entry_count,
        entries: row.entries,
    }))
}

fn bind(arguments: &mut MySqlArguments, row: &OutboxRow) -> Result<(), sqlx::error::BoxDynError> {
    arguments.add(row.partition)?;
    arguments.add(row.generation)?;
    arguments.add(row.first_offset)?;
    arguments.add(row.next_offset)?;
    arguments.add(row.entry_count)?;
    arguments.add(row.entries.as_slice())
}
