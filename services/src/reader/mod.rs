//! Reads of the projection (MariaDB), as the user that may only read (and say that a key was used).
//!
//! It must never open a transaction, never race a query against a timer outside [`Reader::run`], and never decide whether what
//! it read may be shown: that is for `crate::reads`, which everything but the poller and the start goes through. Reading
//! order: `connections`, `pool`, `standing`, then the statements.

mod connections;
mod decisions;
mod error;
mod gathered;
mod keys;
mod movements;
mod orders;
mod pool;
mod positions;
#[cfg(test)]
mod scripted_server;
mod standing;
mod status;
mod stock;
mod stored_order;

pub(crate) use decisions::UnderId;
pub(crate) use error::ReadError;
pub(crate) use movements::MovementRow;
pub(crate) use pool::{Reader, ReaderOptions};
#[cfg(test)]
pub(crate) use standing::PartitionStanding;
pub(crate) use standing::{Concern, Snapshot, Standing};
pub(crate) use stock::StockRow;
pub(crate) use stored_order::{StoredLine, StoredOrder};
