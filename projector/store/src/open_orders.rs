//! The table `open_orders`: orders at home in a partition that are pending or held, in the order in which they are due. Whoever looks
//! for what is due reads a range of the primary key, however many are open. Read next: `stock.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use ledger_database::literals::Literals;
use ledger_database::{Tables, Watched};
use ledger_failpoints::FailPoint;
use ledger_fold::OpenOrder;
use ledger_schema::{OrderId, Status};
use sqlx::types::Uuid;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use crate::batch::{OpenCounts, PartitionBatch};
use crate::error::{StoreError, at};
use crate::rows::of_all;
use crate::script::{Affects, Halt, Script, Step};

/// Most rows that one statement removes.
const REMOVED_AT_ONCE: usize = 64;
const STATUSES: [Status; 2] = [Status::Pending, Status::Held];

/// Orders that are read at once.
pub const PAGE: usize = 1000;

/// The statements on one table of open orders.
#[derive(Debug, Clone)]
pub struct OpenOrderStatements {
    table: String,
    insert: String,
    count: SqlStr,
    /// By status.
    due: [SqlStr; 2],
    oldest: [SqlStr; 2],
}

impl OpenOrderStatements {
    pub fn new(tables: &Tables) -> Self {
        let table = &tables.open_orders;
        let of_status = |text: fn(&str, &str) -> String| STATUSES.map(|status| shared(text(table, status.as_str())));
        Self {
            table: table.clone(),
            insert: format!("INSERT INTO {table} (kafka_partition, status, due_at, order_id) VALUES"),
            count: shared(format!("SELECT status, COUNT(*) FROM {table} WHERE kafka_partition = ? GROUP BY status")),
            // From where the page before it ended. One range of the key: `due_at` twice, and of those with the very time of the
            // last one the ids after it.
            due: of_status(|table, status| {
                format!(
                    "SELECT order_id, due_at FROM {table} WHERE kafka_partition = ? AND status = '{status}' \
                     AND due_at BETWEEN ? AND ? AND (due_at > ? OR order_id > ?) ORDER BY due_at, order_id LIMIT {PAGE}"
                )
            }),
            oldest: of_status(|table, status| {
                format!("SELECT MIN(due_at) FROM {table} WHERE kafka_partition = ? AND status = '{status}'")
            }),
        }
    }

    /// Removes orders that are open no more, or otherwise. Each stood there when the batch was folded, and nobody else has changed the
    /// partition since: the compare-and-set hit.
    ///
    /// # Errors
    /// Why the batch goes no further; [`StoreError::OpenOrdersGone`] among them.
    pub(crate) async fn remove_open(&self, script: &mut Script<'_>, batch: &[PartitionBatch<'_>]) -> Result<(), Halt> {
        let rows = of_all(batch, |batch| &batch.effects.open_orders.removed);
        for status in STATUSES {
            let rows: Vec<_> = rows.iter().filter(|(_, open)| open.status == status).collect();
            for rows in rows.chunks(REMOVED_AT_ONCE) {
                let affects = Affects { rows: rows.len(), partition: rows[0].0, status: status.as_str() };
                let step = Step::new("removing open orders", FailPoint::StoreOpenRemoved);
                let step = Step { affects: Some(affects), ..step };
                script.statement(step, |literals| removal(literals, &self.table, status, rows)).await?;
            }
        }
        Ok(())
    }

    /// Adds orders that are open now.
    ///
    /// # Errors
    /// Why the batch goes no further.
    pub(crate) async fn add_open(&self, script: &mut Script<'_>, batch: &[PartitionBatch<'_>]) -> Result<(), Halt> {
        let step = Step::new("adding open orders", FailPoint::StoreOpenAdded);
        let rows = of_all(batch, |batch| &batch.effects.open_orders.added);
        script.rows(step, (&self.insert, ""), &rows, write).await
    }

    /// How many are open in a partition. Reads all of them: for whoever takes a partition over.
    ///
    /// # Errors
    /// The database's, or [`StoreError::CorruptRow`].
    pub async fn count(&self, connection: &mut Watched, partition: i32) -> Result<OpenCounts, StoreError> {
        let query = sqlx::query_as::<_, (String, i64)>(self.count.clone()).bind(partition);
        let found: BTreeMap<_, _> =
            query.fetch_all(connection).await.map_err(at("counting open orders"))?.into_iter().collect();
        let of = |status: Status| found.get(status.as_str()).copied().unwrap_or(0);
        Ok(OpenCounts { pending: of(Status::Pending), held: of(Status::Held) })
    }

    /// The next orders of a status that are due by `up_to`, after `after`; [`PAGE`] at most.
    ///
    /// # Errors
    /// The database's.
    pub async fn due(
        &self,
        connection: &mut Watched,
        partition: i32,
        status: Status,
        up_to: DateTime<Utc>,
        after: Option<OpenOrder>,
    ) -> Result<Vec<OpenOrder>, StoreError> {
        // No order has this id and this time: the first page begins before everything.
        let (from, id) =
            after.map_or((DateTime::UNIX_EPOCH, Uuid::nil()), |open| (open.due_at, open.order_id.as_uuid()));
        let query = sqlx::query_as::<_, (Uuid, DateTime<Utc>)>(self.due[index_of(status)].clone());
        let query = query.bind(partition).bind(from).bind(up_to).bind(from).bind(id);
        let rows = query.fetch_all(connection).await.map_err(at("looking for orders that are due"))?;
        let open = |(id, due_at)| OpenOrder { order_id: OrderId::from_uuid(id), status, due_at };
        Ok(rows.into_iter().map(open).collect())
    }

    /// Since when the oldest pending order is pending.
    ///
    /// # Errors
    /// The database's.
    pub async fn oldest_pending(
        &self,
        connection: &mut Watched,
        partition: i32,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        let query = sqlx::query_scalar(self.oldest[index_of(Status::Pending)].clone()).bind(partition);
        query.fetch_one(connection).await.map_err(at("looking for the oldest undecided order"))
    }
}

fn index_of(status: Status) -> usize {
    usize::from(status == Status::Held)
}

fn shared(text: String) -> SqlStr {
    AssertSqlSafe(Arc::<str>::from(text)).into_sql_str()
}

/// A join in this order looks each key up in the primary key, and locks that row alone; the same keys in a WHERE make the server scan
/// the table while it is small, and wait for every other writer. The status is a constant: a text in a column of its own would be
/// compared with the ENUM by converting each row's.
fn removal(literals: &mut Literals, table: &str, status: Status, rows: &[&(i32, &OpenOrder)]) {
    literals.sql("DELETE ").sql(table).sql(" FROM (");
    for (nth, (partition, open)) in rows.iter().enumerate() {
        literals.sql(if nth == 0 { "SELECT CAST(" } else { " UNION ALL SELECT CAST(" }).number(*partition);
        literals.sql(" AS SIGNED) AS kafka_partition, CAST(").time(open.due_at);
        literals.sql(" AS DATETIME(6)) AS due_at, CAST(").id(open.order_id.as_uuid());
        literals.sql(" AS BINARY(16)) AS order_id");
    }
    literals.sql(&format!(
        ") gone STRAIGHT_JOIN {table} ON {table}.kafka_partition = gone.kafka_partition AND {table}.status = '{}' \
         AND {table}.due_at = gone.due_at AND {table}.order_id = gone.order_id",
        status.as_str()
    ));
}

fn write(literals: &mut Literals, (partition, open): &(i32, &OpenOrder)) {
    literals.number(*partition).text(open.status.as_str()).time(open.due_at).id(open.order_id.as_uuid());
}
