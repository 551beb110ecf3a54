//! The store of a rebuild: the same statements on the tables of a generation that is not live. There is no outbox anywhere in
//! it, so a rebuild cannot publish anything. Its positions have the compare-and-set, too: a builder that was taken for dead
//! is fenced. It must never be given the live tables.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use async_trait::async_trait;
use ledger_database::DatabaseUrl;
use ledger_database::Tables;
use ledger_fold::Prior;

use crate::batch::{Ids, Loaded, PartitionBatch, Standing, Written};
use crate::contract::Store;
use crate::effects::{EffectStatements, Outbox};
use crate::error::StoreError;
use crate::transaction::Session;

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
    /// Rows of orders (one per line), of movements, of dead letters; `None` when a commit without an answer left them unknown.
    pub fn counts(&self) -> Option<[i64; 3]> {
        let counts = [&self.orders, &self.movements, &self.dead_letters].map(|count| count.load(Ordering::Acquire));
        (!self.inexact.load(Ordering::Acquire)).then_some(counts)
    }

    fn add(&self, batch: &[PartitionBatch<'_>]) {
        for PartitionBatch { effects, .. } in batch {
            for (count, rows) in [
                (&self.orders, effects.orders.iter().map(|row| row.order.line_count()).sum()),
                (&self.movements, effects.movements.len()),
                (&self.dead_letters, effects.parked.len()),
            ] {
                count.fetch_add(i64::try_from(rows).expect("a batch is held in memory"), Ordering::AcqRel);
            }
        }
    }
}

/// A store without an outbox. One connection, opened anew when it was lost.
pub struct ShadowStore {
    session: Session,
    effects: EffectStatements,
    tally: Arc<Tally>,
}

impl ShadowStore {
    /// A store of the positions of `topic` in a generation that is not live. It connects when it is first used.
    pub fn new(url: DatabaseUrl, topic: &str, generation: i32, tally: Arc<Tally>) -> Self {
        let effects = EffectStatements::new(&Tables::of_generation(generation), topic);
        Self { session: Session::new(url), effects, tally }
    }
}

#[async_trait]
impl Store for ShadowStore {
    async fn load(&mut self, partition: i32) -> Result<Loaded, StoreError> {
        let mut connection = self.session.take().await?;
        let loaded = self.effects.load(&mut connection, partition).await?;
        self.session.put_back(connection);
        Ok(loaded)
    }

    async fn write(&mut self, batch: &[PartitionBatch<'_>]) -> Result<Written, StoreError> {
        let mut connection = self.session.take().await?;
        let steps = self.effects.write(&mut connection, batch, Outbox::None).await;
        let written = self.session.settle(connection, steps).await;
        match &written {
            Ok(Written::Committed) => self.tally.add(batch),
            Ok(Written::CommitUnknown(_)) => self.tally.inexact.store(true, Ordering::Release),
            Ok(Written::Missed(_) | Written::IdKnown) | Err(_) => {}
        }
        written
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
