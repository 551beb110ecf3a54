//! Rows of the snapshot by their ids, hundreds at a time.

use std::collections::HashMap;

use ledger_database::statements::SelectByIds;
use ledger_database::{Tables, Watched};
use ledger_fold::ReservationKey;
use ledger_store::{Ids, StoreError, at};
use sqlx::SqlStr;
use uuid::Uuid;

use super::compared_row::ComparedRow;
use super::table::{DEAD_LETTERS, ORDERS, RESERVATIONS, STOCK_MOVEMENTS, TableShape};

const STEP: &str = "reading the rows of a batch";

/// The statements on one set of tables.
pub(super) struct Lookups {
    orders: Lookup,
    movements: Lookup,
    reservations: Lookup,
    dead_letters: SqlStr,
}

/// What a partition has under some ids, each list in order of the primary key.
#[derive(Debug, Default)]
pub(super) struct FoundUnder {
    orders: HashMap<Uuid, Vec<ComparedRow>>,
    movements: HashMap<Uuid, Vec<ComparedRow>>,
    /// By order, whichever its home and line.
    reservations: HashMap<Uuid, Vec<ComparedRow>>,
}

impl FoundUnder {
    /// The rows of an order, by line.
    pub(super) fn order(&self, id: Uuid) -> &[ComparedRow] {
        self.orders.get(&id).map_or(&[], Vec::as_slice)
    }

    pub(super) fn movement(&self, id: Uuid) -> Option<&ComparedRow> {
        self.movements.get(&id)?.first()
    }

    pub(super) fn reservation(&self, key: &ReservationKey) -> Option<&ComparedRow> {
        let rows = self.reservations.get(&key.order_id.as_uuid())?;
        rows.iter().find(|row| is_of(row, key))
    }
}

fn is_of(row: &ComparedRow, key: &ReservationKey) -> bool {
    row.integer(&RESERVATIONS, "home_partition") == i64::from(key.home_partition)
        && row.integer(&RESERVATIONS, "line_no") == i64::from(key.line_no.get())
}

impl Lookups {
    pub(super) fn new(tables: &Tables) -> Self {
        let range = "WHERE kafka_partition = ? AND kafka_offset >= ? AND kafka_offset < ? ORDER BY kafka_offset";
        Self {
            orders: Lookup::new(&ORDERS, &tables.orders),
            movements: Lookup::new(&STOCK_MOVEMENTS, &tables.stock_movements),
            reservations: Lookup::new(&RESERVATIONS, &tables.reservations),
            dead_letters: DEAD_LETTERS.select(&tables.dead_letters, range),
        }
    }

    /// What `partition` has under `ids`.
    pub(super) async fn rows(
        &self,
        connection: &mut Watched,
        partition: i32,
        ids: &Ids,
    ) -> Result<FoundUnder, StoreError> {
        let orders: Vec<Uuid> = ids.orders.iter().map(|id| id.as_uuid()).collect();
        let movements: Vec<Uuid> = ids.movements.iter().map(|id| id.as_uuid()).collect();
        let mut reserved: Vec<Uuid> = ids.reservations.iter().map(|key| key.order_id.as_uuid()).collect();
        reserved.dedup();
        Ok(FoundUnder {
            orders: self.orders.rows(connection, partition, &orders).await?,
            movements: self.movements.rows(connection, partition, &movements).await?,
            reservations: self.reservations.rows(connection, partition, &reserved).await?,
        })
    }

    /// Parked records of `partition` from `from` to before `to`, in their order.
    pub(super) async fn dead_letters(
        &self,
        connection: &mut Watched,
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
struct Lookup {
    shape: &'static TableShape,
    by_ids: SelectByIds,
}

impl Lookup {
    fn new(shape: &'static TableShape, table: &str) -> Self {
        let id = shape.columns[0].name;
        let before = format!(
            "SELECT {} FROM {table} FORCE INDEX (PRIMARY) WHERE kafka_partition = ? AND {id}",
            shape.expressions()
        );
        Self { shape, by_ids: SelectByIds::new(&before) }
    }

    async fn rows(
        &self,
        connection: &mut Watched,
        partition: i32,
        ids: &[Uuid],
    ) -> Result<HashMap<Uuid, Vec<ComparedRow>>, StoreError> {
        let mut rows: HashMap<Uuid, Vec<ComparedRow>> = HashMap::new();
        for row in self.by_ids.fetch(connection, &[partition], ids).await.map_err(at(STEP))? {
            let row = ComparedRow::read(self.shape, &row).map_err(at(STEP))?;
            rows.entry(row.id()).or_default().push(row);
        }
        // One partition of one id: what is left of the key orders them.
        rows.values_mut().for_each(|rows| rows.sort_unstable_by(|a, b| a.key(self.shape).cmp(b.key(self.shape))));
        Ok(rows)
    }
}
