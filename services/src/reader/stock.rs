//! Stock by product.

use ledger_schema::{Position, ProductId};
use sqlx::FromRow;

use super::{ReadError, Reader};
use crate::request::cursor::StockCursor;

/// A row of `stock`.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(crate) struct StockRow {
    pub(crate) product_id: String,
    pub(crate) available: i64,
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

impl Reader {
    pub(crate) async fn stock_of(&self, product_id: ProductId) -> Result<Option<StockRow>, ReadError> {
        self.run(move |connection| {
            Box::pin(
                sqlx::query_as(
                    "SELECT product_id, available, kafka_partition, kafka_offset FROM stock WHERE product_id = ?",
                )
                .bind(product_id.to_string())
                .fetch_optional(connection),
            )
        })
        .await
    }

    /// At most `limit` products behind `cursor`, by the bytes of their ids.
    pub(crate) async fn stock_list(
        &self,
        cursor: Option<StockCursor>,
        limit: usize,
    ) -> Result<Vec<StockRow>, ReadError> {
        let behind = cursor.map(|cursor| cursor.product_id).unwrap_or_default();
        self.run(move |connection| {
            Box::pin(
                sqlx::query_as(
                    "SELECT product_id, available, kafka_partition, kafka_offset FROM stock \
                     WHERE product_id > ? ORDER BY product_id LIMIT ?",
                )
                .bind(behind.clone())
                .bind(u64::try_from(limit).unwrap_or(u64::MAX))
                .fetch_all(connection),
            )
        })
        .await
    }
}
