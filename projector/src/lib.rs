//! The projector and the operator's commands, as a library for the binary `ledger` and its tests.
//!
//! It must never decide anything about orders: the rules are in `ledger-fold`. What is here receives records, folds them,
//! writes what the fold says in one transaction with the position (INV-1), and tells what happened.
//!
//! Reading order: [`projection`] (how the parts run together), [`consumer`] (records in), [`intake`], [`writer`] (the
//! loop), [`store`] (the transaction), [`outbox`]; then [`log_check`] (what is refused) and [`commands`].

pub mod as_of;
pub mod cli;
pub mod commands;
pub mod consumer;
pub mod database;
pub mod dead_letters;
pub mod exit;
pub mod failpoints;
pub mod generations;
pub mod health;
pub mod http;
pub mod import;
pub mod intake;
pub mod kafka;
pub mod log_check;
pub mod logging;
pub mod meters;
pub mod migrate;
pub mod monitor;
mod native;
pub mod outbox;
pub mod output;
pub mod program;
pub mod projection;
pub mod rebuild;
pub mod record;
pub mod relay;
pub mod replay;
pub mod shared;
pub mod start_check;
pub mod status;
pub mod store;
pub mod verify;
pub mod writer;
