//! The binary `ledger`: flags, commands, exit codes. It must never decide anything itself; what a command does is in
//! `ledger-operator`, and the running projector in `projector`. A library, so that both binaries and the tests use it.
//!
//! Reading order: [`program`], [`cli`] (the commands), [`config`] (the file that flags get their defaults from), [`commands`] (one file per command), [`exit`] (the codes).

pub mod cli;
pub mod commands;
pub mod config;
pub mod exit;
pub mod flags;
pub mod input;
pub mod logging;
pub mod look_flags;
pub mod old_world;
pub mod output;
pub mod program;
pub mod services_flags;
pub mod tls_flags;
pub mod usage;
