//! The outbox's SQL on the relay's side: read what lies after the cursor, prune what lies before it.

use std::sync::Arc;

use ledger_database::Watched;
use ledger_failpoints::FailPoint;
use ledger_store::GenerationKey;
use ledger_store::outbox::{OutboxKey, decode_entries, decompress};
use sqlx::types::Uuid;
use sqlx::{AssertSqlSafe, FromRow, Row, SqlSafeStr, SqlStr};

use super::error::RelayError;
use super::plan::DecodedRow;

/// Rows looked at for one transaction, and bytes taken: compressed, and plain (a dead letter of zeros compresses to
/// nothing). One row is always taken.
const MAX_ROWS: i64 = 256;
const MAX_BYTES: i64 = 2 * 1024 * 1024;
const MAX_PLAIN_BYTES: usize = 32 * 1024 * 1024;

/// Rows of the live generation alone: the live position says which that is, in the same statement and so of the same snapshot, so what
/// replaced tables decided is not loaded (INV-6). By a subquery: with a join the server reads the whole backlog and sorts it for the
/// first rows of the very order that it read it in (EXPLAIN, and 100,000 reads counted for 256 rows; with the subquery 255).
/// Sizes first, so that a backlog of large rows is never held in memory at once; they stand in a column of their own, so that no
/// entries are read for them. It begins at the generation's first row: published rows are removed once a second.
const SIZES: &str = "SELECT o.first_offset, o.next_offset, o.entries_bytes FROM outbox o WHERE o.kafka_partition = ? \
    AND o.generation = (SELECT p.generation FROM positions p WHERE p.topic = ? AND p.kafka_partition = ?) \
    AND o.next_offset > ? ORDER BY o.first_offset, o.next_offset LIMIT ?";
/// By a range of the key: a comparison of both columns at once, `(first_offset, next_offset) <= (?, ?)`, is none for the
/// server, which then reads every row of the backlog, entries and all.
const ROWS: &str = "SELECT o.first_offset, o.next_offset, o.entries_bytes, o.entry_count, o.entries FROM outbox o \
    WHERE o.kafka_partition = ? \
    AND o.generation = (SELECT p.generation FROM positions p WHERE p.topic = ? AND p.kafka_partition = ?) \
    AND o.next_offset > ? AND o.first_offset BETWEEN ? AND ? ORDER BY o.first_offset, o.next_offset LIMIT ?";
/// The next generation that has rows: one look at the key, however many there are.
const GENERATION: &str = "SELECT MIN(generation) FROM outbox WHERE kafka_partition = ? AND generation > ?";
/// Before any generation.
const NO_GENERATION: i32 = -1;
/// A row goes only when all of it lies before the cursor, which is committed in Kafka, whichever generation it is of. Rows of a
/// kept generation after the cursor stay: after a rollback they are the ones to publish. Its key is looked up by a read that
/// takes no lock: a DELETE by range would wait for the row that a writer is just inserting after them. One generation at a time,
/// so that it is a range of the key: rows after the cursor are not read, be they a backlog.
const PUBLISHED: &str = "SELECT first_offset, next_offset FROM outbox \
    WHERE kafka_partition = ? AND generation = ? AND first_offset < ? AND next_offset <= ? \
    ORDER BY first_offset, next_offset LIMIT ?";
/// The keys stand between these two. A join in this order looks each key up in the primary key, and locks that row alone; the
/// same keys in a WHERE make the server scan the whole table while it is small, and wait for every writer (seen in EXPLAIN).
const PRUNE: &str = "DELETE outbox FROM (";
const PRUNED_KEY: &str =
    "SELECT CAST(? AS SIGNED) AS generation, CAST(? AS SIGNED) AS first_offset, CAST(? AS SIGNED) AS next_offset";
const PRUNE_BY_KEY: &str = ") published STRAIGHT_JOIN outbox ON outbox.kafka_partition = ? \
    AND outbox.generation = published.generation AND outbox.first_offset = published.first_offset AND outbox.next_offset = published.next_offset";
/// Rows that one statement removes, which commits by itself. While the relay removes it does not publish: a statement for
/// each of a busy second's rows held outcomes up for 0.1 s (measured).
const PRUNED_AT_ONCE: usize = 64;

/// An outbox row, decompressed. What it decodes to borrows from it.
pub struct PlainRow {
    key: OutboxKey,
    entry_count: i32,
    plain: Vec<u8>,
}

impl PlainRow {
    /// A row from what the outbox has.
    ///
    /// # Errors
    /// [`RelayError::CorruptOutbox`].
    pub fn decompress(key: OutboxKey, entry_count: i32, entries: &[u8]) -> Result<Self, RelayError> {
        Ok(Self { key, entry_count, plain: decompress(key, entries)? })
    }

    /// # Errors
    /// [`RelayError::CorruptOutbox`].
    pub(super) fn decode(&self) -> Result<DecodedRow<'_>, RelayError> {
        let entries = decode_entries(self.key, self.entry_count, &self.plain)?;
        Ok(DecodedRow { next_offset: self.key.next_offset, entries })
    }
}

/// Rows of the outbox that are to be published.
pub struct Outstanding {
    /// In order of position; empty when all is published.
    pub rows: Vec<PlainRow>,
    /// Whether more stood there than one transaction takes.
    pub is_backlog: bool,
}

impl Outstanding {
    fn nothing() -> Self {
        Self { rows: Vec::new(), is_backlog: false }
    }
}

/// The next rows after the cursor.
///
/// # Errors
/// [`RelayError::Database`] (the caller decides whether it passes), or [`RelayError::CorruptOutbox`].
pub(super) async fn load(
    connection: &mut Watched,
    topic: &str,
    partition: i32,
    cursor: i64,
) -> Result<Outstanding, RelayError> {
    let failed = |cause| RelayError::Database { partition, cause };
    let sizes =
        sqlx::query_as::<_, Size>(SIZES).bind(partition).bind(topic).bind(partition).bind(cursor).bind(MAX_ROWS);
    let sizes = sizes.fetch_all(&mut *connection).await.map_err(failed)?;
    let fitting = fitting(&sizes);
    let (Some(first), Some(last)) = (fitting.first(), fitting.last()) else { return Ok(Outstanding::nothing()) };
    let limit = i64::try_from(fitting.len()).expect("at most MAX_ROWS");
    let rows = sqlx::query(ROWS).bind(partition).bind(topic).bind(partition).bind(cursor);
    let rows = rows.bind(first.first_offset).bind(last.first_offset).bind(limit);
    let rows = rows.fetch_all(connection).await.map_err(failed)?;
    let keys = rows.iter().map(Size::from_row).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    if !keys.iter().map(Size::key).eq(fitting.iter().map(Size::key)) {
        // Other tables became live between the two, or positions were restored: what now stands before the first row that was
        // asked for must not be passed over. The next look finds it.
        return Ok(Outstanding::nothing());
    }
    let mut taken = Vec::new();
    let mut plain_bytes = 0;
    for (row, size) in rows.iter().zip(fitting) {
        if plain_bytes >= MAX_PLAIN_BYTES {
            break;
        }
        let entry_count: i32 = row.try_get("entry_count").map_err(failed)?;
        let bytes: &[u8] = row.try_get("entries").map_err(failed)?;
        let (first_offset, next_offset) = size.key();
        let row = PlainRow::decompress(OutboxKey { partition, first_offset, next_offset }, entry_count, bytes)?;
        plain_bytes += row.plain.len();
        taken.push(row);
    }
    let is_backlog = taken.len() < sizes.len() || i64::try_from(sizes.len()) == Ok(MAX_ROWS);
    Ok(Outstanding { rows: taken, is_backlog })
}

/// A row of the outbox before its entries are loaded.
#[derive(Debug, Clone, Copy, FromRow)]
struct Size {
    first_offset: i64,
    next_offset: i64,
    entries_bytes: i64,
}

impl Size {
    fn key(&self) -> (i64, i64) {
        (self.first_offset, self.next_offset)
    }
}

/// The rows from the first on that one transaction takes; one at least.
fn fitting(sizes: &[Size]) -> &[Size] {
    let mut bytes = 0;
    let fits = |size: &&Size| {
        bytes += size.entries_bytes;
        bytes <= MAX_BYTES
    };
    let count = sizes.iter().take_while(fits).count().max(1);
    &sizes[..count.min(sizes.len())]
}

/// A barrier counts while the connection that set it holds the guard's lock, which ends with the connection.
const SWAPPING: &str = "SELECT EXISTS (SELECT 1 FROM generation_guard \
    WHERE swapping AND connection_id = IS_USED_LOCK(CONCAT('ledger.rebuild.', DATABASE())))";

/// Whether tables are being swapped.
///
/// # Errors
/// [`RelayError::Database`].
pub(super) async fn swap_is_under_way(connection: &mut Watched, partition: i32) -> Result<bool, RelayError> {
    let found = sqlx::query_scalar::<_, bool>(SWAPPING).fetch_one(connection).await;
    found.map_err(|cause| RelayError::Database { partition, cause })
}

/// Which tables the partition's live position is of.
const LIVE: &str = "SELECT generation, generation_id FROM positions WHERE topic = ? AND kafka_partition = ?";

/// The live generation of a partition, if it has a position.
///
/// # Errors
/// [`RelayError::Database`].
pub(super) async fn generation(
    connection: &mut Watched,
    topic: &str,
    partition: i32,
) -> Result<Option<GenerationKey>, RelayError> {
    let found = sqlx::query_as::<_, (i32, Uuid)>(LIVE).bind(topic).bind(partition).fetch_optional(connection).await;
    let found = found.map_err(|cause| RelayError::Database { partition, cause })?;
    Ok(found.map(|(number, id)| GenerationKey { number, id }))
}

/// Removes what is published.
///
/// # Errors
/// [`RelayError::Database`]. What was not removed is passed over by the cursor and removed the next time.
pub(super) async fn prune(connection: &mut Watched, partition: i32, cursor: i64) -> Result<(), RelayError> {
    ledger_failpoints::reach(FailPoint::RelayPrunes);
    remove_published(connection, partition, cursor).await.map_err(|cause| RelayError::Database { partition, cause })?;
    ledger_failpoints::reach(FailPoint::RelayPruned);
    Ok(())
}

async fn remove_published(connection: &mut Watched, partition: i32, cursor: i64) -> Result<(), sqlx::Error> {
    let prune = [PRUNE, &[PRUNED_KEY; PRUNED_AT_ONCE].join(" UNION ALL "), PRUNE_BY_KEY].concat();
    let prune = AssertSqlSafe(Arc::<str>::from(prune)).into_sql_str();
    let mut last = NO_GENERATION;
    loop {
        let next = sqlx::query_scalar::<_, Option<i32>>(GENERATION).bind(partition).bind(last);
        let Some(generation) = next.fetch_one(&mut *connection).await? else { return Ok(()) };
        remove_of_generation(connection, &prune, (partition, generation), cursor).await?;
        last = generation;
    }
}

async fn remove_of_generation(
    connection: &mut Watched,
    prune: &SqlStr,
    (partition, generation): (i32, i32),
    cursor: i64,
) -> Result<(), sqlx::Error> {
    loop {
        let published = sqlx::query_as::<_, (i64, i64)>(PUBLISHED);
        let published = published.bind(partition).bind(generation).bind(cursor).bind(cursor).bind(MAX_ROWS);
        let published = published.fetch_all(&mut *connection).await?;
        for keys in published.chunks(PRUNED_AT_ONCE) {
            // One text whatever their number, so that it is prepared once: the last key fills up.
            let filling = keys.last().into_iter().cycle().take(PRUNED_AT_ONCE - keys.len());
            let bound = sqlx::query(prune.clone());
            let bound = keys
                .iter()
                .chain(filling)
                .fold(bound, |bound, (first, next)| bound.bind(generation).bind(first).bind(next));
            bound.bind(partition).execute(&mut *connection).await?;
            ledger_failpoints::reach(FailPoint::RelayRemoved);
        }
        if i64::try_from(published.len()) != Ok(MAX_ROWS) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_transaction_takes_what_fits_and_one_row_at_least() {
        for (sizes, expected) in
            [(&[][..], 0), (&[1], 1), (&[MAX_BYTES + 1, 1], 1), (&[MAX_BYTES - 1, 1, 1], 2), (&[1, MAX_BYTES, 1], 1)]
        {
            let sizes: Vec<_> =
                sizes.iter().map(|bytes| Size { first_offset: 0, next_offset: 1, entries_bytes: *bytes }).collect();
            assert_eq!(fitting(&sizes).len(), expected, "{sizes:?}");
        }
    }
}
