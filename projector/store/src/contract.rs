//! The contract of a store: what the writer asks of it. The live store, a rebuild's, and the simulator's keep it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use ledger_fold::Prior;

use crate::batch::{Ids, Loaded, PartitionBatch, Standing, Written};
use crate::error::StoreError;

/// Two stores share this: the live one, and a rebuild's.
#[async_trait]
pub trait Store: Send {
    /// Position and state of a partition, of one snapshot.
    async fn load(&mut self, partition: i32) -> Result<Loaded, StoreError>;

    /// Writes a batch in one transaction, or nothing. No two entries are of the same partition.
    async fn write(&mut self, batch: &[PartitionBatch<'_>]) -> Result<Written, StoreError>;

    /// What is stored in `partition` under these ids. Under each order and each reservation that was asked for stands what was
    /// found, or `None`.
    async fn prior(&mut self, partition: i32, ids: &Ids) -> Result<Prior, StoreError>;

    /// The stored positions, by partition.
    async fn positions(&mut self) -> Result<BTreeMap<i32, Standing>, StoreError>;
}
