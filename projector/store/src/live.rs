//! The live store: the tables that the services read, and the outbox. What begins, commits and rolls back is in
//! `transaction.rs`, the same for every store.

use std::collections::BTreeMap;

use async_trait::async_trait;
use ledger_database::DatabaseUrl;
use ledger_database::{Tables, Watched};
use ledger_fold::Prior;

use crate::batch::{Ids, Loaded, PartitionBatch, Standing, Written};
use crate::contract::Store;
use crate::effects::{EffectStatements, Steps};
use crate::error::StoreError;
use crate::fold_version::MixedFolds;
use crate::outbox_rows::OutboxStatements;
use crate::transaction::{Session, begin};

/// The projector's store.
pub struct LiveStore {
    session: Session,
    effects: EffectStatements,
    outbox: OutboxStatements,
    mixed: MixedFolds,
}

impl LiveStore {
    /// A store of the positions of `topic`. It connects when it is first used.
    pub fn new(url: DatabaseUrl, topic: &str, mixed: MixedFolds) -> Self {
        let effects = EffectStatements::new(&Tables::live(), topic);
        Self { session: Session::new(url), effects, outbox: OutboxStatements::new(), mixed }
    }

    /// Everything of a transaction but its COMMIT.
    async fn steps(&self, connection: &mut Watched, batch: &[PartitionBatch<'_>]) -> Result<Steps, StoreError> {
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
        let mut connection = self.session.take().await?;
        let loaded = self.effects.load(&mut connection, partition).await?;
        self.session.put_back(connection);
        // Also while it runs: tables of another version may have been swapped in since the start.
        self.mixed.check(loaded.standing.generation.number, loaded.fold_version)?;
        Ok(loaded)
    }

    async fn write(&mut self, batch: &[PartitionBatch<'_>]) -> Result<Written, StoreError> {
        let mut connection = self.session.take().await?;
        let steps = self.steps(&mut connection, batch).await;
        self.session.settle(connection, steps).await
    }

    async fn prior(&mut self, partition: i32, ids: &Ids) -> Result<Prior, StoreError> {
        let mut connection = self.session.take().await?;
        let prior = self.effects.prior(&mut connection, partition, ids).await?;
        self.session.put_back(connection);
        Ok(prior)
    }

    async fn positions(&mut self) -> Result<BTreeMap<i32, Standing>, StoreError> {
        let mut connection = self.session.take().await?;
        let positions = self.effects.positions(&mut connection).await?;
        self.session.put_back(connection);
        Ok(positions)
    }
}
