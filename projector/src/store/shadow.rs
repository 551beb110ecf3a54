//! The store of a rebuild: the same statements on the tables of a generation that is not live. There is no outbox anywhere in
//! it, so a rebuild cannot publish anything. Its positions have the compare-and-set, too: a builder that was taken for dead
//! is fenced. It must never be given the live tables.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use async_trait::async_trait;
use ledger_fold::Prior;
use ledger_schema::{MovementId, OrderId};
use sqlx::MySqlConnection;

use super::effects::{EffectStatements, Steps};
use super::live::{begin, commit, rollback};
use super::{Loaded, PartitionBatch, Standing, Store, StoreError, Tables, Written};
use crate::database::{self, DatabaseUrl};

/// Rows that were committed, counted by every store that shares it.
#[derive(Debug, Default)]
pub struct Tally {
    orders: AtomicI64,
    movements: AtomicI64,
    dead_letters: AtomicI64,
    /// A commit gave no answer, so its rows may be missing here.
    inexact: AtomicBool,
}

impl Tally {
    /// Orders, movements, dead letters; `None` when a commit without an answer left them unknown.
    pub fn counts(&self) -> Option<[i64; 3]> {
        let counts = [&self.orders, &self.movements, &self.dead_letters].map(|count| count.load(Ordering::Acquire));
        (!self.inexact.load(Ordering::Acquire)).then_some(counts)
    }

    fn add(&self, batch: &[PartitionBatch<'_>]) {
        for PartitionBatch { effects, .. } in batch {
            for (count, rows) in [
                (&self.orders, effects.orders.len()),
                (&self.movements, effects.movements.len()),
                (&self.dead_letters, effects.parked.len()),
            ] {
                count.fetch_add(i64::try_from(rows).unwrap_or(i64::MAX), Ordering::AcqRel);
            }
        }
    }
}

/// A store without an outbox. One connection, opened anew when it was lost.
pub struct ShadowStore {
    url: DatabaseUrl,
    connection: Option<MySqlConnection>,
    effects: EffectStatements,
    tally: Arc<Tally>,
}

impl ShadowStore {
    /// A store of the positions of `topic` in a generation that is not live. It connects when it is first used.
    pub fn new(url: DatabaseUrl, topic: &str, generation: i32, tally: Arc<Tally>) -> Self {
        let effects = EffectStatements::new(&Tables::of_generation(generation), topic);
        Self { url, connection: None, effects, tally }
    }

    /// As the live store's: who takes it puts it back when it is sound; what is not put back the server rolls back.
    async fn take_connection(&mut self) -> Result<MySqlConnection, StoreError> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => Ok(database::connect(&self.url).await?),
        }
    }

    /// Everything of a transaction but its COMMIT.
    async fn steps(&self, connection: &mut MySqlConnection, batch: &[PartitionBatch<'_>]) -> Result<Steps, StoreError> {
        begin(connection).await?;
        self.effects.write(connection, batch).await
    }
}

#[async_trait]
impl Store for ShadowStore {
    async fn load(&mut self, partition: i32) -> Result<Loaded, StoreError> {
        let mut connection = self.take_connection().await?;
        let loaded = self.effects.load(&mut connection, partition).await?;
        self.connection = Some(connection);
        Ok(loaded)
    }

    async fn write(&mut self, batch: &[PartitionBatch<'_>]) -> Result<Written, StoreError> {
        let mut connection = self.take_connection().await?;
        let written = match self.steps(&mut connection, batch).await {
            Ok(Steps::Done) => match commit(&mut connection).await {
                Ok(()) => {
                    self.tally.add(batch);
                    Ok(Written::Committed)
                }
                // Whatever the error says: the connection is dropped, and the position tells what happened.
                Err(error) => {
                    self.tally.inexact.store(true, Ordering::Release);
                    return Ok(Written::CommitUnknown(error));
                }
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
