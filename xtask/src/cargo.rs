//! Runs cargo, as every command here that builds does, and says what is built: what users run, and what checks need, with
//! failpoints.
//!
//! It must never build in another profile than release: the repository has one, so that a fresh clone compiles once.
//! Read [`crate::checks`] next.

use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::interrupt::Interrupt;
use crate::process::{OwnedProcess, ProcessCommand};
use crate::repository;

const STOP_LIMIT: Duration = Duration::from_secs(10);

/// What users run, and what tests need.
pub const BUILD_BINARIES: [&str; 4] = ["build", "--release", "--workspace", "--bins"];
/// The feature that compiles failpoints in. They do something in `ledger-failpoints` alone, which arms them.
pub const FAILPOINTS: &str = "ledger/failpoints";
/// The same with `ledger-failpoints`. For the whole workspace, so that checks compile every crate once: what they run besides has
/// failpoints that nobody armed. What users run is built without. Programs and tests together: built apart, programs have other
/// features of dependencies than with the tests', and nearly all is compiled twice.
pub const BUILD_FOR_CHECKS: [&str; 7] =
    ["build", "--release", "--workspace", "--bins", "--tests", "--features", FAILPOINTS];

/// Runs cargo in a group of its own, so that an interrupt ends it with all that it started.
///
/// # Errors
/// When it cannot be started, or is interrupted.
pub fn run(arguments: &[&str], environment: &[(String, String)], interrupt: &Interrupt) -> Result<ExitStatus> {
    let mut command = ProcessCommand::new(repository::cargo()).args(arguments).current_dir(repository::root());
    command.environment = environment.to_vec();
    OwnedProcess::spawn_visible("cargo", &command)?.wait_unless(interrupt, STOP_LIMIT)
}

/// As [`run`], with all output appended to `log`.
///
/// # Errors
/// Also when the log cannot be written.
pub fn run_into(
    arguments: &[&str],
    environment: &[(String, String)],
    log: &Path,
    interrupt: &Interrupt,
) -> Result<ExitStatus> {
    let mut command = ProcessCommand::new(repository::cargo()).args(arguments).current_dir(repository::root());
    command.environment = environment.to_vec();
    OwnedProcess::spawn("cargo", &command, log)?.wait_unless(interrupt, STOP_LIMIT)
}

/// What cargo prints for a question that it answers at once.
///
/// # Errors
/// When it cannot be started, or fails.
pub fn output(arguments: &[&str]) -> Result<Vec<u8>> {
    let mut command = Command::new(repository::cargo());
    command.args(arguments).current_dir(repository::root()).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    ensure!(output.status.success(), "`cargo {}` failed ({})", arguments.join(" "), output.status);
    Ok(output.stdout)
}

/// As [`run_or_fail`], at the lowest priority: what else runs meanwhile is not to wait for it.
///
/// # Errors
/// Also when cargo fails.
pub fn run_behind(arguments: &[&str], interrupt: &Interrupt) -> Result<()> {
    let cargo = repository::cargo();
    let command = ProcessCommand::new("nice").args(["-n", "19"]).args([cargo]).args(arguments);
    let command = command.current_dir(repository::root());
    let status = OwnedProcess::spawn_visible("cargo", &command)?.wait_unless(interrupt, STOP_LIMIT)?;
    ensure!(status.success(), "`cargo {}` failed ({status})", arguments.join(" "));
    Ok(())
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
