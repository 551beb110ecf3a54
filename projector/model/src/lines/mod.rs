//! A second model: an order of two lines over two partitions. What the first one shows of a single partition (its transaction, the
//! relay's session, barrier and fence) is taken for granted here, each in one step; what is new is what partitions tell each other
//! through the log: internal events that a relay appends before it moves its cursor, twice where it dies in between, and once more long
//! after, from a process that slept; cancel, confirm and expiry in any order with them; a rebuild that takes each partition back to its
//! cursor, and a rollback.
//!
//! The rules are the real fold's ([`ledger_fold::BatchFold`], through [`tables`]). It must never have one of its own.
//!
//! What is left out: orders of more lines (they are counted one by one), more orders than two, wrong tables (the simulator has them), and
//! everything that the first model shows.
//!
//! Reading order: [`protocol`] (the decisions, and how to get them wrong), [`records`] (what the log holds), [`tables`] (what the fold
//! makes of a prefix of it), [`state`], [`system`] (the steps), [`properties`].

pub mod properties;
pub mod protocol;
pub mod records;
pub mod state;
pub mod system;
pub mod tables;

pub use protocol::LinesProtocol;
pub use state::LinesLimits;
pub use system::LinesSystem;
