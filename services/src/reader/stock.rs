//! Stock by product: rows, and lists of them. One product's is read in `gathered.rs`.

use ledger_schema::Position;
use sqlx::FromRow;

use super::error::ReadError;
use super::pool::{Reader, Statement};
use super::standing::{Concern, Snapshot, with_standing};
use crate::list_cursor::StockCursor;

/// A row of `stock`.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(crate) struct StockRow {
    pub(crate) product_id: String,
    pub(crate) available: i64,
    /// Taken by lines of orders that are not confirmed.
    pub(crate) held: i64,
    pub(crate) kafka_partition: i32,
    pub(crate) kafka_offset: i64,
}

impl StockRow {
    /// The record that changed it last.
    pub(crate) fn position(&self) -> Position {
        Position { partition: self.kafka_partition, offset: self.kafka_offset }
    }

    pub(crate) fn cursor(&self) -> StockCursor {
        StockCursor { product_id: self.product_id.clone() }
    }
}

const LIST: &str = with_standing!(
    every partition,
    [product_id, available, held, kafka_partition, kafka_offset],
    "FROM stock WHERE product_id > ? ORDER BY product_id LIMIT ?"
);

impl Reader {
    /// At most `limit` products after `cursor`, by the bytes of their ids.
    pub(crate) async fn stock_list(
        &self,
        cursor: Option<StockCursor>,
        limit: u16,
    ) -> Result<Snapshot<Vec<StockRow>>, ReadError> {
        // No id is empty, so every one comes after the empty text.
        let after = cursor.map_or(String::new(), |cursor| cursor.product_id);
        let bind = move |statement: Statement| statement.bind(after.clone()).bind(limit);
        let snapshot = self.snapshot(LIST, Concern::Every, bind).await?;
        Ok(snapshot.map(|mut rows: Vec<StockRow>| {
            rows.sort_by(|one, other| one.product_id.cmp(&other.product_id));
            rows
        }))
    }
}
