//! Orders by id and by user.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};
use ledger_schema::{OrderContents, OrderId, Position, UserId};
use sqlx::FromRow;
use uuid::Uuid;

use super::error::ReadError;
use super::pool::{Reader, Statement};
use super::standing::{Concern, Snapshot, with_standing};
use crate::list_cursor::OrderCursor;

/// A row of `orders`, as it stands there.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(crate) struct OrderRow {
    pub(crate) order_id: Uuid,
    pub(crate) kafka_partition: i32,
    pub(crate) line_no: i16,
    pub(crate) kafka_offset: i64,
    pub(crate) user_id: String,
    pub(crate) product_id: String,
    pub(crate) quantity: i64,
    pub(crate) unit_price: i64,
    pub(crate) total_price: i64,
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
    pub(crate) placed_at: DateTime<Utc>,
    pub(super) listed_at: DateTime<Utc>,
}

macro_rules! orders_with_standing {
    ($rows:literal) => {
        with_standing!(
            every partition,
            [
                order_id, kafka_partition, line_no, kafka_offset, user_id, product_id, quantity, unit_price, total_price,
                status, reason, placed_at, listed_at
            ],
            $rows
        )
    };
}

/// One row is the rule, several are the race of two products under one id: never as many as the limit.
const BY_ID: &str = orders_with_standing!("FROM orders WHERE order_id = ? LIMIT 256");

/// Backwards along the index `orders_listed`. Spelt out, because MariaDB does not use an index for a comparison of row
/// constructors; `listed_at <= ?` bounds the range, the rest continues exactly.
const BY_USER: &str = orders_with_standing!(
    "FROM orders \
     WHERE user_id = ? AND listed_at <= ? AND (listed_at < ? OR kafka_partition < ? OR (kafka_partition = ? AND \
     (kafka_offset < ? OR (kafka_offset = ? AND line_no < ?)))) \
     ORDER BY listed_at DESC, kafka_partition DESC, kafka_offset DESC, line_no DESC LIMIT ?"
);

/// The last microsecond that DATETIME(6) holds: 9999-12-31 23:59:59.999999.
const LATEST_MICROS: i64 = 253_402_300_799_999_999;

impl OrderRow {
    pub(crate) fn position(&self) -> Position {
        Position { partition: self.kafka_partition, offset: self.kafka_offset }
    }

    pub(crate) fn cursor(&self) -> OrderCursor {
        OrderCursor {
            listed_at: self.listed_at,
            partition: self.kafka_partition,
            offset: self.kafka_offset,
            line_no: self.line_no,
        }
    }

    pub(super) fn contents(&self) -> OrderContents<'_> {
        OrderContents {
            user_id: &self.user_id,
            product_id: &self.product_id,
            quantity: self.quantity,
            unit_price: self.unit_price,
        }
    }
}

impl Reader {
    /// Every row under an id, by partition and line.
    pub(crate) async fn order(&self, order_id: OrderId) -> Result<Snapshot<Vec<OrderRow>>, ReadError> {
        let snapshot =
            self.snapshot(BY_ID, Concern::Every, move |statement| statement.bind(order_id.as_uuid())).await?;
        Ok(snapshot.map(|mut rows: Vec<OrderRow>| {
            rows.sort_by_key(|row| (row.kafka_partition, row.line_no));
            rows
        }))
    }

    /// At most `limit` orders of a user before `cursor`, newest first: by the time that the log took them, in a partition in its order.
    pub(crate) async fn orders_of(
        &self,
        user_id: UserId,
        cursor: Option<OrderCursor>,
        limit: u16,
    ) -> Result<Snapshot<Vec<OrderRow>>, ReadError> {
        let from = cursor.unwrap_or_else(|| OrderCursor {
            // Bound without a zone below: as a TIMESTAMP this would be out of range.
            listed_at: DateTime::from_timestamp_micros(LATEST_MICROS).expect("the year 9999 is in chrono's range"),
            partition: i32::MAX,
            offset: i64::MAX,
            line_no: i16::MAX,
        });
        let bind = move |statement: Statement| {
            statement
                .bind(user_id.to_string())
                .bind(from.listed_at.naive_utc())
                .bind(from.listed_at.naive_utc())
                .bind(from.partition)
                .bind(from.partition)
                .bind(from.offset)
                .bind(from.offset)
                .bind(from.line_no)
                .bind(limit)
        };
        let snapshot = self.snapshot(BY_USER, Concern::Every, bind).await?;
        Ok(snapshot.map(|mut rows: Vec<OrderRow>| {
            rows.sort_by_key(|row| Reverse((row.listed_at, row.kafka_partition, row.kafka_offset, row.line_no)));
            rows
        }))
    }
}
