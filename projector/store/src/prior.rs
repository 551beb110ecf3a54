//! What is stored under the ids of a batch: asked only when a unique key objected. Rows are parsed back into domain
//! values; one that does not parse was not written by us, and stops the projector with its key.

use chrono::{DateTime, Utc};
use ledger_database::Tables;
use ledger_database::statements::Shaped;
use ledger_fold::Prior;
use ledger_schema::{
    AdjustmentNote, Delta, Movement, MovementId, MovementKind, Order, OrderId, ProductId, Quantity, UnitPrice, UserId,
    Violation,
};
use sqlx::mysql::{MySqlArguments, MySqlRow};
use sqlx::{Arguments, MySqlConnection, Row};
use uuid::Uuid;

use crate::error::{StoreError, at};

const STEP: &str = "looking ids up";

/// The look-ups of one set of tables.
#[derive(Debug, Clone)]
pub struct PriorStatements {
    orders: Shaped,
    movements: Shaped,
}

impl PriorStatements {
    pub fn new(tables: &Tables) -> Self {
        Self {
            // By the primary key's first columns. Only this partition: what another has reached is a race (INV-4).
            orders: Shaped::new(
                &format!(
                    "SELECT order_id, user_id, product_id, quantity, unit_price, total_price, placed_at FROM {} \
                     WHERE kafka_partition = ? AND order_id IN (",
                    tables.orders
                ),
                "?",
                ")",
            ),
            movements: Shaped::new(
                &format!(
                    "SELECT movement_id, product_id, kind, delta, note, occurred_at FROM {} \
                     WHERE kafka_partition = ? AND movement_id IN (",
                    tables.stock_movements
                ),
                "?",
                ")",
            ),
        }
    }

    /// What `partition` has under these ids.
    ///
    /// # Errors
    /// The database's, or [`StoreError::CorruptRow`].
    pub async fn look_up(
        &self,
        connection: &mut MySqlConnection,
        partition: i32,
        orders: &[OrderId],
        movements: &[MovementId],
    ) -> Result<Prior, StoreError> {
        let mut prior = Prior::default();
        let ids: Vec<Uuid> = orders.iter().map(|id| id.as_uuid()).collect();
        for row in select(connection, &self.orders, partition, &ids).await? {
            let order = order_of(&row)?;
            prior.orders.insert(order.order_id(), order);
        }
        let ids: Vec<Uuid> = movements.iter().map(|id| id.as_uuid()).collect();
        for row in select(connection, &self.movements, partition, &ids).await? {
            let movement = movement_of(&row)?;
            prior.movements.insert(movement.movement_id(), movement);
        }
        Ok(prior)
    }
}

async fn select(
    connection: &mut MySqlConnection,
    shaped: &Shaped,
    partition: i32,
    ids: &[Uuid],
) -> Result<Vec<MySqlRow>, StoreError> {
    let mut rows = Vec::new();
    for (text, ids) in shaped.cut(ids) {
        let mut arguments = MySqlArguments::default();
        let bound = std::iter::once(arguments.add(partition)).chain(ids.iter().map(|id| arguments.add(id)));
        bound.collect::<Result<Vec<()>, _>>().map_err(|error| at(STEP)(sqlx::Error::Encode(error)))?;
        rows.extend(sqlx::query_with(text, arguments).fetch_all(&mut *connection).await.map_err(at(STEP))?);
    }
    Ok(rows)
}

fn order_of(row: &MySqlRow) -> Result<Order, StoreError> {
    let id: Uuid = row.try_get(0).map_err(at(STEP))?;
    let corrupt = |violation: Violation| corrupt("orders", id, &violation);
    let order_id = OrderId::from_uuid(id);
    let user_id = UserId::parse(text(row, 1)?).map_err(corrupt)?;
    let product_id = ProductId::parse(text(row, 2)?).map_err(corrupt)?;
    let quantity = Quantity::new(row.try_get(3).map_err(at(STEP))?).map_err(corrupt)?;
    let unit_price = UnitPrice::new(row.try_get(4).map_err(at(STEP))?).map_err(corrupt)?;
    let total: i64 = row.try_get(5).map_err(at(STEP))?;
    let placed_at: DateTime<Utc> = row.try_get(6).map_err(at(STEP))?;
    Order::new(order_id, user_id, product_id, quantity, unit_price, Some(total), placed_at).map_err(corrupt)
}

fn movement_of(row: &MySqlRow) -> Result<Movement, StoreError> {
    let id: Uuid = row.try_get(0).map_err(at(STEP))?;
    let corrupt = |violation: Violation| corrupt("stock_movements", id, &violation);
    let product_id = ProductId::parse(text(row, 1)?).map_err(corrupt)?;
    let delta: i64 = row.try_get(3).map_err(at(STEP))?;
    let kind = match (text(row, 2)?, row.try_get::<Option<&str>, _>(4).map_err(at(STEP))?) {
        ("receipt", None) => MovementKind::Receipt(Quantity::new(delta).map_err(corrupt)?),
        ("adjustment", Some(note)) => MovementKind::Adjustment {
            delta: Delta::new(delta).map_err(corrupt)?,
            note: AdjustmentNote::parse(note).map_err(corrupt)?,
        },
        (kind, note) => {
            let problem = format!("kind `{kind}` {} a note", if note.is_some() { "with" } else { "without" });
            return Err(StoreError::CorruptRow { table: "stock_movements", key: id.to_string(), problem });
        }
    };
    let occurred_at: DateTime<Utc> = row.try_get(5).map_err(at(STEP))?;
    Ok(Movement::new(MovementId::from_uuid(id), product_id, kind, occurred_at))
}

fn text(row: &MySqlRow, column: usize) -> Result<&str, StoreError> {
    row.try_get(column).map_err(at(STEP))
}

fn corrupt(table: &'static str, id: Uuid, violation: &Violation) -> StoreError {
    StoreError::CorruptRow { table, key: id.to_string(), problem: violation.to_string() }
}
