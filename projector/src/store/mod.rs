//! Where the fold's effects are written. One batch is one transaction that begins with the compare-and-set on each
//! partition's position (INV-1). A store must never decide anything: it says what the database said.
//!
//! The live store ([`live`]) also writes the outbox. What every store shares is in [`effects`]: its
//! statements take the names of their tables, so that a rebuild can write others, with a store that has no outbox.

pub mod dead_letters;
pub mod effects;
pub mod live;
mod outbox_rows;
pub mod positions;
pub mod prior;
pub mod rows;
pub mod shadow;
pub mod statements;
pub mod stock;

use std::collections::BTreeMap;

use async_trait::async_trait;
use ledger_fold::{BatchEffects, PartitionState, Prior};
use ledger_schema::{MovementId, OrderId};
use thiserror::Error;

use crate::database::{DatabaseError, Fault, fault_of};
use crate::outbox::OutboxError;
use crate::record::OwnedRecord;

pub use live::LiveStore;
pub use shadow::{ShadowStore, Tally};

/// Of the rules that this program folds by, as the tables store it.
pub const FOLD_VERSION: i32 = ledger_fold::FOLD_VERSION.cast_signed();

/// The tables that a store writes. A rebuild writes others of the same shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    pub orders: String,
    pub stock: String,
    pub stock_movements: String,
    pub dead_letters: String,
    pub positions: String,
}

impl Tables {
    pub fn live() -> Self {
        let name = str::to_owned;
        Self {
            orders: name("orders"),
            stock: name("stock"),
            stock_movements: name("stock_movements"),
            dead_letters: name("dead_letters"),
            positions: name("positions"),
        }
    }

    /// The tables of a generation that is not live: it is being built, or was live before.
    pub fn of_generation(generation: i32) -> Self {
        let name = |live: String| format!("{live}_g{generation}");
        let Self { orders, stock, stock_movements, dead_letters, positions } = Self::live();
        Self {
            orders: name(orders),
            stock: name(stock),
            stock_movements: name(stock_movements),
            dead_letters: name(dead_letters),
            positions: name(positions),
        }
    }

    /// All of them, always in the same order.
    pub fn names(&self) -> [&str; 5] {
        [&self.orders, &self.stock, &self.stock_movements, &self.dead_letters, &self.positions]
    }
}

/// Whether tables that another version of the fold made may be gone on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MixedFolds {
    Refused,
    /// An operator said so. The tables keep the version that they were begun with.
    Accepted,
}

impl MixedFolds {
    /// Whether this program may fold into tables of `generation`, which were made by `found`.
    ///
    /// # Errors
    /// [`StoreError::AnotherFold`].
    pub fn check(self, generation: i32, found: i32) -> Result<(), StoreError> {
        if found == FOLD_VERSION || self == Self::Accepted {
            return Ok(());
        }
        Err(StoreError::AnotherFold { generation, expected: FOLD_VERSION, found })
    }
}

/// What one batch does to one partition, with the records that it was folded from (parked ones are kept whole).
#[derive(Debug)]
pub struct PartitionBatch<'a> {
    /// Of the tables that the state was loaded from, which the batch was folded over.
    pub generation: i32,
    pub effects: BatchEffects,
    /// In the order of their offsets.
    pub records: &'a [OwnedRecord],
}

/// Where a partition stands: how far, and in which generation of tables. The same offset in another generation is another
/// position: what was loaded from the one says nothing about the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub next_offset: i64,
    pub generation: i32,
}

/// A partition as the tables have it, position and state of one snapshot.
#[derive(Debug)]
pub struct Loaded {
    pub standing: Standing,
    /// Of the rules that the tables were folded by.
    pub fold_version: i32,
    pub state: PartitionState,
}

/// What became of a batch.
#[derive(Debug)]
pub enum Written {
    Committed,
    /// Nothing was written: somebody else moved the positions of these partitions.
    Missed(Vec<i32>),
    /// Nothing was written: an id of the batch stands before. Look the ids up and fold again.
    IdKnown,
    /// COMMIT did not answer. Read the positions to know.
    CommitUnknown(StoreError),
}

/// The database failed, or holds what cannot be.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error("{step}: {cause}")]
    Database { step: &'static str, cause: sqlx::Error },
    #[error(transparent)]
    Connect(#[from] DatabaseError),
    #[error("table {table}, row {key}: {problem}")]
    CorruptRow { table: &'static str, key: String, problem: String },
    #[error("positions has no row for topic {topic} partition {partition}")]
    PositionGone { topic: String, partition: i32 },
    #[error(
        "the tables (generation {generation}) were folded by version {found} of the rules, and this program folds by version {expected}: run `ledger rebuild`, or go on with rows of both by --accept-mixed"
    )]
    AnotherFold { generation: i32, expected: i32, found: i32 },
    #[error("ids of the batch of partition {partition} from offset {from_offset} stand before, and cannot be found")]
    IdsNotFound { partition: i32, from_offset: i64 },
    #[error("the batch of partition {partition} from offset {from_offset} cannot be encoded: {cause}")]
    Encode { partition: i32, from_offset: i64, cause: OutboxError },
}

impl StoreError {
    /// Whether the connection must not be used again. A killed session answers a few statements more before it ends.
    pub(crate) fn ends_connection(&self) -> bool {
        matches!(self, Self::Database { cause, .. } if fault_of(cause) == Fault::ConnectionLost)
    }

    /// Whether the whole transaction should be tried again, with a new connection where it was lost.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Database { cause, .. } => matches!(fault_of(cause), Fault::ConnectionLost | Fault::Retry),
            Self::Connect(error) => error.is_retryable(),
            Self::CorruptRow { .. }
            | Self::PositionGone { .. }
            | Self::AnotherFold { .. }
            | Self::IdsNotFound { .. }
            | Self::Encode { .. } => false,
        }
    }
}

/// Names the step in an error of the database.
pub(crate) fn at(step: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |cause| StoreError::Database { step, cause }
}

/// Two stores share this: the live one, and a rebuild's.
#[async_trait]
pub trait Store: Send {
    /// Position and state of a partition, of one snapshot.
    async fn load(&mut self, partition: i32) -> Result<Loaded, StoreError>;

    /// Writes a batch in one transaction, or nothing. No two entries are of the same partition.
    async fn write(&mut self, batch: &[PartitionBatch<'_>]) -> Result<Written, StoreError>;

    /// What is stored in `partition` under these ids.
    async fn prior(
        &mut self,
        partition: i32,
        orders: &[OrderId],
        movements: &[MovementId],
    ) -> Result<Prior, StoreError>;

    /// The stored positions, by partition.
    async fn positions(&mut self) -> Result<BTreeMap<i32, Standing>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_has_tables_of_its_own() {
        let expected = ["orders_g12", "stock_g12", "stock_movements_g12", "dead_letters_g12", "positions_g12"];
        assert_eq!(Tables::of_generation(12).names(), expected);
        assert_eq!(Tables::live().names(), ["orders", "stock", "stock_movements", "dead_letters", "positions"]);
    }
}
