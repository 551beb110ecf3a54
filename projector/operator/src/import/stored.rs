//! What the ledger already holds under the ids that are about to be imported, so that a second run appends next to nothing.
//! This is for economy and for naming conflicts, not for correctness: what was appended but is not folded yet is not seen
//! here, is appended again, and the fold finds the duplicate. Decided per partition, as the fold decides (INV-5).
//!
//! It must never write, and a query must never be raced against a timer: cancelled, it leaves its connection unusable.
//! Next: [`super::run`].

use std::collections::HashMap;
use std::sync::LazyLock;

use ledger_schema::{Movement, Order};
use sqlx::FromRow;
use sqlx::mysql::{MySqlConnection, MySqlRow};
use uuid::Uuid;

/// Ids per query. One statement text for all, padded by repeating the last id, so that the server prepares it once. Below
/// 1000, from where on MariaDB makes a temporary table of the list.
const IDS_PER_QUERY: usize = 500;

static ORDERS_BY_ID: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT order_id, kafka_partition, kafka_offset, user_id, product_id, quantity, unit_price FROM orders \
         WHERE line_no = 1 AND order_id IN ({})",
        placeholders()
    )
});

static MOVEMENTS_BY_ID: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT movement_id, kafka_partition, kafka_offset, product_id, delta FROM stock_movements \
         WHERE movement_id IN ({})",
        placeholders()
    )
});

fn placeholders() -> String {
    vec!["?"; IDS_PER_QUERY].join(", ")
}

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
    delta: i64,
}

/// `IDS_PER_QUERY` ids from 1 to that many.
fn padded(ids: &[Uuid]) -> impl Iterator<Item = Uuid> {
    ids.iter().chain(ids.last().into_iter().cycle()).take(IDS_PER_QUERY).copied()
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

async fn rows<T>(connection: &mut MySqlConnection, sql: &'static str, ids: &[Uuid]) -> Result<Vec<T>, sqlx::Error>
where
    T: for<'r> FromRow<'r, MySqlRow> + Send + Unpin,
{
    let mut rows = Vec::new();
    for part in ids.chunks(IDS_PER_QUERY) {
        let query = padded(part).fold(sqlx::query_as(sql), |query, id| query.bind(id));
        rows.append(&mut query.fetch_all(&mut *connection).await?);
    }
    Ok(rows)
}

impl StoredOrder {
    /// How `order` differs from what is stored under its id; `None` when it is the same ([`Order::same_contents`]).
    pub(super) fn difference(&self, order: &Order) -> Option<String> {
        let stands = [
            ("user_id", self.user_id.clone(), order.user_id().to_string()),
            ("product_id", self.product_id.clone(), order.product_id().to_string()),
            ("qty", self.quantity.to_string(), order.quantity().get().to_string()),
            ("unit_price", self.unit_price.to_string(), order.unit_price().get().to_string()),
        ];
        let what = format!("order {} stands at {}:{}", self.order_id, self.kafka_partition, self.kafka_offset);
        difference(&what, &stands)
    }
}

impl StoredMovement {
    /// How `movement` differs from what is stored under its id; `None` when it is the same. Both are receipts: nothing else
    /// has an id of this kind.
    pub(super) fn difference(&self, movement: &Movement) -> Option<String> {
        let stands = [
            ("product_id", self.product_id.clone(), movement.product_id().to_string()),
            ("quantity", self.delta.to_string(), movement.delta().get().to_string()),
        ];
        let what = format!("the opening stock stands at {}:{}", self.kafka_partition, self.kafka_offset);
        difference(&what, &stands)
    }
}

fn difference(what: &str, fields: &[(&str, String, String)]) -> Option<String> {
    let differing: Vec<String> = fields
        .iter()
        .filter(|(_, stored, found)| stored != found)
        .map(|(field, stored, found)| format!("{field} {stored}, here {found}"))
        .collect();
    (!differing.is_empty()).then(|| format!("{what} with other contents: {}", differing.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_padded_to_one_shape() {
        for count in [1, 2, IDS_PER_QUERY] {
            let ids: Vec<Uuid> = (0..count).map(|n| Uuid::from_u128(u128::try_from(n).expect("small"))).collect();
            let bound: Vec<Uuid> = padded(&ids).collect();
            assert_eq!(bound.len(), IDS_PER_QUERY);
            assert_eq!(bound[..count], ids);
            assert!(bound[count..].iter().all(|id| Some(id) == ids.last()));
        }
    }

    #[test]
    fn a_conflict_says_what_differs() {
        let fields = |quantity: &str| [("user_id", "a".into(), "a".into()), ("qty", "3".into(), quantity.into())];
        assert_eq!(difference("order x stands at 3:4", &fields("3")), None);
        assert_eq!(
            difference("order x stands at 3:4", &fields("4")),
            Some("order x stands at 3:4 with other contents: qty 3, here 4".to_owned())
        );
    }
}
