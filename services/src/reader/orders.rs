//! Orders by id and by user. A row is a line; an order's rows are written by one transaction, and read by one statement.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};
use ledger_schema::{OrderId, UserId};
use sqlx::FromRow;
use uuid::Uuid;

use super::error::ReadError;
use super::pool::{Reader, Statement};
use super::standing::{Concern, Snapshot, with_standing};
use super::stored_order::{StoredLine, StoredOrder};
use crate::list_cursor::OrderCursor;

/// A row of `orders`, as it stands there.
#[derive(Debug, Clone, FromRow)]
struct LineRow {
    order_id: Uuid,
    kafka_partition: i32,
    line_no: i16,
    kafka_offset: i64,
    user_id: String,
    product_id: String,
    quantity: i64,
    unit_price: i64,
    total_price: i64,
    status: String,
    reason: Option<String>,
    line_status: String,
    currency: Option<String>,
    expires_at: Option<DateTime<Utc>>,
    placed_at: DateTime<Utc>,
    listed_at: DateTime<Utc>,
}

macro_rules! orders_with_standing {
    ($rows:literal) => {
        with_standing!(
            every partition,
            [
                order_id, kafka_partition, line_no, kafka_offset, user_id, product_id, quantity, unit_price, total_price,
                status, reason, line_status, currency, expires_at, placed_at, listed_at
            ],
            $rows
        )
    };
}

/// At most 100 rows in each partition: one order's lines. Of several partitions only after a race for one id.
const BY_ID: &str = orders_with_standing!("FROM orders WHERE order_id = ?");

/// The page's orders by their first lines, backwards along the index `orders_listed`; then all lines of each, by the primary
/// key. Spelt out, because MariaDB does not use an index for a comparison of row constructors; `listed_at <= ?` bounds the
/// range, the rest continues exactly. (EXPLAIN and the handlers' counters, 300,000 rows: a page of 50 orders of three lines is 149 steps back
/// on the index, 50 look-ups and 150 rows; nothing is sorted.)
const BY_USER: &str = orders_with_standing!(
    "FROM (SELECT order_id AS page_order, kafka_partition AS page_partition FROM orders \
     WHERE user_id = ? AND line_no = 1 AND listed_at <= ? AND (listed_at < ? OR kafka_partition < ? OR \
     (kafka_partition = ? AND kafka_offset < ?)) \
     ORDER BY listed_at DESC, kafka_partition DESC, kafka_offset DESC LIMIT ?) AS page \
     STRAIGHT_JOIN orders ON order_id = page_order AND kafka_partition = page_partition"
);

/// The last microsecond that DATETIME(6) holds: 9999-12-31 23:59:59.999999.
const LATEST_MICROS: i64 = 253_402_300_799_999_999;

/// Puts rows together to orders, which come in the order of their partitions under each id.
///
/// # Panics
/// When an order's lines are not 1, 2, 3, ..: no fold writes such rows, and half an order must not be shown.
fn orders_of_rows(mut rows: Vec<LineRow>) -> Vec<StoredOrder> {
    rows.sort_by_key(|row| (row.order_id, row.kafka_partition, row.line_no));
    let mut orders: Vec<StoredOrder> = Vec::new();
    for row in rows {
        let is_of = |order: &StoredOrder| (order.order_id, order.partition) == (row.order_id, row.kafka_partition);
        if !orders.last().is_some_and(is_of) {
            orders.push(without_lines(&row));
        }
        let order = orders.last_mut().expect("the row's order was just put there");
        let (expected, partition) = (order.lines.len() + 1, order.partition);
        assert_eq!(
            usize::try_from(row.line_no).ok(),
            Some(expected),
            "order {} of partition {partition} has no row of line {expected}, found line {}",
            row.order_id,
            row.line_no
        );
        order.lines.push(StoredLine {
            line_no: row.line_no,
            product_id: row.product_id,
            quantity: row.quantity,
            unit_price: row.unit_price,
            total_price: row.total_price,
            status: row.line_status,
            reason: row.reason,
        });
    }
    orders
}

fn without_lines(row: &LineRow) -> StoredOrder {
    StoredOrder {
        order_id: row.order_id,
        partition: row.kafka_partition,
        offset: row.kafka_offset,
        user_id: row.user_id.clone(),
        status: row.status.clone(),
        currency: row.currency.clone(),
        expires_at: row.expires_at,
        placed_at: row.placed_at,
        listed_at: row.listed_at,
        lines: Vec::new(),
    }
}

impl Reader {
    /// Every order under an id, by partition.
    pub(crate) async fn order(&self, order_id: OrderId) -> Result<Snapshot<Vec<StoredOrder>>, ReadError> {
        let snapshot =
            self.snapshot(BY_ID, Concern::Every, move |statement| statement.bind(order_id.as_uuid())).await?;
        Ok(snapshot.map(orders_of_rows))
    }

    /// At most `limit` orders of a user before `cursor`, newest first: by the time that the log took them, in a partition in its order.
    pub(crate) async fn orders_of(
        &self,
        user_id: UserId,
        cursor: Option<OrderCursor>,
        limit: u16,
    ) -> Result<Snapshot<Vec<StoredOrder>>, ReadError> {
        let from = cursor.unwrap_or_else(|| OrderCursor {
            // Bound without a zone below: as a TIMESTAMP this would be out of range.
            listed_at: DateTime::from_timestamp_micros(LATEST_MICROS).expect("the year 9999 is in chrono's range"),
            partition: i32::MAX,
            offset: i64::MAX,
        });
        let bind = move |statement: Statement| {
            statement
                .bind(user_id.to_string())
                .bind(from.listed_at.naive_utc())
                .bind(from.listed_at.naive_utc())
                .bind(from.partition)
                .bind(from.partition)
                .bind(from.offset)
                .bind(limit)
        };
        let snapshot = self.snapshot(BY_USER, Concern::Every, bind).await?;
        Ok(snapshot.map(|rows| {
            let mut orders = orders_of_rows(rows);
            orders.sort_by_key(|order| Reverse((order.listed_at, order.partition, order.offset)));
            orders
        }))
    }
}
