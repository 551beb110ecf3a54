//! The tables folded anew from the log's beginning, beside the live ones, and swapped in when they are right.
//!
//! The argument. The fold is the projector's own ([`projector::writer`]); only the store is another, and it has no outbox
//! ([`ledger_store::ShadowStore`]), so a rebuild cannot publish. It ends at the relay's cursor ([`crate::ends`]): everything before it is
//! published, everything after it the live projector folds after the swap, with its outcomes. One RENAME swaps data and
//! positions together ([`crate::generations::swap`]), and the projector notices by its next compare-and-set.
//!
//! Whatever dies, and whenever: until the RENAME nothing but tables with the new number in their names, and the rows that name
//! them, was written. The positions of the new tables say how far they are, each phase may be run again, and the next run
//! continues. After the RENAME it finds the new generation live.
//!
//! | phase | does | dying in it leaves |
//! |---|---|---|
//! | load | folds up to the cursor as it was then | tables without indexes, positions anywhere |
//! | index | adds the secondary indexes | each table with all of them, or none |
//! | catch-up | folds up to the cursor again, until it hardly moves | positions anywhere |
//! | compare | live against new; asks where rows would change | nothing |
//! | swap | catches up once more, then the RENAME | either generation live, both whole |
//!
//! Reading order: [`options`], [`run()`] (what refuses it), [`phases`] (their order), [`build`] (what they share), [`swapping`];
//! [`unfinished`] (what an earlier run left), [`tables`], [`load`], [`telling`] (what partitions tell each other), [`feed`]; then [`consent`], [`report`], [`error`].

mod build;
mod consent;
mod error;
mod feed;
mod load;
mod options;
mod phases;
mod progress;
mod report;
mod run;
mod swapping;
mod tables;
mod telling;
mod unfinished;

pub use consent::Consent;
pub use error::{Left, RebuildCause, RebuildError};
pub use options::RebuildOptions;
pub use report::{PhaseTime, RebuildOutcome, Summary, TableSummary};
pub use run::run;
