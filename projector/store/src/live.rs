//! The live store: the tables that the services read, and the outbox. What begins, commits and rolls back is in
//! `transaction.rs`, the same for every store.

use std::collections::BTreeMap;

use async_trait::async_trait;
use ledger_database::DatabaseUrl;
use ledger_database::Tables;
use ledger_fold::Prior;

use crate::batch::{Ids, Loaded, PartitionBatch, Standing, Written};
use crate::contract::Store;
use crate::effects::{EffectStatements, Outbox};
use crate::error::StoreError;
use crate::fold_version::MixedFolds;
use crate::transaction::Session;

/// The projector's store.
pub struct LiveStore {
    session: Session,
    effects: EffectStatements,
    mixed: MixedFolds,
}

impl LiveStore {
    /// A store of the positions of `topic`. It connects when it is first used.
    pub fn new(url: DatabaseUrl, topic: &str, mixed: MixedFolds) -> Self {
        let effects = EffectStatements::new(&Tables::live(), topic);
        Self { session: Session::new(url), effects, mixed }
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
        let steps = self.effects.write(&mut connection, batch, Outbox::Written).await;
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
