//! Two tables of one shape side by side, in order of their primary key. Rows are streamed: a few batches of each are in
//! memory, however many there are. Each table is read by a task of its own, so that reading and comparing take place at once.

use std::cmp::Ordering;
use std::vec::IntoIter;

use futures_util::TryStreamExt;
use ledger_database::Watched;
use ledger_store::{StoreError, at};
use sqlx::SqlStr;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::compared_row::ComparedRow;
use super::forward::Overlay;
use super::table::TableShape;

/// Rows that are handed over at once, and how many times that may wait.
const BATCH_ROWS: usize = 500;
const WAITING_BATCHES: usize = 4;
const STEP: &str = "reading the tables";

type Batch = Result<Vec<ComparedRow>, StoreError>;

/// One table, in order of its primary key.
pub(super) struct Scan {
    batches: mpsc::Receiver<Batch>,
    batch: IntoIter<ComparedRow>,
    /// Gives the connection back at the end, where it is sound.
    reading: JoinHandle<Option<Watched>>,
}

impl Scan {
    pub(super) fn start(connection: Watched, shape: &'static TableShape, table: &str) -> Self {
        // Without the hint, a server may sort all rows rather than read them in the order that they have. (Open orders it sorts: few.)
        let rest = format!("FORCE INDEX (PRIMARY) ORDER BY {}", shape.key_order());
        let text = shape.select(table, &rest);
        let (sender, batches) = mpsc::channel(WAITING_BATCHES);
        let reading = tokio::spawn(read(connection, shape, text, sender));
        Self { batches, batch: Vec::new().into_iter(), reading }
    }

    /// The next row; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<ComparedRow>, StoreError> {
        loop {
            if let Some(row) = self.batch.next() {
                return Ok(Some(row));
            }
            match self.batches.recv().await {
                Some(batch) => self.batch = batch?.into_iter(),
                None => return Ok(None),
            }
        }
    }

    /// After the last row: the connection.
    pub(super) async fn end(self) -> Result<Watched, StoreError> {
        let ended = self.reading.await.ok().flatten();
        ended.ok_or_else(|| at(STEP)(sqlx::Error::WorkerCrashed))
    }
}

async fn read(
    mut connection: Watched,
    shape: &'static TableShape,
    text: SqlStr,
    batches: mpsc::Sender<Batch>,
) -> Option<Watched> {
    match send_rows(&mut connection, shape, text, &batches).await {
        Ok(()) => Some(connection),
        Err(error) => {
            // Nobody receives it when the comparison failed on the other side.
            let _ = batches.send(Err(error)).await;
            None
        }
    }
}

async fn send_rows(
    connection: &mut Watched,
    shape: &TableShape,
    text: SqlStr,
    batches: &mpsc::Sender<Batch>,
) -> Result<(), StoreError> {
    let mut rows = sqlx::query(text).fetch(connection);
    let mut batch = Vec::with_capacity(BATCH_ROWS);
    while let Some(row) = rows.try_next().await.map_err(at(STEP))? {
        batch.push(ComparedRow::read(shape, &row).map_err(at(STEP))?);
        if batch.len() == BATCH_ROWS {
            let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH_ROWS));
            if batches.send(Ok(full)).await.is_err() {
                return Err(at(STEP)(sqlx::Error::WorkerCrashed));
            }
        }
    }
    // As above; at the end there is nothing left to save by it.
    let _ = batches.send(Ok(batch)).await;
    Ok(())
}

/// What both tables have under the next key.
pub(super) enum Met {
    Both(ComparedRow, ComparedRow),
    Left(ComparedRow),
    Right(ComparedRow),
}

/// Two scans side by side.
pub(super) struct Merge {
    shape: &'static TableShape,
    left: Side,
    right: Side,
}

struct Side {
    scan: Scan,
    /// The next row of the table, where it was read and not taken.
    stored: Option<ComparedRow>,
    /// Rows that stand in for the table's.
    overlay: Overlay,
    /// The row that stands in front.
    front: Option<ComparedRow>,
}

impl Side {
    async fn start(shape: &TableShape, (scan, overlay): (Scan, Overlay)) -> Result<Self, StoreError> {
        let mut side = Self { scan, stored: None, overlay, front: None };
        side.front = side.next(shape).await?;
        Ok(side)
    }

    /// The next row of the table, or what stands in for it.
    async fn next(&mut self, shape: &TableShape) -> Result<Option<ComparedRow>, StoreError> {
        loop {
            if self.stored.is_none() {
                self.stored = self.scan.next().await?;
            }
            let order = match (self.overlay.first_key_value(), &self.stored) {
                (None, _) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some((key, _)), Some(row)) => key[..].cmp(row.key(shape)),
            };
            if order.is_gt() {
                return Ok(self.stored.take());
            }
            if order.is_eq() {
                self.stored = None;
            }
            if let Some((_, Some(row))) = self.overlay.pop_first() {
                return Ok(Some(row));
            }
        }
    }

    /// Takes the row in front. Keys only grow: what relies on the order would else see rows as missing that are there.
    async fn take(&mut self, shape: &TableShape) -> Result<Option<ComparedRow>, StoreError> {
        let next = self.next(shape).await?;
        let taken = std::mem::replace(&mut self.front, next);
        if let (Some(before), Some(after)) = (&taken, &self.front)
            && before.key(shape) >= after.key(shape)
        {
            let problem = format!("it is read after {}, against the order of its key", before.key_text(shape));
            return Err(StoreError::CorruptRow { table: shape.name, key: after.key_text(shape), problem });
        }
        Ok(taken)
    }
}

impl Merge {
    /// Each table with the rows that stand in for its own.
    pub(super) async fn start(
        shape: &'static TableShape,
        left: (Scan, Overlay),
        right: (Scan, Overlay),
    ) -> Result<Self, StoreError> {
        Ok(Self { shape, left: Side::start(shape, left).await?, right: Side::start(shape, right).await? })
    }

    /// What stands under the next key; `None` when both are at their end.
    pub(super) async fn next(&mut self) -> Result<Option<Met>, StoreError> {
        let Self { shape, left, right } = self;
        let order = match (&left.front, &right.front) {
            (None, None) => return Ok(None),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(found), Some(other)) => found.key(shape).cmp(other.key(shape)),
        };
        let taken_left = if order.is_le() { left.take(shape).await? } else { None };
        let taken_right = if order.is_ge() { right.take(shape).await? } else { None };
        Ok(match (taken_left, taken_right) {
            (Some(found), Some(other)) => Some(Met::Both(found, other)),
            (Some(found), None) => Some(Met::Left(found)),
            (None, Some(other)) => Some(Met::Right(other)),
            (None, None) => None,
        })
    }

    /// Gives the connections back.
    pub(super) async fn end(self) -> Result<(Watched, Watched), StoreError> {
        Ok((self.left.scan.end().await?, self.right.scan.end().await?))
    }
}
