//! The outbox's rows on the writer's side: one per batch and partition. Only the live store has it; a rebuild's store cannot
//! publish anything by construction. Read next: `outbox/`, what a row holds; the projector's `relay/rows.rs`, who reads them.

use ledger_database::literals::Literals;
use ledger_failpoints::FailPoint;
use sqlx::mysql::MySqlArguments;
use sqlx::{Arguments, SqlStr};

use crate::batch::PartitionBatch;
use crate::error::{StoreError, at};
use crate::outbox;
use crate::script::{Halt, Script, Step};

/// An outbox row of one partition.
struct OutboxRow {
    partition: i32,
    generation: i32,
    first_offset: i64,
    next_offset: i64,
    entry_count: i32,
    entries: Vec<u8>,
}

/// Beyond so many bytes a row is sent by itself, as bytes: as text it would be twice as long.
const LARGE: usize = 64 * 1024;
const STEP: Step = Step::new("writing the outbox", FailPoint::StoreOutbox);

/// REPLACE, not INSERT: where positions were restored with their tables, the same interval may be folded again while its row is still
/// here, unpublished. Both rows are of the same generation and the same state, so they are equal.
const REPLACE: &str =
    "REPLACE INTO outbox (kafka_partition, generation, first_offset, next_offset, entry_count, entries) VALUES";
const REPLACE_LARGE: &str = "REPLACE INTO outbox (kafka_partition, generation, first_offset, next_offset, entry_count, entries) \
    VALUES (?, ?, ?, ?, ?, ?)";

/// Writes one row per partition that has something to publish (INV-6).
///
/// # Errors
/// Why the batch goes no further; [`StoreError::Encode`] among them.
pub(super) async fn write(script: &mut Script<'_>, batch: &[PartitionBatch<'_>]) -> Result<(), Halt> {
    let rows = batch.iter().filter_map(|one| outbox_row(one).transpose());
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let (large, rows): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.entries.len() > LARGE);
    script.rows(STEP, (REPLACE, ""), &rows, write_row).await?;
    for row in &large {
        let mut values = MySqlArguments::default();
        bind(&mut values, row).map_err(|cause| at(STEP.name)(sqlx::Error::Encode(cause)))?;
        script.prepared(STEP, SqlStr::from_static(REPLACE_LARGE), values).await?;
    }
    Ok(())
}

fn write_row(literals: &mut Literals, row: &OutboxRow) {
    literals
        .number(row.partition)
        .number(row.generation)
        .number(row.first_offset)
        .number(row.next_offset)
        .number(row.entry_count)
        .bytes(&row.entries);
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
