//! Rows that the log does not explain. That there are none is proved by counting: every row that the log explains was found under
//! its own key, so as many rows as were found means no other. Only when there are more are they looked for.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use ledger_database::Watched;
use ledger_store::{StoreError, at};
use sqlx::{AssertSqlSafe, SqlSafeStr};

use super::compared_row::ComparedRow;
use super::difference::Differences;
use super::job::Job;
use super::partition::PartitionCheck;
use super::table::{DEAD_LETTERS, ORDERS, RESERVATIONS, STOCK_MOVEMENTS, TableShape};

const STEP: &str = "looking for rows that the log does not explain";

pub(super) struct Strange<'a> {
    job: &'a Job,
    checks: &'a mut BTreeMap<i32, PartitionCheck>,
    /// Whether rows of partitions that the log does not have are named here.
    takes_others: bool,
}

impl<'a> Strange<'a> {
    pub(super) fn new(job: &'a Job, checks: &'a mut BTreeMap<i32, PartitionCheck>, takes_others: bool) -> Self {
        Self { job, checks, takes_others }
    }

    /// Parked records outside what was folded. Those inside were compared in order of offset.
    pub(super) async fn dead_letters(
        &mut self,
        connection: &mut Watched,
        differences: &mut Differences,
    ) -> Result<(), StoreError> {
        let outside = |(partition, check): (&i32, &PartitionCheck)| {
            let next_offset = check.next_offset;
            format!("kafka_partition = {partition} AND (kafka_offset < 0 OR kafka_offset >= {next_offset})")
        };
        let mut conditions: Vec<String> = self.checks.iter().map(outside).collect();
        conditions.extend(self.takes_others.then(|| self.no_partition()));
        for condition in conditions {
            self.name(connection, &DEAD_LETTERS, &self.job.tables.dead_letters, &condition, differences).await?;
        }
        Ok(())
    }

    /// Orders, movements and reservations that were not found under the key of a record.
    pub(super) async fn rows_with_ids(
        &mut self,
        connection: &mut Watched,
        differences: &mut Differences,
    ) -> Result<(), StoreError> {
        for shape in [&ORDERS, &STOCK_MOVEMENTS, &RESERVATIONS] {
            let table = shape.of(&self.job.tables);
            for (partition, stored) in count_rows(connection, table).await? {
                let found = self.checks.get(&partition).map(|check| check.found_rows.of(shape));
                let is_other = self.takes_others && !(0..self.job.identity.partition_count).contains(&partition);
                let Some(too_many) = found.or(is_other.then_some(0)).map(|found| stored.saturating_sub(found)) else {
                    continue;
                };
                if too_many > 0 {
                    let condition = format!("kafka_partition = {partition}");
                    let named = self.name(connection, shape, table, &condition, differences).await?;
                    differences.unnamed(shape, partition, too_many.saturating_sub(named));
                }
            }
        }
        Ok(())
    }

    /// Names the rows under `condition` that the log does not explain; gives how many.
    async fn name(
        &mut self,
        connection: &mut Watched,
        shape: &'static TableShape,
        table: &str,
        condition: &str,
        differences: &mut Differences,
    ) -> Result<u64, StoreError> {
        let mut named = 0;
        let mut rows = sqlx::query(shape.select(table, &format!("WHERE {condition}"))).fetch(connection);
        while let Some(row) = rows.try_next().await.map_err(at(STEP))? {
            let row = ComparedRow::read(shape, &row).map_err(at(STEP))?;
            if let Some(check) = self.checks.get_mut(&row.partition(shape)) {
                if check.explains(shape, &row) {
                    continue;
                }
                let offset = row.integer(shape, "kafka_offset");
                if (check.end..check.log_end).contains(&offset) {
                    check.evidence.beyond(offset);
                }
            }
            differences.extra(shape, &row);
            named += 1;
        }
        Ok(named)
    }

    fn no_partition(&self) -> String {
        format!("kafka_partition < 0 OR kafka_partition >= {}", self.job.identity.partition_count)
    }
}

/// Rows by partition.
async fn count_rows(connection: &mut Watched, table: &str) -> Result<Vec<(i32, u64)>, StoreError> {
    let text =
        format!("SELECT kafka_partition, COUNT(*) FROM {table} GROUP BY kafka_partition ORDER BY kafka_partition");
    let query = sqlx::query_as::<_, (i32, i64)>(AssertSqlSafe(text).into_sql_str());
    let rows = query.fetch_all(connection).await.map_err(at(STEP))?;
    Ok(rows
        .into_iter()
        .map(|(partition, rows)| (partition, u64::try_from(rows).expect("COUNT counts from 0")))
        .collect())
}
