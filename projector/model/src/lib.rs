//! A model of the exactly-once protocol, for the checker stateright: two projector processes with their relays, MariaDB,
//! Kafka's transactions, rebalances, crashes at any step, lost replies to COMMIT, tables that somebody tampered with, a
//! rebuild that swaps them, a rollback that swaps them back, services that read them, and the loss of the whole database.
//! The checker tries every order of their steps. The tests also take single decisions of the protocol back
//! ([`protocol`]), and demand that the checker finds what breaks then.
//!
//! Nothing of the running system depends on this crate. It must never have rules of its own where the code has some: the
//! fold is [`ledger_fold::BatchFold`], an unknown commit is decided by [`ledger_fold::commit::after_unknown_commit`].
//!
//! What is left out, and so not shown here:
//! - more than one partition (a partition is an island; what two of them tell each other is the second model, [`lines`]), four records,
//!   batches of at most two;
//! - loss of acknowledged data by a broker or the database, other than the loss of the whole database; a database that
//!   was restored from a backup;
//! - parked records: a dead letter takes the path of a row and an outcome;
//! - a relay that takes only some of the outbox rows it could take;
//! - requests of a thrown-away producer, other than its commit, that arrive before the next `init_transactions`;
//! - how a rebuild fills its shadow, and what a query reads besides the positions;
//! - readiness and assignment epochs: they are about one process's threads, which the simulator runs.
//!
//! States are told apart by a 64-bit hash, as is usual: with ten million states, the chance that one was mistaken for
//! another is below one in 100,000.
//!
//! Reading order, and the order of imports (none points back): [`log`], [`protocol`] (the decisions), [`vocabulary`],
//! [`actions`], [`limits`], [`coverage`], [`broker`], [`database`], [`projector`], [`relay`], [`swap`] (the parts),
//! [`state`], [`system`] (states and steps), [`recovery`], [`properties`], [`model`]; then [`lines`].

pub mod actions;
pub mod broker;
pub mod coverage;
pub mod database;
pub mod limits;
pub mod lines;
pub mod log;
pub mod model;
pub mod projector;
pub mod properties;
pub mod protocol;
pub mod recovery;
pub mod relay;
pub mod state;
pub mod swap;
pub mod system;
pub mod vocabulary;

pub use coverage::Event;
pub use limits::Limits;
pub use protocol::Protocol;
pub use system::System;
