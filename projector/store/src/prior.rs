//! What is stored under the ids of a batch: looked up when a unique key objected, or when the batch refers to what stands before. A
//! row that does not parse stops the projector with its key. Read next: `row_values.rs`, what a row says.

use std::collections::HashMap;

use ledger_database::statements::SelectByIds;
use ledger_database::{Tables, Watched};
use ledger_fold::{OrderRow, Prior, ReservationKey};
use ledger_schema::{MovementId, OrderId};
use sqlx::FromRow;
use sqlx::mysql::MySqlRow;
use uuid::Uuid;

use crate::batch::Ids;
use crate::error::{StoreError, at};
use crate::row_values::{MovementValues, OrderValues, ReservationValues, order_of};

const STEP: &str = "looking ids up";

/// The look-ups of one set of tables.
#[derive(Debug, Clone)]
pub struct PriorStatements {
    orders: SelectByIds,
    movements: SelectByIds,
    reservations: SelectByIds,
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
            reservations: select(ReservationValues::COLUMNS, &tables.reservations, "order_id"),
        }
    }

    /// What `partition` has under these ids.
    ///
    /// # Errors
    /// The database's, or [`StoreError::CorruptRow`].
    pub async fn look_up(&self, connection: &mut Watched, partition: i32, ids: &Ids) -> Result<Prior, StoreError> {
        let mut prior = Prior::default();
        let mut orders = self.orders(connection, partition, &ids.orders).await?;
        prior.orders.extend(ids.orders.iter().map(|id| (*id, None)));
        prior.orders.extend(orders.drain(..).map(|row| (row.order.order_id(), Some(row))));
        self.movements(connection, partition, &ids.movements, &mut prior).await?;
        self.reservations(connection, partition, &ids.reservations, &mut prior).await?;
        Ok(prior)
    }

    /// The orders at home in `partition` that have these ids.
    ///
    /// # Errors
    /// The database's, or [`StoreError::CorruptRow`].
    pub async fn orders(
        &self,
        connection: &mut Watched,
        partition: i32,
        ids: &[OrderId],
    ) -> Result<Vec<OrderRow>, StoreError> {
        let ids: Vec<Uuid> = distinct(ids.iter().map(|id| id.as_uuid()));
        let rows = self.orders.fetch(connection, &[partition], &ids).await.map_err(at(STEP))?;
        let mut lines = rows.iter().map(OrderValues::from_row).collect::<Result<Vec<_>, _>>().map_err(at(STEP))?;
        lines.sort_unstable_by_key(|line| (line.order_id, line.line_no));
        lines.chunk_by(|line, next| line.order_id == next.order_id).map(order_of).collect()
    }

    async fn movements(
        &self,
        connection: &mut Watched,
        partition: i32,
        ids: &[MovementId],
        prior: &mut Prior,
    ) -> Result<(), StoreError> {
        let ids: Vec<Uuid> = distinct(ids.iter().map(|id| id.as_uuid()));
        for row in self.movements.fetch(connection, &[partition], &ids).await.map_err(at(STEP))? {
            let movement = MovementValues::from_row(&row).map_err(at(STEP))?.parse()?;
            prior.movements.insert(movement.movement_id(), movement);
        }
        Ok(())
    }

    async fn reservations(
        &self,
        connection: &mut Watched,
        partition: i32,
        keys: &[ReservationKey],
        prior: &mut Prior,
    ) -> Result<(), StoreError> {
        let ids: Vec<Uuid> = distinct(keys.iter().map(|key| key.order_id.as_uuid()));
        let rows = self.reservations.fetch(connection, &[partition], &ids).await.map_err(at(STEP))?;
        let parse = |row: &MySqlRow| ReservationValues::from_row(row).map_err(at(STEP))?.parse();
        let rows = rows.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        // Several records may ask for one of them.
        let mut asked: HashMap<_, _> = keys.iter().map(|key| (*key, None)).collect();
        for row in rows {
            // By order: other lines of it may stand here, too, that nobody asked for.
            if let Some(found) = asked.get_mut(&row.key) {
                *found = Some(row);
            }
        }
        prior.reservations.extend(asked);
        Ok(())
    }
}

/// Each once: a batch may name an id in many records.
fn distinct(ids: impl Iterator<Item = Uuid>) -> Vec<Uuid> {
    let mut ids: Vec<_> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
