//! Where the fold's effects are written. One batch is one transaction that begins with the compare-and-set on each
//! partition's position (INV-1). A store must never decide anything: it says what the database said.
//!
//! The live store ([`live`]) also writes the outbox. What every store shares is in [`effects`] and [`transaction`]: the
//! statements take the names of their tables, so that a rebuild can write others, with a store that has no outbox.
//!
//! Reading order: [`batch`] and [`contract`], [`transaction`] (commit, roll back: once for every store), [`effects`],
//! [`live`], [`shadow`]; `script` (many statements, one round trip), [`rows`], [`reservations`], [`open_orders`], [`stock`] (from values to rows) and [`row_values`] (and back), [`outbox`]
//! (what is published),
//! [`positions`], [`pause`] and [`skips`] (what operators said), [`generations`] (what is known of sets of tables); [`log_check`] (which log is refused).

pub mod batch;
pub mod contract;
pub mod dead_letters;
pub mod due;
pub mod effects;
pub mod error;
pub mod fold_version;
pub mod generations;
pub mod live;
pub mod log_check;
pub mod open_orders;
pub mod outbox;
mod outbox_rows;
pub mod parked;
pub mod pause;
pub mod positions;
pub mod prior;
pub mod reservations;
pub mod row_values;
pub mod rows;
mod script;
pub mod shadow;
pub mod skips;
pub mod stock;
pub mod transaction;

pub use batch::{GenerationKey, Ids, Loaded, OpenCounts, PartitionBatch, Standing, Written, for_fold};
pub use contract::Store;
pub use due::DueOrders;
pub use error::{StoreError, at};
pub use fold_version::{FOLD_VERSION, MixedFolds};
pub use live::LiveStore;
pub use pause::Pause;
pub use shadow::{ShadowStore, Tally};
