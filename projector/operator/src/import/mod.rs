//! `ledger import`: folds the old world in. It reads the topic that the old services wrote for a connector, and a CSV of
//! opening stock, and appends keyed events to the log; the projector does the rest.
//!
//! Twice is the same as once, since every event has an id that the same record gives again: its own order id, or one derived
//! from its place ([`derived_id`]). What the ledger holds already is not appended again ([`stored`]); what it holds under the
//! same id with other contents is named as a conflict; what is in the log but not folded yet is appended again, and the fold
//! finds the duplicate (INV-5). So an import may be stopped or die anywhere, and be run again.
//!
//! What the old world wrote is taken as what it was, or refused by name, never changed in silence: amounts exactly ([`number`]), in
//! the unit that was said, by their declared types ([`connect_schema`]); changes of orders are no orders ([`change`]).
//!
//! It must never append an event that the fold would park, and never leave out a record without naming it.
//!
//! Reading order: [`field`], [`rules`], [`document`], [`connect_schema`], [`number`], [`found`], [`row`], [`change`], [`legacy_record`]
//! and [`opening_stock`] (what is taken); [`derived_id`], [`order_id`], [`id_map`]; [`options`], [`survey`], [`run()`], [`orders`], [`source`],
//! [`reader`], [`topic_watch`], [`open_transaction`]; [`stored`], [`seen`], [`verdict`], [`appender`], [`summary`].

mod appender;
mod change;
mod connect_schema;
pub(crate) mod derived_id;
mod document;
mod error;
pub(crate) mod field;
mod found;
mod id_map;
pub(crate) mod ledger_reader;
pub(crate) mod legacy_record;
pub(crate) mod legacy_topic;
pub(crate) mod number;
mod open_transaction;
mod opening_stock;
mod options;
pub(crate) mod order_id;
mod orders;
mod placed_at;
mod progress;
mod reader;
pub(crate) mod refusal;
mod report;
mod row;
mod rules;
mod run;
mod seen;
pub(crate) mod source;
mod stored;
mod summary;
pub(crate) mod survey;
mod topic_watch;
mod verdict;

pub(crate) use appender::Appender;
pub use connect_schema::EpochUnit;
pub use error::ImportError;
pub use field::{FieldMap, MapError, Mapping};
pub use id_map::IdMapError;
pub use opening_stock::OpeningStockError;
pub use options::ImportOptions;
pub use rules::Rules;
pub use run::run;
pub use summary::{DerivedIdsSummary, MAX_LISTED, NotTaken, StockSummary, Summary, Tally};
pub use topic_watch::OldTopicChanged;
