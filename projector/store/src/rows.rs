//! The rows of orders and movements: those that a batch adds, and orders that it changes. Shared by every store. Each function is
//! one writing step. Read next: `reservations.rs`, `open_orders.rs`.

use chrono::{DateTime, Utc};
use ledger_database::Tables;
use ledger_database::statements::Shaped;
use ledger_database::{Fault, Watched, fault_of};
use ledger_failpoints::FailPoint;
use ledger_fold::{MovementRow, OrderRow};
use ledger_schema::{Line, LineNo};
use sqlx::Arguments;
use sqlx::mysql::MySqlArguments;

use crate::batch::PartitionBatch;
use crate::error::{StoreError, at};

type Bound = Result<(), sqlx::error::BoxDynError>;

/// The statements on the orders and movements of one set of tables.
#[derive(Debug, Clone)]
pub struct RowStatements {
    orders: Shaped,
    changed_orders: Shaped,
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
        let insert = format!(
            "INSERT INTO {} (order_id, kafka_partition, line_no, kafka_offset, user_id, product_id, quantity, unit_price, \
             total_price, currency, status, reason, line_status, expires_at, placed_at, listed_at) VALUES",
            tables.orders
        );
        let row = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        Self {
            // A plain INSERT, so that an id that was there before is an error and not a silent change.
            orders: Shaped::new(&insert, row, ""),
            // Rows that were looked up, and that nobody else has changed since: the compare-and-set hit. The primary key is the
            // table's only unique one, so that nothing else can fire the update.
            changed_orders: Shaped::new(
                &insert,
                row,
                " ON DUPLICATE KEY UPDATE status = VALUES(status), reason = VALUES(reason), \
                 line_status = VALUES(line_status)",
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
        connection: &mut Watched,
        batch: &[PartitionBatch<'_>],
    ) -> Result<Inserted, StoreError> {
        let rows = lines(batch, |batch| &batch.effects.orders);
        let done = self
            .orders
            .execute(connection, &rows, bind_line, || ledger_failpoints::reach(FailPoint::StoreOrders))
            .await;
        inserted(done, "inserting orders")
    }

    /// Changes where orders and their lines stand.
    ///
    /// # Errors
    /// The database's.
    pub async fn change_orders(
        &self,
        connection: &mut Watched,
        batch: &[PartitionBatch<'_>],
    ) -> Result<(), StoreError> {
        let rows = lines(batch, |batch| &batch.effects.changed_orders);
        let done = self
            .changed_orders
            .execute_filled(connection, &rows, bind_line, || ledger_failpoints::reach(FailPoint::StoreChangedOrders))
            .await;
        done.map_err(at("changing orders"))
    }

    /// Inserts the receipts and adjustments of all partitions of the batch.
    ///
    /// # Errors
    /// The database's, but for a known id.
    pub async fn insert_movements(
        &self,
        connection: &mut Watched,
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

pub(crate) fn of_all<'a, T>(
    batch: &'a [PartitionBatch<'_>],
    rows: impl Fn(&'a PartitionBatch<'_>) -> &'a [T],
) -> Vec<(i32, &'a T)> {
    batch.iter().flat_map(|one| rows(one).iter().map(|row| (one.effects.partition, row))).collect()
}

pub(crate) fn inserted(result: Result<(), sqlx::Error>, step: &'static str) -> Result<Inserted, StoreError> {
    match result {
        Ok(()) => Ok(Inserted::All),
        Err(error) if fault_of(&error) == Fault::DuplicateKey => Ok(Inserted::IdKnown),
        Err(error) => Err(at(step)(error)),
    }
}

/// A row of `orders`: one line.
struct LineRow<'a> {
    partition: i32,
    row: &'a OrderRow,
    line_no: LineNo,
    line: &'a Line,
}

/// A row per line, in order of the primary key: neighbours in the batch are neighbours in the tree. The rows say their own offset, so the
/// order in which they are written shows nowhere.
fn lines<'a>(
    batch: &'a [PartitionBatch<'_>],
    orders: impl Fn(&'a PartitionBatch<'_>) -> &'a [OrderRow],
) -> Vec<LineRow<'a>> {
    let orders = of_all(batch, orders);
    let of_order = |(partition, row): (i32, &'a OrderRow)| {
        row.order.lines().map(move |(line_no, line)| LineRow { partition, row, line_no, line })
    };
    let mut rows: Vec<_> = orders.into_iter().flat_map(of_order).collect();
    rows.sort_unstable_by_key(|line| (line.row.order.order_id(), line.partition, line.line_no));
    rows
}

fn bind_line(arguments: &mut MySqlArguments, line: &LineRow<'_>) -> Bound {
    let LineRow { partition, row, line_no, line } = line;
    let OrderRow { order, state, .. } = row;
    arguments.add(order.order_id().as_uuid())?;
    arguments.add(partition)?;
    arguments.add(line_no.get())?;
    arguments.add(row.offset)?;
    arguments.add(order.user_id().as_str())?;
    arguments.add(line.product_id().as_str())?;
    arguments.add(line.quantity().get())?;
    arguments.add(line.unit_price().get())?;
    arguments.add(line.total_price().get())?;
    arguments.add(order.terms().currency.as_ref().map(|currency| currency.as_str()))?;
    arguments.add(state.status().as_str())?;
    arguments.add(state.reason_of(*line_no).map(|reason| reason.as_str()))?;
    arguments.add(state.line(*line_no).status().as_str())?;
    arguments.add::<Option<DateTime<Utc>>>(order.expires_at())?;
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
