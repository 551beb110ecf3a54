//! Generations: whole sets of the tables that the fold writes, one of them live. A rebuild makes a new one beside the live
//! one and swaps it in; the old one is kept, so that a rollback can swap it back.
//!
//! Which one is live is said by the live `positions` alone (column `generation`), since they are swapped with the tables in
//! one statement. The table `generations` ([`record`]) has what is known besides; it must never say which is live.
//! One command at a time may change anything here: it holds the guard ([`guard`]).
//!
//! How a rebuild uses it:
//! ```text
//! let mut guard = Guard::take(&owner_url, Work::Rebuild).await?;        // refused, naming who holds it
//! let live = ledger_store::generations::live(guard.connection(), topic).await?;            // None: nothing was folded yet
//! let unfinished = ledger_store::generations::building(guard.connection(), topic).await?;  // continue it, or:
//! //     drop::discard(&mut guard, n).await?
//! let number = record::next_number(guard.connection()).await?;
//! record::begin(guard.connection(), &New { generation: number, .. }).await?;   // BEFORE its tables are created
//! guard.works_on(number).await?;
//! // .. create and fill `Tables::of_generation(number)`; its positions carry `number` and the fold's version ..
//! record::set_phase(guard.connection(), number, Phase::Index).await?;
//! record::built(guard.connection(), number, &ends, counts).await?;
//! barrier::stop_publishing(&mut guard, &publishers).await?;
//! // .. fold up to the relays' cursors, which stand still now ..
//! let swapped = swap::swap(&mut guard, &Plan { topic, target: number, identity, wait_seconds: 1 }).await;
//! barrier::resume_publishing(&mut guard).await;
//! swap::follow_up(&mut guard, &log, number, swapped?, missing).await?;
//! guard.release().await;
//! ```
//! What a death leaves: before the RENAME the live tables are as they were, and the row says how far the build came;
//! after it, [`swap::swap`] of the same target finds the target live, and only what follows a swap is left to do.
//!
//! Reading order: [`record`], [`guard`], [`shadow`] (the tables of a generation that is not live), [`barrier`],
//! [`swap`], [`settle`] (what is told after it), [`rollback`], [`drop`], [`list`].

pub mod barrier;
pub mod drop;
pub mod error;
pub mod guard;
mod holder_connection;
pub mod list;
pub mod record;
mod report;
pub mod rollback;
pub mod settle;
pub mod shadow;
pub mod swap;

pub use error::GenerationsError;
pub use guard::Guard;
pub use holder_connection::HolderConnection;
