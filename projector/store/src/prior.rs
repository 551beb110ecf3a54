//! What is stored under the ids of a batch: looked up only when a unique key objected. A row that does not parse stops the
//! projector with its key. Read next: `row_values.rs`, what a row says.

use ledger_database::Tables;
use ledger_database::statements::SelectByIds;
use ledger_fold::Prior;
use ledger_schema::{MovementId, OrderId};
use sqlx::{FromRow, MySqlConnection};
use uuid::Uuid;

use crate::error::{StoreError, at};
use crate::row_values::{MovementValues, OrderValues};

const STEP: &str = "looking ids up";

/// The look-ups of one set of tables.
#[derive(Debug, Clone)]
pub struct PriorStatements {
    orders: SelectByIds,
    movements: SelectByIds,
}

impl PriorStatements {
    pub fn new(tables: &Tables) -> Self {
        // By the primary key's first columns. Only this partition: what another has reached is a race (INV-4).
        let select = |columns: &str, table: &str, id: &str| {
            SelectByIds::new(&format!("SELECT {columns} FROM {table} WHERE kafka_partition = ? AND {id}"))
        };
        Self {
            orders: select(OrderValues::COLUMNS, &tables.orders, "order_id"),
            movements: select(MovementValues::COLUMNS, &tables.stock_movements, "movement_id"),
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
        for row in self.orders.fetch(connection, &[partition], &ids).await.map_err(at(STEP))? {
            let order = OrderValues::from_row(&row).map_err(at(STEP))?.parse()?;
            prior.orders.insert(order.order_id(), order);
        }
        let ids: Vec<Uuid> = movements.iter().map(|id| id.as_uuid()).collect();
        for row in self.movements.fetch(connection, &[partition], &ids).await.map_err(at(STEP))? {
            let movement = MovementValues::from_row(&row).map_err(at(STEP))?.parse()?;
            prior.movements.insert(movement.movement_id(), movement);
        }
        Ok(prior)
    }
}
