//! The fold: the pure core of the projector. A partition's records in, rows and outcomes out.
//!
//! It must never know a clock, a random number, a database or Kafka; its manifest lists none of them, and
//! `clippy.toml` refuses the clocks that the standard library has. It is total: every record has an answer, no input makes
//! it panic or fail.
//!
//! What it rests on, and what rests on it:
//! - INV-2: `available` is never negative. [`batch`] takes from stock only what is there.
//! - INV-4: what is derived is a function of a prefix of one partition: [`batch`] sees one partition's state and records.
//! - INV-5: an order id or movement id takes effect at most once in a partition: [`prior`] and the batch's own ids.
//! - INV-8: no record is skipped: each either takes effect, is a duplicate (counted), or is parked.
//! - INV-9: another log is never folded onto this one's state: [`log_safety`].
//!
//! Reading order: [`record`], [`state`], [`batch`] (the rules), `decided`, [`listed`], [`effects`], [`prior`], [`commit`],
//! [`log_safety`]. What the rules give, byte for byte: `tests/corpus/log.txt`.

pub mod batch;
pub mod commit;
mod decided;
pub mod effects;
pub mod listed;
pub mod log_safety;
pub mod prior;
pub mod record;
pub mod state;

pub use batch::BatchFold;
pub use effects::{BatchEffects, Decision, MovementRow, OrderRow, OutcomeEntry, Parked, StockRow, conflict_detail};
pub use prior::Prior;
pub use record::{Partition, Record};
pub use state::PartitionState;

/// Version of the rules. Tables are folded by one version; another needs a rebuild. It goes up when any log would give
/// other rows or other outcomes, be it by a word in the `detail` of a dead letter; `tests/corpus/` notices.
///
/// 2: the grammar of JSON, times and ids and the words of every refusal are the ledger's own (1: those of libraries).
/// 3: an order has its place in its user's list (`listed_at`).
pub const FOLD_VERSION: u32 = 3;
