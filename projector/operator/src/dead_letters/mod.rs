//! Parked records for an operator: list them, look at one whole, and redrive one, which appends a corrected event to the log.
//! It must never change or erase a parked row, nor edit history: what was parked stays parked, and the mend is a record of its
//! own that names what it mends.
//!
//! Reading order: [`parked`] (the rows), [`shown`] (how bytes are shown), [`corrected`] (the operator's event), [`marks`] (what
//! was redriven), [`redrive`] (the steps), [`as_received`] (one or many, without a corrected event).

mod as_received;
mod corrected;
mod error;
mod marks;
mod parked;
mod redrive;
mod report;
mod shown;

pub use as_received::{AsReceivedOptions, Fate, Item, RedriveSummary, Which, redrive_as_received};
pub use error::DeadLettersError;
pub use marks::Mark;
pub use parked::{Filter, Header, Letter, Listed, Listing, list, show};
pub use redrive::{RedriveOptions, Redriven, redrive};
pub use shown::Shown;
