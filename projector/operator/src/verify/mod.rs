//! Proof that the tables are what the log says, and what differs where they are not. Nothing here ever writes.
//!
//! Reading order: [`difference`] (what is reported), [`table`] (which columns there are, and how rows are read), [`run`] (the
//! whole), then `worker`, `partition`, `strange`, `positions`; [`compare`] sets two generations of tables against each other, before
//! a swap; [`sample`] is a quick look.
//!
//! # Why nothing stays hidden
//! For a partition whose position is N, let E be the rows that the fold of records 0 to N - 1 gives, and T those that the tables
//! have, in one snapshot. The claim: when no difference is reported, T equals E.
//!
//! 1. *What is expected never rests on a row that was not proved.* The fold needs to know what stood earlier under an id. That is
//!    looked up in the tables, but a row counts only when it claims the offset of an earlier record whose row, compared in this
//!    run and snapshot, had that id; it was then equal in every column. Under an id whose row was missing or differed, what was
//!    expected is kept and stands in for it. So by induction over the batches, E is folded from the log alone. State is kept from
//!    what was folded, never read from `stock`.
//! 2. *Every row of E is compared*, under its full key, in every column: orders and movements with their batch, dead letters
//!    likewise, stock at the end.
//! 3. *There is no other row.* Dead letters are compared over whole ranges of their key, and stock by a scan of the table. Of orders
//!    and movements, each row of E was found under a key of its own; so when the tables have as many rows of the partition as
//!    were found, they have no other. When they have more, they are scanned for those that no record explains.
//!
//! Step 1 tells rows by fingerprints of their ids (`seen`). Should one lie (one in four billion, for one corrupt row), a record is
//! taken for a duplicate, and its row is one that was not found: the count of step 3 does not agree. So two wrong rows may be
//! reported as one row too many that cannot be named, but never as right.
//!
//! What one corruption does to another: a key that is changed shows as a row missing and a row too many; a partition that is
//! changed likewise, since each is part of the key. A wrong offset cannot hide a row, since rows are found by id. A wrong
//! position makes rows look too many or missing, so it is looked for, and listed first. Rows of a partition whose position is
//! missing altogether are not compared, for nobody can know up to where; the missing position is a difference.
//!
//! Not told apart: positions between which there are only duplicates, which leave no row.

pub mod compare;
pub mod difference;
mod expected;
pub(crate) mod feed;
mod lookup;
mod merge;
mod partition;
mod positions;
pub(crate) mod progress;
pub mod run;
pub mod sample;
mod seen;
mod snapshot;
mod strange;
mod sums;
pub mod table;
mod worker;

pub use compare::{CompareError, compare};
pub use difference::{Difference, Differences, Kind, TableCounts};
use ledger_database::{Fault, fault_of};
use ledger_fold::log_safety::LogRefusal;
use ledger_kafka::KafkaUseError;
use ledger_kafka::replay::ReplayError;
use ledger_store::StoreError;
pub use run::{Verified, VerifyOptions, verify};
pub use sample::{Sampled, sample};
use thiserror::Error;

/// The tables could not be held against the log. Nothing was changed.
#[derive(Debug, Error)]
pub enum VerifyError {
    #[error("the tables cannot be read: {0}")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Kafka(#[from] KafkaUseError),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error(transparent)]
    Refused(#[from] LogRefusal),
    #[error("there are no positions of topic {topic}: nothing was folded from it into these tables")]
    NoPositions { topic: String },
    #[error("a part of the program failed; its message stands above")]
    WorkerDied,
}

impl VerifyError {
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Store(error) => is_unreachable(error),
            Self::Kafka(error) => error.is_unreachable(),
            Self::Replay(error) => error.is_unreachable(),
            _ => false,
        }
    }
}

/// Whether the database server cannot be reached, or not any more.
fn is_unreachable(error: &StoreError) -> bool {
    match error {
        StoreError::Connect(error) => error.is_unreachable(),
        StoreError::Database { cause, .. } => fault_of(cause) == Fault::ConnectionLost,
        _ => false,
    }
}
