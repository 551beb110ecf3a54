//! Proof that the tables are what the log says, and what differs where they are not.
//!
//! Reading order: [`difference`] (what is reported), [`table`] (which columns there are, and how rows are read),
//! [`compare`] (two generations of tables against each other, before a swap).
//!
//! Nothing here ever writes.

pub mod compare;
pub mod difference;
mod merge;
mod snapshot;
pub mod table;

pub use compare::{CompareError, compare};
pub use difference::{Difference, Differences, Kind, TableCounts};

use crate::database::{Fault, fault_of};
use crate::store::StoreError;

/// Whether the database server cannot be reached, or not any more.
fn is_unreachable(error: &StoreError) -> bool {
    match error {
        StoreError::Connect(error) => error.is_unreachable(),
        StoreError::Database { cause, .. } => fault_of(cause) == Fault::ConnectionLost,
        _ => false,
    }
}
