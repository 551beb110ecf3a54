//! Records that operators had skipped, as every fold reads them: of one partition when it is loaded, or of all at once. It only reads;
//! who writes them is `ledger-operator`. It must never give those of another log: they stand under the topic's id.

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger_database::{Tables, Watched};
use ledger_fold::{Skips, skip_detail};
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use crate::error::{StoreError, at};

const READING: &str = "reading which records are skipped";

/// The statement that reads the skips of one partition of one set of tables.
#[derive(Debug, Clone)]
pub(crate) struct SkipStatements {
    of_partition: SqlStr,
}

impl SkipStatements {
    pub(crate) fn new(tables: &Tables) -> Self {
        let text = format!(
            "SELECT s.kafka_offset, s.skipped_by, s.reason FROM {} p \
             JOIN skips s ON s.topic_id = p.topic_id AND s.kafka_partition = p.kafka_partition \
             WHERE p.topic = ? AND p.kafka_partition = ?",
            tables.positions
        );
        Self { of_partition: AssertSqlSafe(Arc::<str>::from(text)).into_sql_str() }
    }

    /// Of the log that the position belongs to.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn of_partition(
        &self,
        connection: &mut Watched,
        topic: &str,
        partition: i32,
    ) -> Result<Skips, StoreError> {
        let query = sqlx::query_as::<_, (i64, String, String)>(self.of_partition.clone()).bind(topic).bind(partition);
        let rows = query.fetch_all(connection).await.map_err(at(READING))?;
        Ok(rows.into_iter().map(|(offset, by, reason)| (offset, skip_detail(&by, &reason))).collect())
    }
}

/// All of a log, by partition.
///
/// # Errors
/// The database's.
pub async fn of_log(connection: &mut Watched, topic_id: &str) -> Result<BTreeMap<i32, Skips>, StoreError> {
    let text = "SELECT kafka_partition, kafka_offset, skipped_by, reason FROM skips WHERE topic_id = ?";
    let query = sqlx::query_as::<_, (i32, i64, String, String)>(text).bind(topic_id);
    let mut skips = BTreeMap::<i32, Skips>::new();
    for (partition, offset, by, reason) in query.fetch_all(connection).await.map_err(at(READING))? {
        skips.entry(partition).or_default().insert(offset, skip_detail(&by, &reason));
    }
    Ok(skips)
}
