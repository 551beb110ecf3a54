//! Proof that the tables are what the log says, and what differs where they are not. Nothing here ever writes.
//!
//! Reading order: [`difference`] (what is reported), [`table`] (which columns there are, and how rows are read), [`run`] (the
//! whole), then `job`, `worker`, `partition`, `settling`, `strange`, `positions`; [`told`] is what partitions tell each other; [`compare`] sets two
//! generations of tables against each other, before a swap; [`sample`] is a quick look.
//!
//! # Why nothing stays hidden
//! For a partition whose position is N, let E be the rows that the fold of records 0 to N - 1 gives, and T those that the tables
//! have, in one snapshot. The claim: when no difference is reported, T equals E.
//!
//! 1. *What is expected never rests on a row that was not proved.* The fold needs to know what stood earlier under an id. That is
//!    looked up in the tables, but a row counts only when it claims the offset of an earlier record whose row, compared in this
//!    run and snapshot, had that id, and was equal in every column to what had been folded by then. Under an id whose row was missing or
//!    differed, what was folded is kept and stands in for it. So by induction over the batches, E is folded from the log alone. State is
//!    kept from what was folded, never read from `stock`.
//! 2. *Every row of E is compared*, under its full key, in every column: movements with their batch, dead letters likewise, stock and
//!    open orders at the end. The log changes orders and reservations after it made them, and the tables have what became of them: these
//!    are compared when they are made and whenever they are changed. What differs is kept, and is a difference when it still differs at
//!    the end: each was compared last after its last change.
//! 3. *There is no other row.* Dead letters are compared over whole ranges of their key, stock and open orders by a scan of the table.
//!    Of orders, movements and reservations, each row of E was found under a key of its own; so when the tables have as many rows of the
//!    partition as were found, they have no other. When they have more, they are scanned for those that no record explains.
//!
//! Step 1 knows rows by fingerprints of their ids (`seen`). Should one lie (one in four billion, for one corrupt row), a record is
//! taken for a duplicate, and its row is one that was not found: the count of step 3 does not agree. So two wrong rows may be
//! reported as one row too many that cannot be named, but never as right.
//!
//! What one corruption does to another: a key that is changed shows as a row missing and a row too many; a partition that is
//! changed likewise, since each is part of the key. A wrong offset cannot hide a row, since rows are found by id. A wrong
//! position makes rows look too many or missing, so it is looked for, and listed first. Rows of a partition whose position is
//! missing altogether are not compared, for nobody can know up to where; the missing position is a difference.
//!
//! That stock adds up (INV-3) follows where T equals E; it is asked of the tables by themselves all the same ([`sums`]).
//!
//! Not distinguished: positions between which there are only records that change no row.

pub mod compare;
pub mod compared_row;
pub mod difference;
pub mod error;
mod evidence;
mod expected;
pub(crate) mod feed;
mod forward;
pub(crate) mod ids;
mod job;
mod look;
mod lookup;
mod merge;
mod partition;
mod positions;
pub(crate) mod progress;
mod row_values;
pub mod run;
pub mod sample;
mod seen;
mod settling;
mod snapshot;
mod strange;
pub mod sums;
pub mod table;
pub(crate) mod told;
mod unsettled;
pub mod value;
mod worker;

pub use compare::{CompareError, CompareOptions, Compared, compare};
pub use difference::{Difference, Differences, Kind, TableCounts};
pub use error::VerifyError;
pub use run::{Verified, VerifyOptions, verify};
pub use sample::{Sampled, sample};
pub use told::{ToldCounts, ToldDifference};
