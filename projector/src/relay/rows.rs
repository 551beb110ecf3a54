//! The outbox's SQL on the relay's side: read what lies after the cursor, prune what lies before it.

use sqlx::{Executor, MySqlConnection, Row};

use super::error::RelayError;
use super::plan::DecodedRow;
use crate::failpoints::{self, FailPoint};
use crate::outbox::{OutboxKey, decode_entries, decompress};

/// Rows looked at for one transaction, and bytes taken: compressed, and plain (a dead letter of zeros compresses to
/// nothing). One row is always taken.
const MAX_ROWS: i64 = 256;
const MAX_BYTES: i64 = 2 * 1024 * 1024;
const MAX_PLAIN_BYTES: usize = 32 * 1024 * 1024;

/// Sizes first, so that a backlog of large rows is never held in memory at once. The primary key begins with these
/// columns, so both statements read it in order.
const SIZES: &str = "SELECT first_offset, next_offset, LENGTH(entries) AS size FROM outbox \
    WHERE kafka_partition = ? AND next_offset > ? ORDER BY first_offset, next_offset LIMIT ?";
const ROWS: &str = "SELECT first_offset, next_offset, entry_count, entries FROM outbox \
    WHERE kafka_partition = ? AND next_offset > ? AND (first_offset, next_offset) <= (?, ?) \
    ORDER BY first_offset, next_offset";
/// A row goes only when all of it lies before the cursor, which is committed in Kafka. Its key is looked up by a read that
/// takes no lock: a DELETE by range would wait for the row that a writer is just inserting behind it.
const PUBLISHED: &str = "SELECT first_offset, next_offset FROM outbox \
    WHERE kafka_partition = ? AND first_offset < ? AND next_offset <= ? ORDER BY first_offset, next_offset LIMIT ?";
const PRUNE: &str = "DELETE FROM outbox WHERE kafka_partition = ? AND first_offset = ? AND next_offset = ?";

/// An outbox row, decompressed. What it decodes to borrows from it.
pub(super) struct PlainRow {
    key: OutboxKey,
    entry_count: i32,
    plain: Vec<u8>,
}

impl PlainRow {
    /// # Errors
    /// [`RelayError::CorruptOutbox`].
    pub(super) fn decode(&self) -> Result<DecodedRow<'_>, RelayError> {
        let entries = decode_entries(self.key, self.entry_count, &self.plain)?;
        Ok(DecodedRow { next_offset: self.key.next_offset, entries })
    }
}

/// The next rows after the cursor, in order of position; empty when all is published.
///
/// # Errors
/// [`RelayError::Database`] (the caller decides whether it passes), or [`RelayError::CorruptOutbox`].
pub(super) async fn load(
    connection: &mut MySqlConnection,
    partition: i32,
    cursor: i64,
) -> Result<Vec<PlainRow>, RelayError> {
    let failed = |cause| RelayError::Database { partition, cause };
    let sizes = sqlx::query(SIZES).bind(partition).bind(cursor).bind(MAX_ROWS);
    let sizes = sizes.fetch_all(&mut *connection).await.map_err(failed)?;
    let mut size_taken = 0;
    let mut last = None;
    for row in &sizes {
        let size: i64 = row.try_get("size").map_err(failed)?;
        if last.is_some() && size_taken + size > MAX_BYTES {
            break;
        }
        size_taken += size;
        let first_offset: i64 = row.try_get("first_offset").map_err(failed)?;
        last = Some((first_offset, row.try_get::<i64, _>("next_offset").map_err(failed)?));
    }
    let Some((first_offset, next_offset)) = last else { return Ok(Vec::new()) };
    let rows = sqlx::query(ROWS).bind(partition).bind(cursor).bind(first_offset).bind(next_offset);
    let rows = rows.fetch_all(connection).await.map_err(failed)?;
    let mut taken = Vec::new();
    let mut plain_bytes = 0;
    for row in &rows {
        if plain_bytes >= MAX_PLAIN_BYTES {
            break;
        }
        let first_offset: i64 = row.try_get("first_offset").map_err(failed)?;
        let next_offset: i64 = row.try_get("next_offset").map_err(failed)?;
        let entry_count: i32 = row.try_get("entry_count").map_err(failed)?;
        let bytes: &[u8] = row.try_get("entries").map_err(failed)?;
        let key = OutboxKey { partition, first_offset, next_offset };
        let plain = decompress(key, bytes)?;
        plain_bytes += plain.len();
        taken.push(PlainRow { key, entry_count, plain });
    }
    Ok(taken)
}

/// Removes what is published, in one transaction for as many rows as one publication takes.
///
/// # Errors
/// [`RelayError::Database`]. What was not removed is passed over by the cursor and removed the next time.
pub(super) async fn prune(connection: &mut MySqlConnection, partition: i32, cursor: i64) -> Result<(), RelayError> {
    failpoints::reach(FailPoint::RelayPrunes);
    remove_published(connection, partition, cursor).await.map_err(|cause| RelayError::Database { partition, cause })?;
    failpoints::reach(FailPoint::RelayPruned);
    Ok(())
}

async fn remove_published(connection: &mut MySqlConnection, partition: i32, cursor: i64) -> Result<(), sqlx::Error> {
    loop {
        let published = sqlx::query_as::<_, (i64, i64)>(PUBLISHED);
        let published = published.bind(partition).bind(cursor).bind(cursor).bind(MAX_ROWS);
        let published = published.fetch_all(&mut *connection).await?;
        match *published.as_slice() {
            [] => return Ok(()),
            // As it is while the relay keeps up: a statement that commits by itself.
            [row] => remove(connection, partition, row).await?,
            _ => {
                // An error leaves the transaction open; the caller drops the connection, which ends it.
                connection.execute("START TRANSACTION").await?;
                for row in &published {
                    remove(connection, partition, *row).await?;
                }
                connection.execute("COMMIT").await?;
            }
        }
        if i64::try_from(published.len()) != Ok(MAX_ROWS) {
            return Ok(());
        }
    }
}

async fn remove(
    connection: &mut MySqlConnection,
    partition: i32,
    (first_offset, next_offset): (i64, i64),
) -> Result<(), sqlx::Error> {
    let row = sqlx::query(PRUNE).bind(partition).bind(first_offset).bind(next_offset);
    row.execute(connection).await?;
    failpoints::reach(FailPoint::RelayRemoved);
    Ok(())
}
