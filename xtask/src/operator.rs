//! `cargo xtask ledger`: becomes the operator's binary, with the addresses and credentials of the
//! running `up` in its environment. Its exit code is ours.
//!
//! It must never interpret the arguments. Read [`crate::parts`] for the environment.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::addresses::Addresses;
use crate::credentials::Credentials;
use crate::parts;
use crate::process::record::ProcessRecord;
use crate::state_dir::StateDir;
use crate::{progress, supervisor};

/// Becomes the binary; returns only on failure.
///
/// # Errors
/// When it was never built or cannot be executed.
pub fn run(arguments: &[OsString]) -> Result<()> {
    let folder = env::var_os("LEDGER_STATE_DIR").map_or_else(|| PathBuf::from(".ledger"), PathBuf::from);
    let state = StateDir::at(&folder);
    let binary = state.bin().join("ledger");
    ensure!(binary.exists(), "{} is not there; `cargo xtask up` builds it", binary.display());
    if ProcessRecord::new(&state.run(), supervisor::NAME).running().is_none() {
        progress::line("note: nothing runs; `cargo xtask up` starts it");
    }
    let mut command = Command::new(&binary);
    if state.credentials().exists() {
        let addresses = Addresses::load(&state)?;
        let credentials = Credentials::load_or_generate(&state.credentials(), addresses.mariadb)?;
        command.envs(parts::operator_environment(&addresses, &credentials));
    }
    let error = command.args(arguments).exec();
    Err(error).with_context(|| format!("cannot execute {}", binary.display()))
}
