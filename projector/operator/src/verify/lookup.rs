//! Rows of the snapshot by their ids, hundreds at a time.

use std::collections::HashMap;

use ledger_database::Tables;
use ledger_database::statements::SelectByIds;
use ledger_store::{StoreError, at};
use sqlx::{MySqlConnection, SqlStr};
use uuid::Uuid;

use super::compared_row::ComparedRow;
use super::table::{DEAD_LETTERS, ORDERS, STOCK_MOVEMENTS, TableShape};

const STEP: &str = "reading the rows of a batch";

/// The statements on one set of tables.
pub(super) struct Lookups {
    pub(super) orders: Lookup,
    pub(super) movements: Lookup,
    dead_letters: SqlStr,
}

impl Lookups {
    pub(super) fn new(tables: &Tables) -> Self {
        let range = "WHERE kafka_partition = ? AND kafka_offset >= ? AND kafka_offset < ? ORDER BY kafka_offset";
        Self {
            orders: Lookup::new(&ORDERS, &tables.orders, " AND line_no = 1"),
            movements: Lookup::new(&STOCK_MOVEMENTS, &tables.stock_movements, ""),
            dead_letters: DEAD_LETTERS.select(&tables.dead_letters, range),
        }
    }

    /// Parked records of `partition` from `from` to before `to`, in their order.
    pub(super) async fn dead_letters(
        &self,
        connection: &mut MySqlConnection,
        partition: i32,
        from: i64,
        to: i64,
    ) -> Result<Vec<ComparedRow>, StoreError> {
        let query = sqlx::query(self.dead_letters.clone()).bind(partition).bind(from).bind(to);
        let rows = query.fetch_all(connection).await.map_err(at(STEP))?;
        rows.iter().map(|row| ComparedRow::read(&DEAD_LETTERS, row).map_err(at(STEP))).collect()
    }
}

/// The statements on one table that has ids.
pub(super) struct Lookup {
    shape: &'static TableShape,
    by_ids: SelectByIds,
}

impl Lookup {
    fn new(shape: &'static TableShape, table: &str, further: &str) -> Self {
        let id = shape.columns[0].name;
        let before = format!(
            "SELECT {} FROM {table} FORCE INDEX (PRIMARY) WHERE kafka_partition = ?{further} AND {id}",
            shape.expressions()
        );
        Self { shape, by_ids: SelectByIds::new(&before) }
    }

    /// What `partition` has under `ids`.
    pub(super) async fn rows(
        &self,
        connection: &mut MySqlConnection,
        partition: i32,
        ids: &[Uuid],
    ) -> Result<HashMap<Uuid, ComparedRow>, StoreError> {
        let found = self.by_ids.fetch(connection, &[partition], ids).await.map_err(at(STEP))?;
        let row = |row| ComparedRow::read(self.shape, row).map(|row| (row.id(), row)).map_err(at(STEP));
        found.iter().map(row).collect()
    }
}
