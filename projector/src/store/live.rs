//! The live store: the tables that the services read, and the outbox. One connection, opened anew when it was lost.
//! It must never leave a transaction open: every error rolls back, or drops the connection, which makes the server roll
//! back.

use std::collections::BTreeMap;

use async_trait::async_trait;
use ledger_fold::Prior;
use ledger_schema::{MovementId, OrderId};
use sqlx::{Executor, MySqlConnection};

use super::effects::{EffectStatements, Steps};
use super::outbox_rows::OutboxStatements;
use super::{Loaded, MixedFolds, PartitionBatch, Standing, Store, StoreError, Tables, Written, at};
use crate::database::{self, DatabaseUrl};
use crate::failpoints::{self, FailPoint};

/// The projector's store.
pub struct LiveStore {
    url: DatabaseUrl,
    connection: Option<MySqlConnection>,
    effects: EffectStatements,
    outbox: OutboxStatements,
    mixed: MixedFolds,
}

impl LiveStore {
    /// A store of the positions of `topic`. It connects when it is first used.
    pub fn new(url: DatabaseUrl, topic: &str, mixed: MixedFolds) -> Self {
        let effects = EffectStatements::new(&Tables::live(), topic);
        Self { url, connection: None, effects, outbox: OutboxStatements::new(), mixed }
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
            self.outbox.write(connection, batch).await?;
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
