//! Everything that must be there before the first order: database, users, tables, rights, topics. Each step creates what
//! is missing and leaves what is right alone, so that running it again changes nothing. All that can be checked is checked before
//! the first step. It must never drop or alter data, but for positions of tables whose rows are lost; nor change how a user logs in.
//!
//! Reading order: [`options`], [`run()`] (the steps), `checks`, [`users`], `topics`, [`tables`], `lost` (tables that are gone), `retired`,
//! `observable`, [`grants`], [`report`].

mod checks;
pub mod error;
pub mod grants;
mod lost;
mod observable;
pub mod options;
pub mod report;
mod retired;
mod run;
pub mod tables;
mod topics;
pub mod users;

pub use error::MigrateError;
pub(crate) use grants::rights_of;
pub use options::MigrateOptions;
pub use report::{MigrateReport, Step, StepOutcome};
pub use run::run;
