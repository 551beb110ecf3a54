//! The store of a rebuild that also listens: what each batch tells other partitions, and what its records say that was told. Both are held
//! against each other before the swap. It must never write anything itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use ledger_fold::{Partition, Prior};
use ledger_kafka::record::OwnedRecord;
use ledger_schema::wire::{self, Event};
use ledger_store::{Ids, Loaded, PartitionBatch, ShadowStore, Standing, Store, StoreError, Written};

use crate::verify::told::Correspondence;

/// The types of events between partitions begin with it. (What another writer spells otherwise, `ledger verify` finds.)
const BEGINNING: &[u8] = b"\"Line";

pub(super) struct TellingStore {
    inner: ShadowStore,
    partition_count: i32,
    between: Arc<Mutex<Correspondence>>,
}

impl TellingStore {
    pub(super) fn new(inner: ShadowStore, partition_count: i32, between: Arc<Mutex<Correspondence>>) -> Self {
        Self { inner, partition_count, between }
    }
}

/// What partitions were told by these records; nearly all others are not decoded once more.
pub(super) fn line_events(records: &[OwnedRecord]) -> Vec<Option<Event>> {
    let event = |record: &OwnedRecord| {
        let value = record.value()?;
        let is_one = value.windows(BEGINNING.len()).any(|part| part == BEGINNING);
        is_one.then(|| wire::decode(Some(value)).ok()).flatten()
    };
    records.iter().map(event).collect()
}

#[async_trait]
impl Store for TellingStore {
    async fn load(&mut self, partition: i32) -> Result<Loaded, StoreError> {
        self.inner.load(partition).await
    }

    async fn write(&mut self, batch: &[PartitionBatch<'_>]) -> Result<Written, StoreError> {
        let written = self.inner.write(batch).await?;
        // One without an answer is folded again, to the same, where it was not committed.
        if matches!(written, Written::Committed | Written::CommitUnknown(_)) {
            for PartitionBatch { effects, records, .. } in batch {
                let partition = Partition { number: effects.partition, count: self.partition_count };
                let events = line_events(records);
                let mut between = self.between.lock().unwrap_or_else(PoisonError::into_inner);
                between.take(partition, effects.told.clone(), records, &events);
            }
        }
        Ok(written)
    }

    async fn prior(&mut self, partition: i32, ids: &Ids) -> Result<Prior, StoreError> {
        self.inner.prior(partition, ids).await
    }

    async fn positions(&mut self) -> Result<BTreeMap<i32, Standing>, StoreError> {
        self.inner.positions().await
    }
}
