//! Orders by id and by user.

use chrono::{DateTime, Utc};
use ledger_schema::{Order, OrderId, Position, UserId};
use sqlx::FromRow;
use uuid::Uuid;

use super::{ReadError, Reader};
use crate::request::cursor::OrderCursor;

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
}

/// Most rows under one id that are read: one is the rule, several are the race of two products under one id.
const BY_ID: &str = "SELECT order_id, kafka_partition, line_no, kafka_offset, user_id, product_id, quantity, unit_price, \
     total_price, status, reason, placed_at FROM orders WHERE order_id = ? ORDER BY kafka_partition, line_no LIMIT 256";

/// Backwards along the index (user_id, placed_at) and the primary key behind it. Spelt out, because MariaDB does not
/// use an index for a comparison of row constructors; `placed_at <= ?` bounds the range, the rest continues exactly.
const BY_USER: &str = "SELECT order_id, kafka_partition, line_no, kafka_offset, user_id, product_id, quantity, unit_price, \
     total_price, status, reason, placed_at FROM orders \
     WHERE user_id = ? AND placed_at <= ? AND (placed_at < ? OR order_id < ? OR (order_id = ? AND \
     (kafka_partition < ? OR (kafka_partition = ? AND line_no < ?)))) \
     ORDER BY placed_at DESC, order_id DESC, kafka_partition DESC, line_no DESC LIMIT ?";

impl OrderRow {
    pub(crate) fn position(&self) -> Position {
        Position { partition: self.kafka_partition, offset: self.kafka_offset }
    }

    pub(crate) fn cursor(&self) -> OrderCursor {
        OrderCursor {
            placed_at: self.placed_at,
            order_id: self.order_id,
            partition: self.kafka_partition,
            line_no: self.line_no,
        }
    }

    /// Whether it says what `order` asks for: all but the time, as [`Order::same_contents`].
    pub(super) fn same_contents(&self, order: &Order) -> bool {
        self.user_id == order.user_id().as_str()
            && self.product_id == order.product_id().as_str()
            && self.quantity == order.quantity().get()
            && self.unit_price == order.unit_price().get()
    }
}

impl Reader {
    /// Every row under an id, by partition and line.
    pub(crate) async fn order(&self, order_id: OrderId) -> Result<Vec<OrderRow>, ReadError> {
        self.run(move |connection| Box::pin(sqlx::query_as(BY_ID).bind(order_id.as_uuid()).fetch_all(connection))).await
    }

    /// At most `limit` orders of a user before `cursor`, newest first.
    pub(crate) async fn orders_of(
        &self,
        user_id: UserId,
        cursor: Option<OrderCursor>,
        limit: usize,
    ) -> Result<Vec<OrderRow>, ReadError> {
        let from = cursor.unwrap_or(OrderCursor {
            // Bound without a zone below: as a TIMESTAMP this would be out of range.
            placed_at: DateTime::from_timestamp_micros(253_402_300_799_999_999).unwrap_or_default(),
            order_id: Uuid::max(),
            partition: i32::MAX,
            line_no: i16::MAX,
        });
        self.run(move |connection| {
            Box::pin(
                sqlx::query_as(BY_USER)
                    .bind(user_id.to_string())
                    .bind(from.placed_at.naive_utc())
                    .bind(from.placed_at.naive_utc())
                    .bind(from.order_id)
                    .bind(from.order_id)
                    .bind(from.partition)
                    .bind(from.partition)
                    .bind(from.line_no)
                    .bind(u64::try_from(limit).unwrap_or(u64::MAX))
                    .fetch_all(connection),
            )
        })
        .await
    }
}
