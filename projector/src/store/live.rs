//! The live store: the tables that the services read, and the outbox. One connection, opened anew when it was lost.
//! It must never leave a transaction open: every error rolls back, or drops the connection, which makes the server roll
//! back.

use std::collections::BTreeMap;

use async_trait::async_trait;
use ledger_fold::Prior;
use ledger_schema::{MovementId, OrderId};
use sqlx::{Executor, MySqlConnection};

use super::effects::{EffectStatements, Steps};
use super::{Loaded, MixedFolds, PartitionBatch, Standing, Store, StoreError, Tables, Written, at};
use crate::database::{self, DatabaseUrl};
use crate::failpoints::{self, FailPoint};
use crate::outbox;

/// The projector's store.
pub struct LiveStore {
    url: DatabaseUrl,
    connection: Option<MySqlConnection>,
    effects: EffectStatements,
    mixed: MixedFolds,
}

impl LiveStore {
    /// A store of the positions of `topic`. It connects when it is first used.
    pub fn new(url: DatabaseUrl, topic: &str, mixed: MixedFolds) -> Self {
        Self { url, connection: None, effects: EffectStatements::new(&Tables::live(), topic), mixed }
    }

    /// Takes the connection out, opening one where there is none. Whoever takes it puts it back when it is sound; one that
    /// is not put back is closed, and the server rolls back what it held.
    async fn take_connection(&mut self) -> Result<MySqlConnection, StoreError> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => Ok(database::connect(&self.url).await?),
        }
    }

    /// Everything of a transaction but its COMMIT.
    async fn steps(&self, connection: &mut MySqlConnection, batch: &[PartitionBatch<'_>]) -> Result<Steps, StoreError> {
        begin(connection).await?;
        let steps = self.effects.write(connection, batch).await?;
        if matches!(steps, Steps::Done) {
            for one in batch {
                write_outbox(connection, one).await?;
            }
        }
        Ok(steps)
    }
}

#[async_trait]
impl Store for LiveStore {
    async fn load(&mut self, partition: i32) -> Result<Loaded, StoreError> {
        let mut connection = self.take_connection().await?;
        let loaded = self.effects.load(&mut connection, partition).await?;
        self.connection = Some(connection);
        // Also while it runs: tables of another version may have been swapped in since the start.
        self.mixed.check(loaded.standing.generation, loaded.fold_version)?;
        Ok(loaded)
    }

    async fn write(&mut self, batch: &[PartitionBatch<'_>]) -> Result<Written, StoreError> {
        let mut connection = self.take_connection().await?;
        let written = match self.steps(&mut connection, batch).await {
            Ok(Steps::Done) => match commit(&mut connection).await {
                Ok(()) => Ok(Written::Committed),
                // Whatever the error says: the connection is dropped, and the position tells what happened.
                Err(error) => return Ok(Written::CommitUnknown(error)),
            },
            Ok(Steps::Missed(partitions)) => Ok(Written::Missed(partitions)),
            Ok(Steps::IdKnown) => Ok(Written::IdKnown),
            Err(error) => Err(error),
        };
        let sound = match &written {
            Ok(Written::Committed) => true,
            Err(error) if error.ends_connection() => false,
            // Also after errors that seem harmless: 1205 rolls back its statement only, and the transaction would go on.
            _ => rollback(&mut connection).await.is_ok(),
        };
        if sound {
            self.connection = Some(connection);
        }
        written
    }

    async fn prior(
        &mut self,
        partition: i32,
        orders: &[OrderId],
        movements: &[MovementId],
    ) -> Result<Prior, StoreError> {
        let mut connection = self.take_connection().await?;
        let prior = self.effects.prior(&mut connection, partition, orders, movements).await?;
        self.connection = Some(connection);
        Ok(prior)
    }

    async fn positions(&mut self) -> Result<BTreeMap<i32, Standing>, StoreError> {
        let mut connection = self.take_connection().await?;
        let positions = self.effects.positions(&mut connection).await?;
        self.connection = Some(connection);
        Ok(positions)
    }
}

pub(super) async fn begin(connection: &mut MySqlConnection) -> Result<(), StoreError> {
    connection.execute("START TRANSACTION").await.map_err(at("beginning the transaction"))?;
    failpoints::reach(FailPoint::StoreBegun);
    Ok(())
}

pub(super) async fn commit(connection: &mut MySqlConnection) -> Result<(), StoreError> {
    failpoints::reach(FailPoint::StoreWritten);
    connection.execute("COMMIT").await.map_err(at("committing"))?;
    failpoints::reach(FailPoint::StoreCommitted);
    Ok(())
}

pub(super) async fn rollback(connection: &mut MySqlConnection) -> Result<(), StoreError> {
    connection.execute("ROLLBACK").await.map(drop).map_err(at("rolling back"))
}

/// One outbox row for what the partition's batch has to publish (INV-6).
async fn write_outbox(connection: &mut MySqlConnection, batch: &PartitionBatch<'_>) -> Result<(), StoreError> {
    let (partition, from_offset) = (batch.effects.partition, batch.effects.from_offset);
    let encoded = outbox::encode(batch).map_err(|cause| StoreError::Encode { partition, from_offset, cause })?;
    let Some(row) = encoded else { return Ok(()) };
    // REPLACE, not INSERT: after a rebuild was swapped in, the same interval may be folded again while its row is still
    // here, unpublished. Both rows say the same.
    sqlx::query(
        "REPLACE INTO outbox (kafka_partition, first_offset, next_offset, entry_count, entries) \
         VALUES (?, ?, ?, ?, ?)",
    )
    .bind(partition)
    .bind(from_offset)
    .bind(batch.effects.next_offset)
    .bind(row.entry_count)
    .bind(row.entries)
    .execute(connection)
    .await
    .map_err(at("writing the outbox"))?;
    failpoints::reach(FailPoint::StoreOutbox);
    Ok(())
}
