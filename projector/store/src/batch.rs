//! What goes into a store, and what comes back: a partition's share of a batch, where a partition stands, and what became of
//! a batch.

use ledger_fold::{BatchEffects, OpenChanges, OpenOrder, PartitionState, Record, ReservationKey};
use ledger_kafka::record::OwnedRecord;
use ledger_schema::{MovementId, OrderId, Status};
use uuid::Uuid;

use crate::error::StoreError;

/// What one batch does to one partition, with the records that it was folded from (parked ones are kept whole).
#[derive(Debug)]
pub struct PartitionBatch<'a> {
    /// Of the tables that the state was loaded from, which the batch was folded over.
    pub generation: GenerationKey,
    pub effects: BatchEffects,
    /// In the order of their offsets.
    pub records: &'a [OwnedRecord],
}

/// Which set of tables. The number is a name within a database; the id, drawn at random when the positions are created,
/// distinguishes the set from one of the same number in a database that was lost and made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenerationKey {
    pub number: i32,
    pub id: Uuid,
}

impl GenerationKey {
    /// A new set of tables of that number.
    pub fn draw(number: i32) -> Self {
        Self { number, id: Uuid::new_v4() }
    }
}

/// Where a partition stands: how far, and in which generation of tables. The same offset in another generation is another
/// position: what was loaded from the one says nothing about the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub next_offset: i64,
    pub generation: GenerationKey,
    /// An operator has paused the partition: no batch of it is taken. Never of tables that are not live.
    pub is_paused: bool,
}

/// A partition as the tables have it, position and state of one snapshot.
#[derive(Debug)]
pub struct Loaded {
    pub standing: Standing,
    /// Of the rules that the tables were folded by.
    pub fold_version: i32,
    pub state: PartitionState,
    pub open: OpenCounts,
}

/// How many orders at home in a partition are open: rows of `open_orders`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenCounts {
    /// Some lines are not decided.
    pub pending: i64,
    /// Every line is reserved, and nobody has confirmed.
    pub held: i64,
}

impl OpenCounts {
    pub fn of(&mut self, status: Status) -> &mut i64 {
        match status {
            Status::Pending => &mut self.pending,
            Status::Held => &mut self.held,
            Status::Confirmed | Status::Rejected | Status::Cancelled => {
                unreachable!("an order that is {} is not open", status.as_str())
            }
        }
    }

    /// Takes over what a batch did, once it is committed.
    pub fn apply(&mut self, changes: &OpenChanges) {
        let mut count = |open: &OpenOrder, change: i64| *self.of(open.status) += change;
        changes.removed.iter().for_each(|open| count(open, -1));
        changes.added.iter().for_each(|open| count(open, 1));
    }
}

/// Ids of a batch that are looked up: under each may stand something already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ids {
    pub orders: Vec<OrderId>,
    pub movements: Vec<MovementId>,
    pub reservations: Vec<ReservationKey>,
}

impl Ids {
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty() && self.movements.is_empty() && self.reservations.is_empty()
    }
}

/// What became of a batch.
#[derive(Debug)]
pub enum Written {
    Committed,
    /// Nothing was written: somebody else moved the positions of these partitions, or an operator paused them, or had a record skipped.
    Missed(Vec<i32>),
    /// Nothing was written: an id of the batch stands before. Look the ids up and fold again.
    IdKnown,
    /// COMMIT did not answer. Read the positions to know.
    CommitUnknown(StoreError),
}

/// What the fold sees of a record. Headers take no part in it.
pub fn for_fold(record: &OwnedRecord) -> Record<'_> {
    Record { offset: record.offset, time_ms: record.time_ms, key: record.key(), value: record.value() }
}
