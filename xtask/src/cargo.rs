//! Runs cargo, as every command here that builds does, and says what is built: what users run, what tests need, and
//! `ledger` once more with its failpoints.
//!
//! It must never build in another profile than release: the repository has one, so that a fresh clone compiles once.
//! Read [`crate::checks`] next.

use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::interrupt::Interrupt;
use crate::process::{OwnedProcess, ProcessCommand};
use crate::repository;

const STOP_LIMIT: Duration = Duration::from_secs(10);

/// What users run, and what tests need.
pub const BUILD_BINARIES: [&str; 4] = ["build", "--release", "--workspace", "--bins"];
/// `ledger` once more, as `ledger-failpoints`. For the whole workspace, so that no dependency gets other features by it and is
/// compiled again; only the crates with a failpoint in them are.
pub const BUILD_FAILPOINTS: [&str; 7] =
    ["build", "--release", "--workspace", "--bin", "ledger-failpoints", "--features", "ledger/failpoints"];

/// Runs cargo in a group of its own, so that an interrupt ends it with all that it started.
///
/// # Errors
/// When it cannot be started, or is interrupted.
pub fn run(arguments: &[&str], environment: &[(String, String)], interrupt: &Interrupt) -> Result<ExitStatus> {
    let mut command = ProcessCommand::new(repository::cargo()).args(arguments).current_dir(repository::root());
    command.environment = environment.to_vec();
    OwnedProcess::spawn_visible("cargo", &command)?.wait_unless(interrupt, STOP_LIMIT)
}

/// As [`run`], where a failure ends the command.
///
/// # Errors
/// Also when cargo fails.
pub fn run_or_fail(arguments: &[&str], environment: &[(String, String)], interrupt: &Interrupt) -> Result<()> {
    let status = run(arguments, environment, interrupt)?;
    ensure!(status.success(), "`cargo {}` failed ({status})", arguments.join(" "));
    Ok(())
}

/// Whether cargo has this subcommand here.
#[must_use]
pub fn has(subcommand: &str) -> bool {
    let mut command = Command::new(repository::cargo());
    command.args([subcommand, "--version"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
