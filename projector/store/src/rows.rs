//! The rows of orders and movements: those that a batch adds, and orders that it changes. Shared by every store. Each function is
//! one writing step. Read next: `reservations.rs`, `open_orders.rs`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use ledger_database::Tables;
use ledger_database::literals::Literals;
use ledger_database::statements::placeholders;
use ledger_failpoints::FailPoint;
use ledger_fold::{MovementRow, OrderRow};
use ledger_schema::{Line, LineNo};
use sqlx::mysql::MySqlArguments;
use sqlx::{Arguments, AssertSqlSafe, SqlSafeStr, SqlStr};

use crate::batch::PartitionBatch;
use crate::error::at;
use crate::script::{Halt, Script, Step};

/// The statements on the orders and movements of one set of tables.
#[derive(Debug, Clone)]
pub struct RowStatements {
    orders: String,
    /// The same for so many rows as [`BULK`] says.
    orders_in_bulk: [SqlStr; BULK.len()],
    movements: String,
}

/// Rows of orders that are sent as a prepared statement: of many, the server's reading of their text is a fifth of its work (measured over a
/// backlog: 0.81 of the orders/s). The largest times the columns stays far below the 65,535 placeholders of the protocol.
const BULK: [usize; 3] = [512, 256, 128];
const ORDER_COLUMNS: usize = 16;
const INSERTING: &str = "inserting orders";

/// Rows that were looked up, and that nobody else has changed since: the compare-and-set hit. The primary key is the table's only unique one,
/// so that nothing else can fire the update.
const CHANGE_ORDERS: &str = " ON DUPLICATE KEY UPDATE status = VALUES(status), reason = VALUES(reason), \
    line_status = VALUES(line_status)";

impl RowStatements {
    pub fn new(tables: &Tables) -> Self {
        let orders = format!(
            "INSERT INTO {} (order_id, kafka_partition, line_no, kafka_offset, user_id, product_id, quantity, unit_price, \
             total_price, currency, status, reason, line_status, expires_at, placed_at, listed_at) VALUES",
            tables.orders
        );
        let row = format!("({})", placeholders(ORDER_COLUMNS));
        // Shared, so that an execution only counts a reference.
        let bulk = |rows| Arc::<str>::from(format!("{orders} {}", vec![row.as_str(); rows].join(", ")));
        Self {
            orders_in_bulk: BULK.map(|rows| AssertSqlSafe(bulk(rows)).into_sql_str()),
            orders,
            movements: format!(
                "INSERT INTO {} (movement_id, kafka_partition, kafka_offset, product_id, kind, delta, status, reason, note, \
                 occurred_at) VALUES",
                tables.stock_movements
            ),
        }
    }

    /// Inserts the orders of all partitions of the batch: by a plain INSERT, so that an id that was there before is an error and not a silent
    /// change.
    ///
    /// # Errors
    /// Why the batch goes no further.
    pub(crate) async fn insert_orders(
        &self,
        script: &mut Script<'_>,
        batch: &[PartitionBatch<'_>],
    ) -> Result<(), Halt> {
        let step = Step::adding(INSERTING, FailPoint::StoreOrders);
        let lines = lines(batch, |batch| &batch.effects.orders);
        let mut rows = lines.as_slice();
        for (count, text) in BULK.iter().zip(&self.orders_in_bulk) {
            while let Some(bulk) = rows.split_off(..*count) {
                let mut values = MySqlArguments::default();
                values.reserve(count * ORDER_COLUMNS, count * 160);
                let bound = bulk.iter().try_for_each(|line| bind_line(&mut values, line));
                bound.map_err(|cause| at(INSERTING)(sqlx::Error::Encode(cause)))?;
                script.prepared(step, text.clone(), values).await?;
            }
        }
        script.rows(step, (&self.orders, ""), rows, write_line).await
    }

    /// Changes where orders and their lines stand.
    ///
    /// # Errors
    /// Why the batch goes no further.
    pub(crate) async fn change_orders(
        &self,
        script: &mut Script<'_>,
        batch: &[PartitionBatch<'_>],
    ) -> Result<(), Halt> {
        let step = Step::new("changing orders", FailPoint::StoreChangedOrders);
        let rows = lines(batch, |batch| &batch.effects.changed_orders);
        script.rows(step, (&self.orders, CHANGE_ORDERS), &rows, write_line).await
    }

    /// Inserts the receipts and adjustments of all partitions of the batch.
    ///
    /// # Errors
    /// Why the batch goes no further.
    pub(crate) async fn insert_movements(
        &self,
        script: &mut Script<'_>,
        batch: &[PartitionBatch<'_>],
    ) -> Result<(), Halt> {
        let step = Step::adding("inserting movements", FailPoint::StoreMovements);
        let rows: Vec<(i32, &MovementRow)> = of_all(batch, |batch| &batch.effects.movements);
        script.rows(step, (&self.movements, ""), &rows, write_movement).await
    }
}

pub(crate) fn of_all<'a, T>(
    batch: &'a [PartitionBatch<'_>],
    rows: impl Fn(&'a PartitionBatch<'_>) -> &'a [T],
) -> Vec<(i32, &'a T)> {
    batch.iter().flat_map(|one| rows(one).iter().map(|row| (one.effects.partition, row))).collect()
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

fn write_line(literals: &mut Literals, line: &LineRow<'_>) {
    let LineRow { partition, row, line_no, line } = line;
    let OrderRow { order, state, .. } = row;
    literals
        .id(order.order_id().as_uuid())
        .number(*partition)
        .number(line_no.get())
        .number(row.offset)
        .text(order.user_id().as_str())
        .text(line.product_id().as_str())
        .number(line.quantity().get())
        .number(line.unit_price().get())
        .number(line.total_price().get())
        .optional_text(order.terms().currency.as_ref().map(|currency| currency.as_str()))
        .text(state.status().as_str())
        .optional_text(state.reason_of(*line_no).map(|reason| reason.as_str()))
        .text(state.line(*line_no).status().as_str())
        .optional_time(order.expires_at())
        .time(order.placed_at())
        .time(row.listed_at);
}

fn bind_line(arguments: &mut MySqlArguments, line: &LineRow<'_>) -> Result<(), sqlx::error::BoxDynError> {
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

fn write_movement(literals: &mut Literals, (partition, row): &(i32, &MovementRow)) {
    let movement = &row.movement;
    literals
        .id(movement.movement_id().as_uuid())
        .number(*partition)
        .number(row.offset)
        .text(movement.product_id().as_str())
        .text(movement.kind_word())
        .number(movement.delta().get())
        .text(row.decision.status().as_str())
        .optional_text(row.decision.reason().map(|reason| reason.as_str()))
        .optional_text(movement.note().map(|note| note.as_str()))
        .time(movement.occurred_at());
}
