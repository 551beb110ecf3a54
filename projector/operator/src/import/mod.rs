//! `ledger import`: folds the old world in. It reads the topic that the old services wrote for a connector, and a CSV of
//! opening stock, and appends keyed events to the log; the projector does the rest.
//!
//! Twice is the same as once, since every event has an id that the same record gives again: its own order id, or one derived
//! from its place ([`derived_id`]). What the ledger holds already is not appended again ([`stored`]); what it holds under the
//! same id with other contents is named as a conflict; what is in the log but not folded yet is appended again, and the fold
//! finds the duplicate (INV-5). So an import may be stopped or die anywhere, and be run again.
//!
//! It must never append an event that the fold would park, and never leave out a record without naming it.
//!
//! Reading order: [`legacy_record`] and [`opening_stock`] (what is taken), [`derived_id`], [`options`], [`survey`], [`run()`], [`source`], [`open_transaction`],
//! [`appender`], [`stored`], [`summary`].

mod appender;
mod derived_id;
mod error;
mod ledger_reader;
mod legacy_record;
mod open_transaction;
mod opening_stock;
mod options;
mod progress;
mod refusal;
mod report;
mod run;
mod source;
mod stored;
mod summary;
mod survey;

pub use error::ImportError;
pub use opening_stock::OpeningStockError;
pub use options::ImportOptions;
pub use run::run;
pub use summary::{MAX_LISTED, NotTaken, StockSummary, Summary, Tally};
