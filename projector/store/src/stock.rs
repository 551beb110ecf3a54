//! The table `stock`: each changed product once per batch, and all products of a partition when it is taken over.

use std::sync::Arc;

use ledger_database::literals::Literals;
use ledger_database::{Tables, Watched};
use ledger_failpoints::FailPoint;
use ledger_fold::{Level, StockRow};
use ledger_schema::ProductId;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use crate::batch::PartitionBatch;
use crate::error::{StoreError, at};
use crate::script::{Halt, Script, Step};

/// Products read per statement, so that memory holds one page of rows at a time.
const PAGE: usize = 10_000;

/// The product id is the table's only unique key, so that nothing else can fire the update. The partition is left alone: it follows from the
/// product id, and its index would be touched.
const CHANGE: &str = " ON DUPLICATE KEY UPDATE available = VALUES(available), held = VALUES(held), \
    kafka_offset = VALUES(kafka_offset)";

/// The statements on one table of stock.
#[derive(Debug, Clone)]
pub struct StockStatements {
    insert: String,
    page: SqlStr,
}

impl StockStatements {
    pub fn new(tables: &Tables) -> Self {
        let table = &tables.stock;
        Self {
            insert: format!("INSERT INTO {table} (product_id, available, held, kafka_partition, kafka_offset) VALUES"),
            page: AssertSqlSafe(Arc::<str>::from(format!(
                "SELECT product_id, available, held FROM {table} WHERE kafka_partition = ? AND product_id > ? \
                 ORDER BY product_id LIMIT {PAGE}"
            )))
            .into_sql_str(),
        }
    }

    /// Writes each changed product once, with its last value.
    ///
    /// # Errors
    /// Why the batch goes no further.
    pub(crate) async fn write_stock(&self, script: &mut Script<'_>, batch: &[PartitionBatch<'_>]) -> Result<(), Halt> {
        let effects = batch.iter().map(|one| &one.effects);
        let rows: Vec<(i32, &StockRow)> =
            effects.flat_map(|effects| effects.stock.iter().map(|row| (effects.partition, row))).collect();
        let step = Step::new("writing stock", FailPoint::StoreStock);
        script.rows(step, (&self.insert, CHANGE), &rows, write).await
    }

    /// All products of a partition.
    ///
    /// # Errors
    /// The database's, or [`StoreError::CorruptRow`].
    pub async fn of_partition(
        &self,
        connection: &mut Watched,
        partition: i32,
    ) -> Result<Vec<(ProductId, Level)>, StoreError> {
        let mut stock: Vec<(ProductId, Level)> = Vec::new();
        loop {
            let after = stock.last().map_or("", |(product_id, _)| product_id.as_str());
            let query =
                sqlx::query_as::<_, (String, i64, i64)>(self.page.clone()).bind(partition).bind(after.to_owned());
            let page = query.fetch_all(&mut *connection).await.map_err(at("reading stock"))?;
            let is_last = page.len() < PAGE;
            for (text, available, held) in page {
                let product_id = ProductId::parse(&text).map_err(|violation| StoreError::CorruptRow {
                    table: "stock",
                    key: text,
                    problem: violation.to_string(),
                })?;
                stock.push((product_id, Level { available, held }));
            }
            if is_last {
                return Ok(stock);
            }
        }
    }
}

fn write(literals: &mut Literals, (partition, row): &(i32, &StockRow)) {
    literals
        .text(row.product_id.as_str())
        .number(row.level.available)
        .number(row.level.held)
        .number(*partition)
        .number(row.offset);
}
