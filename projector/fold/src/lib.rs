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
//! Reading order: [`record`], [`state`], [`batch`] (the rules), [`order_state`], [`reservation`], [`ask`], `decided`, [`listed`],
//! [`effects`], [`prior`], [`commit`], [`log_safety`]. What the rules give, byte for byte: `tests/corpus/log.txt`.

pub mod ask;
pub mod batch;
pub mod commit;
mod decided;
pub mod effects;
pub mod listed;
pub mod log_safety;
pub mod order_state;
pub mod prior;
pub mod record;
pub mod reservation;
pub mod state;

pub use ask::asked_again;
pub use batch::BatchFold;
pub use effects::{
    BatchEffects, Decision, MovementRow, OpenChanges, OpenOrder, OrderRow, OutcomeEntry, Parked, StockRow, ToldEntry,
    conflict_detail,
};
pub use order_state::{Cancelled, LineState, OrderState, Stage};
pub use prior::{Prior, StoredUnder, Wanted, stored_under};
pub use record::{Partition, Record};
pub use reservation::{ReservationKey, ReservationRow, ReservationState};
pub use state::{Level, PartitionState, Skips, skip_detail};

/// Version of the rules. Tables are folded by one version; another needs a rebuild. It goes up when any log would give
/// other rows or other outcomes, be it by a word in the `detail` of a dead letter; `tests/corpus/` notices.
///
/// 2: the grammar of JSON, times and ids and the words of every refusal are the ledger's own (1: those of libraries).
/// 3: an order has its place in its user's list (`listed_at`).
/// 4: orders of several lines, holds and cancellation; what is held has a place of its own in `stock`.
pub const FOLD_VERSION: u32 = 4;
