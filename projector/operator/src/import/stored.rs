//! What the ledger already holds under the ids that are about to be imported, so that a second run appends next to nothing.
//! This is for economy and for naming conflicts, not for correctness: what was appended but is not folded yet is not seen
//! here, is appended again, and the fold finds the duplicate (INV-5).
//!
//! It must never write, and a query must never be raced against a timer: cancelled, it leaves its connection unusable.
//! Next: [`super::run`].

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use ledger_database::Watched;
use ledger_database::statements::SelectByIds;
use ledger_schema::domain::Difference;
use ledger_schema::{LineContents, Movement, MovementContents, Note, Order, OrderContents, OrderId};
use sqlx::mysql::MySqlRow;
use sqlx::{FromRow, Row};
use uuid::Uuid;

static ORDERS_BY_ID: LazyLock<SelectByIds> = LazyLock::new(|| {
    SelectByIds::new(
        "SELECT order_id, kafka_partition, line_no, kafka_offset, user_id, product_id, quantity, unit_price, placed_at, \
         currency, expires_at FROM orders WHERE order_id",
    )
});

static MOVEMENTS_BY_ID: LazyLock<SelectByIds> = LazyLock::new(|| {
    SelectByIds::new(
        "SELECT movement_id, kafka_partition, kafka_offset, product_id, kind, delta, note FROM stock_movements \
         WHERE movement_id",
    )
});

/// Orders by id, whatever their partition: the fold decides per partition, but one id for two orders is a conflict.
#[derive(Default)]
pub(crate) struct StoredOrders {
    /// In the order of their ids.
    rows: Vec<StoredOrder>,
}

/// Movements by (id, partition).
pub(crate) type StoredMovements = HashMap<(Uuid, i32), StoredMovement>;

/// An order of the ledger. What the old world sends has one line; what is stored under its id may be any order.
pub(crate) struct StoredOrder {
    order_id: Uuid,
    kafka_partition: i32,
    kafka_offset: i64,
    user_id: String,
    /// In their order.
    lines: Vec<StoredLine>,
    currency: Option<String>,
    expires_at: Option<DateTime<Utc>>,
    placed_at: DateTime<Utc>,
}

struct StoredLine {
    product_id: String,
    quantity: i64,
    unit_price: i64,
}

/// A row: an order with one of its lines.
struct StoredRow {
    line_no: i16,
    order: StoredOrder,
}

#[derive(sqlx::FromRow)]
pub(crate) struct StoredMovement {
    movement_id: Uuid,
    kafka_partition: i32,
    kafka_offset: i64,
    product_id: String,
    kind: String,
    delta: i64,
    note: Option<String>,
}

/// Whether any order is stored at all.
pub(super) async fn has_orders(connection: &mut Watched) -> Result<bool, sqlx::Error> {
    let found: Option<i32> = sqlx::query_scalar("SELECT 1 FROM orders LIMIT 1").fetch_optional(connection).await?;
    Ok(found.is_some())
}

/// The ids of stored orders after `after`, in their order, `limit` at most.
pub(super) async fn ids_after(
    connection: &mut Watched,
    after: Option<Uuid>,
    limit: u32,
) -> Result<Vec<Uuid>, sqlx::Error> {
    let sql = "SELECT DISTINCT order_id FROM orders WHERE order_id > ? AND line_no = 1 ORDER BY order_id LIMIT ?";
    // No id of sixteen bytes is less than the empty text.
    let after = after.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
    sqlx::query_scalar(sql).bind(after).bind(limit).fetch_all(connection).await
}

/// The orders stored under any of `ids`, in any partition.
pub(super) async fn orders(connection: &mut Watched, ids: &[Uuid]) -> Result<StoredOrders, sqlx::Error> {
    rows(connection, &ORDERS_BY_ID, ids).await.map(StoredOrders::new)
}

/// The movements stored under any of `ids`, in any partition.
pub(super) async fn movements(connection: &mut Watched, ids: &[Uuid]) -> Result<StoredMovements, sqlx::Error> {
    let rows: Vec<StoredMovement> = rows(connection, &MOVEMENTS_BY_ID, ids).await?;
    Ok(rows.into_iter().map(|row| ((row.movement_id, row.kafka_partition), row)).collect())
}

async fn rows<T>(connection: &mut Watched, by_ids: &SelectByIds, ids: &[Uuid]) -> Result<Vec<T>, sqlx::Error>
where
    T: for<'r> FromRow<'r, MySqlRow>,
{
    by_ids.fetch(connection, &[], ids).await?.iter().map(T::from_row).collect()
}

impl StoredOrders {
    fn new(mut rows: Vec<StoredRow>) -> Self {
        rows.sort_unstable_by_key(|row| (row.order.order_id, row.order.kafka_partition, row.line_no));
        let mut orders: Vec<StoredOrder> = Vec::with_capacity(rows.len());
        for StoredRow { order, .. } in rows {
            match orders.last_mut() {
                Some(last) if (last.order_id, last.kafka_partition) == (order.order_id, order.kafka_partition) => {
                    last.lines.extend(order.lines);
                }
                _ => orders.push(order),
            }
        }
        Self { rows: orders }
    }

    pub(crate) fn of(&self, id: OrderId) -> &[StoredOrder] {
        let id = id.as_uuid();
        let first = self.rows.partition_point(|row| row.order_id < id);
        let rows = &self.rows[first..];
        &rows[..rows.iter().take_while(|row| row.order_id == id).count()]
    }

    /// As if `orders` were stored, for tests.
    #[cfg(test)]
    pub(super) fn of_orders(orders: &[Order], at: ledger_schema::Position) -> Self {
        let line = |line: &ledger_schema::Line| StoredLine {
            product_id: line.product_id().as_str().to_owned(),
            quantity: line.quantity().get(),
            unit_price: line.unit_price().get(),
        };
        let row = |order: &Order| StoredOrder {
            order_id: order.order_id().as_uuid(),
            kafka_partition: at.partition,
            kafka_offset: at.offset,
            user_id: order.user_id().as_str().to_owned(),
            lines: order.lines().map(|(_, of)| line(of)).collect(),
            currency: order.terms().currency.map(|currency| currency.to_string()),
            expires_at: order.expires_at(),
            placed_at: order.placed_at(),
        };
        let mut rows: Vec<StoredOrder> = orders.iter().map(row).collect();
        rows.sort_unstable_by_key(|row| row.order_id);
        Self { rows }
    }
}

/// By their numbers: by their names, the look-up of columns takes longer than their values.
impl FromRow<'_, MySqlRow> for StoredRow {
    fn from_row(row: &MySqlRow) -> Result<Self, sqlx::Error> {
        let line = StoredLine { product_id: row.try_get(5)?, quantity: row.try_get(6)?, unit_price: row.try_get(7)? };
        let order = StoredOrder {
            order_id: row.try_get(0)?,
            kafka_partition: row.try_get(1)?,
            kafka_offset: row.try_get(3)?,
            user_id: row.try_get(4)?,
            lines: vec![line],
            placed_at: row.try_get(8)?,
            currency: row.try_get(9)?,
            expires_at: row.try_get(10)?,
        };
        Ok(Self { line_no: row.try_get(2)?, order })
    }
}

impl StoredLine {
    fn contents(&self) -> LineContents<'_> {
        let Self { product_id, quantity, unit_price } = self;
        LineContents { product_id, quantity: *quantity, unit_price: *unit_price }
    }
}

impl StoredOrder {
    pub(crate) fn contents(&self) -> OrderContents<'_> {
        let Self { user_id, lines, currency, expires_at, placed_at, .. } = self;
        OrderContents {
            user_id,
            lines: lines.iter().map(StoredLine::contents).collect(),
            currency: currency.as_deref(),
            hold_seconds: expires_at.map(|expires_at| (expires_at - *placed_at).num_seconds()),
        }
    }

    /// How `order` differs from what is stored under its id; `None` when it is the same.
    pub(super) fn difference(&self, order: &Order) -> Option<String> {
        let what = format!("order {} stands at {}:{}", self.order_id, self.kafka_partition, self.kafka_offset);
        conflict(&what, ORDER_FIELD, &self.contents().differences(&order.contents()))
    }

    /// Whether it is `order`, placed at the same time.
    pub(super) fn is(&self, order: &Order) -> bool {
        self.contents() == order.contents() && self.placed_at == order.placed_at()
    }
}

impl StoredMovement {
    fn contents(&self) -> MovementContents<'_> {
        let Self { product_id, kind, delta, note, .. } = self;
        MovementContents { product_id, kind, delta: *delta, note: Note::Held(note.as_deref()) }
    }

    /// How `movement` differs from what is stored under its id; `None` when it is the same.
    pub(super) fn difference(&self, movement: &Movement) -> Option<String> {
        let what = format!("the opening stock stands at {}:{}", self.kafka_partition, self.kafka_offset);
        conflict(&what, STOCK_FIELD, &self.contents().differences(movement.contents()))
    }
}

/// Columns whose field has another name in the old world: the order's, and the opening stock's.
const ORDER_FIELD: (&str, &str) = ("quantity", "qty");
const STOCK_FIELD: (&str, &str) = ("delta", "quantity");

fn conflict(what: &str, (column, known_as): (&str, &str), differences: &[Difference<'_>]) -> Option<String> {
    let named = |field| if field == column { known_as } else { field };
    let line = |difference: &Difference<'_>| {
        let Difference { field, line_no, stored, found } = difference;
        let line = line_no.map_or_else(String::new, |line_no| format!("line {line_no}: "));
        format!("{line}{} {stored}, here {found}", named(field))
    };
    let differing: Vec<String> = differences.iter().map(line).collect();
    (!differing.is_empty()).then(|| format!("{what} with other contents: {}", differing.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_says_what_differs() {
        let line = |product: &str, quantity| StoredLine { product_id: product.to_owned(), quantity, unit_price: 250 };
        let row = |line_no, line| StoredRow {
            line_no,
            order: StoredOrder {
                order_id: Uuid::nil(),
                kafka_partition: 3,
                kafka_offset: 4,
                user_id: "a".to_owned(),
                lines: vec![line],
                currency: None,
                expires_at: None,
                placed_at: DateTime::UNIX_EPOCH,
            },
        };
        let stored = StoredOrders::new(vec![row(1, line("bar", 3))]);
        let stored = &stored.rows[0];
        let against = |found| conflict("order x stands at 3:4", ORDER_FIELD, &stored.contents().differences(&found));
        assert_eq!(against(stored.contents()), None);
        let other = LineContents { product_id: "bar", quantity: 4, unit_price: 250 };
        assert_eq!(
            against(OrderContents::of_one_line("b", other)),
            Some("order x stands at 3:4 with other contents: user_id a, here b; qty 3, here 4".to_owned())
        );
        let of_two = StoredOrders::new(vec![row(2, line("tea", 1)), row(1, line("bar", 4))]);
        assert_eq!(of_two.rows.len(), 1, "two lines are one order");
        let against =
            conflict("x", ORDER_FIELD, &of_two.rows[0].contents().differences(&OrderContents::of_one_line("a", other)));
        assert_eq!(against, Some("x with other contents: lines 2, here 1".to_owned()));
    }

    #[test]
    fn an_opening_stock_that_changed_is_named_by_its_quantity() {
        let stored = StoredMovement {
            movement_id: Uuid::nil(),
            kafka_partition: 3,
            kafka_offset: 4,
            product_id: "bar".to_owned(),
            kind: "receipt".to_owned(),
            delta: 10,
            note: None,
        };
        let found = MovementContents { delta: 7, ..stored.contents() };
        assert_eq!(
            conflict("the opening stock stands at 3:4", STOCK_FIELD, &stored.contents().differences(found)),
            Some("the opening stock stands at 3:4 with other contents: quantity 10, here 7".to_owned())
        );
    }
}
