//! Where the projection stands, and which log its positions belong to.

use sqlx::FromRow;

use super::error::ReadError;
use super::pool::Reader;

/// The log that the projection was made from, as the projector recorded it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(crate) struct LogIdentity {
    pub(crate) topic: String,
    pub(crate) cluster_id: String,
    pub(crate) partition_count: i32,
}

impl Reader {
    /// Partition and next offset of every partition that was ever folded.
    pub(crate) async fn next_offsets(&self) -> Result<Vec<(i32, i64)>, ReadError> {
        let topic = self.orders_topic.clone();
        self.run(move |connection| {
            Box::pin(
                sqlx::query_as("SELECT kafka_partition, next_offset FROM positions WHERE topic = ?")
                    .bind(topic.to_string())
                    .fetch_all(connection),
            )
        })
        .await
    }

    /// The identities in `positions`: none before the projector's first start, else one (unless something is wrong).
    pub(crate) async fn identities(&self) -> Result<Vec<LogIdentity>, ReadError> {
        self.run(|connection| {
            Box::pin(
                sqlx::query_as("SELECT DISTINCT topic, cluster_id, partition_count FROM positions LIMIT 16")
                    .fetch_all(connection),
            )
        })
        .await
    }

    /// Reads a row of the table that only this version's migrations make, so that a start on an older ledger says so.
    pub(crate) async fn check_furthest_positions(&self) -> Result<(), ReadError> {
        self.run(|connection| {
            Box::pin(async {
                sqlx::query("SELECT 1 FROM furthest_positions LIMIT 1").fetch_optional(connection).await.map(drop)
            })
        })
        .await
    }
}
