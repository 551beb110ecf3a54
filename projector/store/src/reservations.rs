//! The table `reservations`: lines that live here, of orders that are at home in another partition. Shared by every store. Each
//! function is one writing step. Read next: `open_orders.rs`.

use ledger_database::statements::Shaped;
use ledger_database::{Tables, Watched};
use ledger_failpoints::FailPoint;
use ledger_fold::ReservationRow;
use sqlx::Arguments;
use sqlx::mysql::MySqlArguments;

use crate::batch::PartitionBatch;
use crate::error::{StoreError, at};
use crate::rows::{Inserted, inserted, of_all};

/// The statements on one table of reservations.
#[derive(Debug, Clone)]
pub struct ReservationStatements {
    insert: Shaped,
    change: Shaped,
}

impl ReservationStatements {
    pub fn new(tables: &Tables) -> Self {
        let insert = format!(
            "INSERT INTO {} (order_id, home_partition, line_no, kafka_partition, kafka_offset, product_id, quantity, \
             status, reason, confirmed) VALUES",
            tables.reservations
        );
        let row = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        Self {
            // A plain INSERT, so that a line that was asked for before is an error and not a silent change.
            insert: Shaped::new(&insert, row, ""),
            // Rows that were looked up. The primary key is the table's only unique one.
            change: Shaped::new(
                &insert,
                row,
                " ON DUPLICATE KEY UPDATE status = VALUES(status), confirmed = VALUES(confirmed)",
            ),
        }
    }

    /// Inserts what was decided about lines that homes asked for.
    ///
    /// # Errors
    /// The database's, but for a known id.
    pub async fn insert_reservations(
        &self,
        connection: &mut Watched,
        batch: &[PartitionBatch<'_>],
    ) -> Result<Inserted, StoreError> {
        let rows = sorted(batch, |batch| &batch.effects.reservations);
        let done = self
            .insert
            .execute(connection, &rows, bind, || ledger_failpoints::reach(FailPoint::StoreReservations))
            .await;
        inserted(done, "inserting reservations")
    }

    /// Changes what became of lines: sold, or given back.
    ///
    /// # Errors
    /// The database's.
    pub async fn change_reservations(
        &self,
        connection: &mut Watched,
        batch: &[PartitionBatch<'_>],
    ) -> Result<(), StoreError> {
        let rows = sorted(batch, |batch| &batch.effects.changed_reservations);
        let done = self
            .change
            .execute_filled(connection, &rows, bind, || ledger_failpoints::reach(FailPoint::StoreChangedReservations))
            .await;
        done.map_err(at("changing reservations"))
    }
}

/// In order of the primary key, as in `rows.rs`.
fn sorted<'a>(
    batch: &'a [PartitionBatch<'_>],
    rows: impl Fn(&'a PartitionBatch<'_>) -> &'a [ReservationRow],
) -> Vec<(i32, &'a ReservationRow)> {
    let mut rows = of_all(batch, rows);
    rows.sort_unstable_by_key(|(partition, row)| (row.key, *partition));
    rows
}

fn bind(
    arguments: &mut MySqlArguments,
    (partition, row): &(i32, &ReservationRow),
) -> Result<(), sqlx::error::BoxDynError> {
    arguments.add(row.key.order_id.as_uuid())?;
    arguments.add(row.key.home_partition)?;
    arguments.add(row.key.line_no.get())?;
    arguments.add(partition)?;
    arguments.add(row.offset)?;
    arguments.add(row.product_id.as_str())?;
    arguments.add(row.quantity.get())?;
    arguments.add(row.state.status().as_str())?;
    arguments.add(row.state.reason().map(|reason| reason.as_str()))?;
    arguments.add(row.state.is_confirmed())
}
