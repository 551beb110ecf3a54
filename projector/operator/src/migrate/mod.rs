//! Everything that must be there before the first order: database, users, tables, rights, topics. Each step creates what
//! is missing and leaves what is right alone, so that running it again changes nothing. It must never drop or alter data.
//!
//! Reading order: [`options`], [`run()`] (the steps), [`users`], [`tables`], [`grants`],
//! `topics`, [`report`].

pub mod error;
pub mod grants;
pub mod options;
pub mod report;
mod run;
pub mod tables;
mod topics;
pub mod users;

pub use error::MigrateError;
pub use options::MigrateOptions;
pub use report::{MigrateReport, Step, StepOutcome};
pub use run::run;
