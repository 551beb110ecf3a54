//! One partition's records of a batch, while the batch is tried: kept until they are committed or not ours any more.

use ledger_fold::{BatchEffects, BatchFold, Partition, PartitionState, Prior};
use ledger_kafka::record::OwnedRecord;
use ledger_schema::wire::{self, Event};
use ledger_schema::{MovementId, OrderId};
use ledger_store::for_fold;

#[derive(Debug, Default)]
pub(super) struct Pending {
    /// In the order of their offsets.
    pub(super) records: Vec<OwnedRecord>,
    /// What is stored under their ids, once that was asked.
    pub(super) prior: Prior,
    pub(super) looked_up: bool,
}

impl Pending {
    /// Folds the records over the state of the stored position, which stays as it is.
    pub(super) fn fold(&self, partition: Partition, state: &PartitionState, from_offset: i64) -> BatchEffects {
        let mut fold = BatchFold::new(partition, state, &self.prior, from_offset);
        for record in &self.records {
            fold.fold(&for_fold(record));
        }
        fold.finish()
    }

    /// Every id in the records. Decoding them once more is slow, and happens only when a unique key objected.
    pub(super) fn ids(&self) -> (Vec<OrderId>, Vec<MovementId>) {
        let (mut orders, mut movements) = (Vec::new(), Vec::new());
        for record in &self.records {
            match wire::decode(record.value()) {
                Ok(Event::OrderPlaced(order)) => orders.push(order.order_id()),
                Ok(Event::StockMoved(movement)) => movements.push(movement.movement_id()),
                Err(_) => {}
            }
        }
        (orders, movements)
    }
}
