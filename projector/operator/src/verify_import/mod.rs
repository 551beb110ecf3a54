//! `ledger verify-import`: the old table, as a JDBC sink wrote it, beside the ledger: rows that the ledger has no order for, orders
//! that the table has no row for, and columns that differ. Sinks stored other values than records said (a text in an integer field
//! became 0, 7.9 became 7, 4294967297 became 1), so what differs is what a migrating team has to look at.
//!
//! Memory is bounded: rows are looked up in batches, and orders without a row are looked for in passes over the table, each with
//! [`extra::PASS_IDS`] ids of the ledger at most. It must never write, on either side.
//!
//! Reading order: [`table`] (which columns there are), [`old_row`] (a row, and how it is compared), [`run()`], [`extra`], [`difference`].

mod difference;
mod error;
mod extra;
mod old_row;
mod report;
mod run;
mod table;

pub use difference::{ImportDifference, ImportVerified, Kind};
pub use error::VerifyImportError;
pub use run::{VerifyImportOptions, run};
