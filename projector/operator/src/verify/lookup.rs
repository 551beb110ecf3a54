//! Rows of the snapshot by their ids, hundreds at a time.

use std::collections::HashMap;

use ledger_database::Tables;
use ledger_database::statements::Shaped;
use ledger_store::{StoreError, at};
use sqlx::mysql::MySqlArguments;
use sqlx::{Arguments, MySqlConnection, SqlStr};
use uuid::Uuid;

use super::table::{DEAD_LETTERS, ORDERS, Row, STOCK_MOVEMENTS, TableShape};

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
    ) -> Result<Vec<Row>, StoreError> {
        let query = sqlx::query(self.dead_letters.clone()).bind(partition).bind(from).bind(to);
        let rows = query.fetch_all(connection).await.map_err(at(STEP))?;
        rows.iter().map(|row| DEAD_LETTERS.read(row).map_err(at(STEP))).collect()
    }
}

/// The statements on one table that has ids.
pub(super) struct Lookup {
    shape: &'static TableShape,
    by_ids: Shaped,
}

impl Lookup {
    fn new(shape: &'static TableShape, table: &str, further: &str) -> Self {
        let id = shape.columns.first().map_or("", |column| column.name);
        let before = format!(
            "SELECT {} FROM {table} FORCE INDEX (PRIMARY) WHERE kafka_partition = ?{further} AND {id} IN (",
            shape.expressions()
        );
        Self { shape, by_ids: Shaped::new(&before, "?", ")") }
    }

    /// What `partition` has under `ids`.
    pub(super) async fn rows(
        &self,
        connection: &mut MySqlConnection,
        partition: i32,
        ids: &[Uuid],
    ) -> Result<HashMap<Uuid, Row>, StoreError> {
        let mut found = HashMap::with_capacity(ids.len());
        for (text, ids) in self.by_ids.cut(ids) {
            let mut arguments = MySqlArguments::default();
            let bound = std::iter::once(arguments.add(partition)).chain(ids.iter().map(|id| arguments.add(id)));
            bound.collect::<Result<(), _>>().map_err(|error| at(STEP)(sqlx::Error::Encode(error)))?;
            for row in sqlx::query_with(text, arguments).fetch_all(&mut *connection).await.map_err(at(STEP))? {
                let row = self.shape.read(&row).map_err(at(STEP))?;
                if let Some(id) = row.id() {
                    found.insert(id, row);
                }
            }
        }
        Ok(found)
    }
}
