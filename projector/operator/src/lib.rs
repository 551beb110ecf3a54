//! What an operator does with the ledger beside the running projector: rebuild, roll back, verify, show stock as it was,
//! import, mend dead letters, migrate. Each module is what one command of `ledger` does; flags and exit codes are the binary's.
//!
//! The running service is another crate (`projector`) that does not know this one, so it cannot rename or drop tables, nor
//! change a grant: a manifest proves it, and `projector/operator/tests/boundary.rs` reads the sources.
//!
//! Reading order: [`generations`] (sets of tables, the swap), [`rebuild`], [`verify`], [`as_of`], [`import`], [`verify_import`], [`dead_letters`],
//! [`interventions`] (pause, resume, skip), [`migrate`], [`keys`] (who may call), [`rest`] (orders and stock through the services), [`doctor`] (what all of it rests on), [`bundle`] (for a bug report); [`ends`] (how far the log is published) and [`output`] (how results are shown) are shared.

pub mod as_of;
pub mod bundle;
pub mod dead_letters;
pub mod doctor;
pub mod ends;
pub mod generations;
pub mod import;
pub mod interventions;
pub mod keys;
pub mod migrate;
pub mod output;
pub mod rebuild;
pub mod rest;
pub mod status;
pub mod verify;
pub mod verify_import;
pub mod watched_status;
