//! Where the projection stands, and which log its positions belong to.

use ledger_schema::log::LogIdentity;

use super::error::ReadError;
use super::pool::Reader;

/// Topic, cluster id, topic id, partition count.
type IdentityColumns = (String, String, String, i32);

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

    /// The logs in `positions`, by topic: none before the projector's first start, else one (unless something is wrong).
    pub(crate) async fn identities(&self) -> Result<Vec<(String, LogIdentity)>, ReadError> {
        let rows: Vec<IdentityColumns> = self
            .run(|connection| {
                Box::pin(
                    sqlx::query_as(
                        "SELECT DISTINCT topic, cluster_id, topic_id, partition_count FROM positions LIMIT 16",
                    )
                    .fetch_all(connection),
                )
            })
            .await?;
        let identity = |(topic, cluster_id, topic_id, partition_count)| {
            (topic, LogIdentity { cluster_id, topic_id, partition_count })
        };
        Ok(rows.into_iter().map(identity).collect())
    }

    /// The log that the tables are of; none before the projector's first start.
    pub(crate) async fn log_identity(&self) -> Result<Option<LogIdentity>, ReadError> {
        let identities = self.identities().await?;
        Ok(identities.into_iter().find(|(topic, _)| **topic == *self.orders_topic).map(|(_, identity)| identity))
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
