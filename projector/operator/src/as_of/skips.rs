//! What operators had skipped, for a fold that asks no table otherwise. It must never keep an answer back: where the database is not named,
//! or does not answer, the answer is of the log alone, and says so; it is to be had while the tables are doubted, or gone.

use std::collections::BTreeMap;

use ledger_database::DatabaseUrl;
use ledger_fold::Skips;
use ledger_kafka::{LogInspector, ask};
use ledger_store::{StoreError, skips};

use super::error::AsOfError;
use super::options::AsOfOptions;

/// By partition, and whether they are known.
#[derive(Debug, Default)]
pub(super) struct KnownSkips {
    by_partition: BTreeMap<i32, Skips>,
    pub(super) is_known: bool,
}

impl KnownSkips {
    /// # Errors
    /// Kafka's.
    pub(super) async fn read(options: &AsOfOptions) -> Result<Self, AsOfError> {
        let Some(database) = &options.database else { return Ok(Self::default()) };
        let (inspector, topic) = (LogInspector::new(&options.kafka)?, options.orders_topic.clone());
        let identity = ask(move || inspector.identity(&topic)).await?;
        match of_log(database, &identity.topic_id).await {
            Ok(by_partition) => Ok(Self { by_partition, is_known: true }),
            Err(error) => {
                tracing::warn!(%error, "it is not known which records operators had skipped: they are folded");
                Ok(Self::default())
            }
        }
    }

    pub(super) fn take(&mut self, partition: i32) -> Skips {
        self.by_partition.remove(&partition).unwrap_or_default()
    }

    /// What an answer says of it below its table.
    pub(super) fn note(is_known: bool) -> &'static str {
        if is_known { "" } else { "; of the log alone: records that operators had skipped are folded here" }
    }
}

async fn of_log(database: &DatabaseUrl, topic_id: &str) -> Result<BTreeMap<i32, Skips>, StoreError> {
    let mut connection = ledger_database::connect(database).await?;
    skips::of_log(&mut connection, topic_id).await
}
