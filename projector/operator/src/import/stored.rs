//! What the ledger already holds under the ids that are about to be imported, so that a second run appends next to nothing.
//! This is for economy and for naming conflicts, not for correctness: what was appended but is not folded yet is not seen
//! here, is appended again, and the fold finds the duplicate. Decided per partition, as the fold decides (INV-5).
//!
//! It must never write, and a query must never be raced against a timer: cancelled, it leaves its connection unusable.
//! Next: [`super::run`].

use std::collections::HashMap;
use std::sync::LazyLock;

use ledger_database::statements::SelectByIds;
use ledger_schema::domain::Difference;
use ledger_schema::{Movement, MovementContents, Note, Order, OrderContents};
use sqlx::FromRow;
use sqlx::mysql::{MySqlConnection, MySqlRow};
use uuid::Uuid;

static ORDERS_BY_ID: LazyLock<SelectByIds> = LazyLock::new(|| {
    SelectByIds::new(
        "SELECT order_id, kafka_partition, kafka_offset, user_id, product_id, quantity, unit_price FROM orders \
         WHERE line_no = 1 AND order_id",
    )
});

static MOVEMENTS_BY_ID: LazyLock<SelectByIds> = LazyLock::new(|| {
    SelectByIds::new(
        "SELECT movement_id, kafka_partition, kafka_offset, product_id, kind, delta, note FROM stock_movements \
         WHERE movement_id",
    )
});

/// Rows by (id, partition).
pub(super) type Stored<T> = HashMap<(Uuid, i32), T>;

#[derive(sqlx::FromRow)]
pub(super) struct StoredOrder {
    order_id: Uuid,
    kafka_partition: i32,
    kafka_offset: i64,
    user_id: String,
    product_id: String,
    quantity: i64,
    unit_price: i64,
}

#[derive(sqlx::FromRow)]
pub(super) struct StoredMovement {
    movement_id: Uuid,
    kafka_partition: i32,
    kafka_offset: i64,
    product_id: String,
    kind: String,
    delta: i64,
    note: Option<String>,
}

/// The orders stored under any of `ids`, in any partition.
pub(super) async fn orders(connection: &mut MySqlConnection, ids: &[Uuid]) -> Result<Stored<StoredOrder>, sqlx::Error> {
    let rows: Vec<StoredOrder> = rows(connection, &ORDERS_BY_ID, ids).await?;
    Ok(rows.into_iter().map(|row| ((row.order_id, row.kafka_partition), row)).collect())
}

/// The movements stored under any of `ids`, in any partition.
pub(super) async fn movements(
    connection: &mut MySqlConnection,
    ids: &[Uuid],
) -> Result<Stored<StoredMovement>, sqlx::Error> {
    let rows: Vec<StoredMovement> = rows(connection, &MOVEMENTS_BY_ID, ids).await?;
    Ok(rows.into_iter().map(|row| ((row.movement_id, row.kafka_partition), row)).collect())
}

async fn rows<T>(connection: &mut MySqlConnection, by_ids: &SelectByIds, ids: &[Uuid]) -> Result<Vec<T>, sqlx::Error>
where
    T: for<'r> FromRow<'r, MySqlRow>,
{
    by_ids.fetch(connection, &[], ids).await?.iter().map(T::from_row).collect()
}

impl StoredOrder {
    fn contents(&self) -> OrderContents<'_> {
        let Self { user_id, product_id, quantity, unit_price, .. } = self;
        OrderContents { user_id, product_id, quantity: *quantity, unit_price: *unit_price }
    }

    /// How `order` differs from what is stored under its id; `None` when it is the same.
    pub(super) fn difference(&self, order: &Order) -> Option<String> {
        let what = format!("order {} stands at {}:{}", self.order_id, self.kafka_partition, self.kafka_offset);
        conflict(&what, ORDER_FIELD, &self.contents().differences(order.contents()))
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
        let Difference { field, stored, found } = difference;
        format!("{} {stored}, here {found}", named(field))
    };
    let differing: Vec<String> = differences.iter().map(line).collect();
    (!differing.is_empty()).then(|| format!("{what} with other contents: {}", differing.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_says_what_differs() {
        let stored = StoredOrder {
            order_id: Uuid::nil(),
            kafka_partition: 3,
            kafka_offset: 4,
            user_id: "a".to_owned(),
            product_id: "bar".to_owned(),
            quantity: 3,
            unit_price: 250,
        };
        let against = |found| conflict("order x stands at 3:4", ORDER_FIELD, &stored.contents().differences(found));
        assert_eq!(against(stored.contents()), None);
        assert_eq!(
            against(OrderContents { quantity: 4, user_id: "b", ..stored.contents() }),
            Some("order x stands at 3:4 with other contents: user_id a, here b; qty 3, here 4".to_owned())
        );
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
