//! What `/status` shows of the tables.

use std::cmp::Reverse;

use sqlx::FromRow;

use super::error::ReadError;
use super::pool::Reader;
use crate::ledger_status::{DeadLetterView, DeadLettersStatus};

/// Where a partition stands, in which generation of the tables.
#[derive(Debug, FromRow)]
pub(crate) struct PositionRow {
    #[sqlx(rename = "kafka_partition")]
    pub(crate) partition: i32,
    pub(crate) next_offset: i64,
    pub(crate) generation: i32,
}

#[derive(Debug, FromRow)]
struct DeadLetterRow {
    kafka_partition: i32,
    kafka_offset: i64,
    reason: String,
}

impl Reader {
    /// Every partition that was ever folded.
    pub(crate) async fn positions_of_generations(&self) -> Result<Vec<PositionRow>, ReadError> {
        let topic = self.orders_topic.clone();
        self.run(move |connection| {
            Box::pin(
                sqlx::query_as("SELECT kafka_partition, next_offset, generation FROM positions WHERE topic = ?")
                    .bind(topic.to_string())
                    .fetch_all(connection),
            )
        })
        .await
    }

    /// How many there are, counted up to `most`, and `named` of them by name: of the records of `partitions`, those of the highest offsets.
    pub(crate) async fn dead_letters(
        &self,
        partitions: Vec<i32>,
        most: u32,
        named: u16,
    ) -> Result<DeadLettersStatus, ReadError> {
        let count: i64 = self
            .run(move |connection| {
                Box::pin(
                    sqlx::query_scalar("SELECT COUNT(*) FROM (SELECT 1 FROM dead_letters LIMIT ?) AS counted")
                        .bind(most)
                        .fetch_one(connection),
                )
            })
            .await?;
        let mut rows = if count == 0 { Vec::new() } else { self.last_dead_letters(partitions, named).await? };
        rows.sort_unstable_by_key(|row| (Reverse(row.kafka_offset), row.kafka_partition));
        rows.truncate(usize::from(named));
        let view = |row: DeadLetterRow| DeadLetterView {
            position: format!("{}:{}", row.kafka_partition, row.kafka_offset),
            reason: row.reason,
        };
        Ok(DeadLettersStatus { count, items: rows.into_iter().map(view).collect() })
    }

    /// The last `named` of each partition, by the primary key: all of them are not sorted for some.
    async fn last_dead_letters(&self, partitions: Vec<i32>, named: u16) -> Result<Vec<DeadLetterRow>, ReadError> {
        self.run(move |connection| {
            let partitions = partitions.clone();
            Box::pin(async move {
                let mut rows = Vec::new();
                for partition in partitions {
                    let last = sqlx::query_as(
                        "SELECT kafka_partition, kafka_offset, reason FROM dead_letters WHERE kafka_partition = ? \
                         ORDER BY kafka_offset DESC LIMIT ?",
                    );
                    rows.extend(last.bind(partition).bind(named).fetch_all(&mut *connection).await?);
                }
                Ok(rows)
            })
        })
        .await
    }
}
