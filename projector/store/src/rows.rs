//! The rows that a batch adds: orders and movements. Shared by every store. Each function is one writing step.

use chrono::{DateTime, Utc};
use ledger_database::Tables;
use ledger_database::statements::Shaped;
use ledger_database::{Fault, fault_of};
use ledger_failpoints::FailPoint;
use ledger_fold::{MovementRow, OrderRow};
use sqlx::mysql::MySqlArguments;
use sqlx::{Arguments, MySqlConnection};

use crate::batch::PartitionBatch;
use crate::error::{StoreError, at};

type Bound = Result<(), sqlx::error::BoxDynError>;

/// The inserts of one set of tables.
#[derive(Debug, Clone)]
pub struct RowStatements {
    orders: Shaped,
    movements: Shaped,
}

/// Whether rows went in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    All,
    /// A unique key objects: an id stands before. The transaction must be rolled back.
    IdKnown,
}

impl RowStatements {
    pub fn new(tables: &Tables) -> Self {
        Self {
            // A plain INSERT, so that an id that was there before is an error and not a silent change.
            orders: Shaped::new(
                &format!(
                    "INSERT INTO {} (order_id, kafka_partition, line_no, kafka_offset, user_id, product_id, quantity, \
                     unit_price, total_price, status, reason, placed_at, listed_at) VALUES",
                    tables.orders
                ),
                "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                "",
            ),
            movements: Shaped::new(
                &format!(
                    "INSERT INTO {} (movement_id, kafka_partition, kafka_offset, product_id, kind, delta, status, \
                     reason, note, occurred_at) VALUES",
                    tables.stock_movements
                ),
                "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                "",
            ),
        }
    }

    /// Inserts the orders of all partitions of the batch.
    ///
    /// # Errors
    /// The database's, but for a known id.
    pub async fn insert_orders(
        &self,
        connection: &mut MySqlConnection,
        batch: &[PartitionBatch<'_>],
    ) -> Result<Inserted, StoreError> {
        let mut rows: Vec<(i32, &OrderRow)> = of_all(batch, |batch| &batch.effects.orders);
        // In order of the primary key, neighbours in the batch are neighbours in the tree. The rows say their own offset, so
        // the order in which they are inserted shows nowhere.
        rows.sort_unstable_by_key(|(_, row)| row.order.order_id());
        let done = self
            .orders
            .execute(connection, &rows, bind_order, || ledger_failpoints::reach(FailPoint::StoreOrders))
            .await;
        inserted(done, "inserting orders")
    }

    /// Inserts the receipts and adjustments of all partitions of the batch.
    ///
    /// # Errors
    /// The database's, but for a known id.
    pub async fn insert_movements(
        &self,
        connection: &mut MySqlConnection,
        batch: &[PartitionBatch<'_>],
    ) -> Result<Inserted, StoreError> {
        let rows: Vec<(i32, &MovementRow)> = of_all(batch, |batch| &batch.effects.movements);
        let done = self
            .movements
            .execute(connection, &rows, bind_movement, || ledger_failpoints::reach(FailPoint::StoreMovements))
            .await;
        inserted(done, "inserting movements")
    }
}

fn of_all<'a, T>(
    batch: &'a [PartitionBatch<'_>],
    rows: impl Fn(&'a PartitionBatch<'_>) -> &'a [T],
) -> Vec<(i32, &'a T)> {
    batch.iter().flat_map(|one| rows(one).iter().map(|row| (one.effects.partition, row))).collect()
}

fn inserted(result: Result<(), sqlx::Error>, step: &'static str) -> Result<Inserted, StoreError> {
    match result {
        Ok(()) => Ok(Inserted::All),
        Err(error) if fault_of(&error) == Fault::DuplicateKey => Ok(Inserted::IdKnown),
        Err(error) => Err(at(step)(error)),
    }
}

fn bind_order(arguments: &mut MySqlArguments, (partition, row): &(i32, &OrderRow)) -> Bound {
    let order = &row.order;
    arguments.add(order.order_id().as_uuid())?;
    arguments.add(partition)?;
    arguments.add(OrderRow::LINE_NO)?;
    arguments.add(row.offset)?;
    arguments.add(order.user_id().as_str())?;
    arguments.add(order.product_id().as_str())?;
    arguments.add(order.quantity().get())?;
    arguments.add(order.unit_price().get())?;
    arguments.add(order.total_price().get())?;
    arguments.add(row.decision.status().as_str())?;
    arguments.add(row.decision.reason().map(|reason| reason.as_str()))?;
    arguments.add::<DateTime<Utc>>(order.placed_at())?;
    arguments.add::<DateTime<Utc>>(row.listed_at)
}

fn bind_movement(arguments: &mut MySqlArguments, (partition, row): &(i32, &MovementRow)) -> Bound {
    let movement = &row.movement;
    arguments.add(movement.movement_id().as_uuid())?;
    arguments.add(partition)?;
    arguments.add(row.offset)?;
    arguments.add(movement.product_id().as_str())?;
    arguments.add(movement.kind_word())?;
    arguments.add(movement.delta().get())?;
    arguments.add(row.decision.status().as_str())?;
    arguments.add(row.decision.reason().map(|reason| reason.as_str()))?;
    arguments.add(movement.note().map(|note| note.as_str()))?;
    arguments.add::<DateTime<Utc>>(movement.occurred_at())
}
