//! The table `reservations`: lines that live here, of orders that are at home in another partition. Shared by every store. Each
//! function is one writing step. Read next: `open_orders.rs`.

use ledger_database::Tables;
use ledger_database::literals::Literals;
use ledger_failpoints::FailPoint;
use ledger_fold::ReservationRow;

use crate::batch::PartitionBatch;
use crate::rows::of_all;
use crate::script::{Halt, Script, Step};

/// The statements on one table of reservations.
#[derive(Debug, Clone)]
pub struct ReservationStatements {
    insert: String,
}

/// Rows that were looked up. The primary key is the table's only unique one.
const CHANGE: &str = " ON DUPLICATE KEY UPDATE status = VALUES(status), confirmed = VALUES(confirmed)";

impl ReservationStatements {
    pub fn new(tables: &Tables) -> Self {
        Self {
            insert: format!(
                "INSERT INTO {} (order_id, home_partition, line_no, kafka_partition, kafka_offset, product_id, quantity, \
                 status, reason, confirmed) VALUES",
                tables.reservations
            ),
        }
    }

    /// Inserts what was decided about lines that homes asked for: by a plain INSERT, so that a line that was asked for before is an error and
    /// not a silent change.
    ///
    /// # Errors
    /// Why the batch goes no further.
    pub(crate) async fn insert_reservations(
        &self,
        script: &mut Script<'_>,
        batch: &[PartitionBatch<'_>],
    ) -> Result<(), Halt> {
        let step = Step::adding("inserting reservations", FailPoint::StoreReservations);
        let rows = sorted(batch, |batch| &batch.effects.reservations);
        script.rows(step, (&self.insert, ""), &rows, write).await
    }

    /// Changes what became of lines: sold, or given back.
    ///
    /// # Errors
    /// Why the batch goes no further.
    pub(crate) async fn change_reservations(
        &self,
        script: &mut Script<'_>,
        batch: &[PartitionBatch<'_>],
    ) -> Result<(), Halt> {
        let step = Step::new("changing reservations", FailPoint::StoreChangedReservations);
        let rows = sorted(batch, |batch| &batch.effects.changed_reservations);
        script.rows(step, (&self.insert, CHANGE), &rows, write).await
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

fn write(literals: &mut Literals, (partition, row): &(i32, &ReservationRow)) {
    literals
        .id(row.key.order_id.as_uuid())
        .number(row.key.home_partition)
        .number(row.key.line_no.get())
        .number(*partition)
        .number(row.offset)
        .text(row.product_id.as_str())
        .number(row.quantity.get())
        .text(row.state.status().as_str())
        .optional_text(row.state.reason().map(|reason| reason.as_str()))
        .flag(row.state.is_confirmed());
}
