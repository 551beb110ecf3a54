//! `cargo xtask bench`: builds everything, starts servers of its own and runs the benchmarks of
//! `e2e/src/bin/ledger-bench/` against them.
//!
//! It measures nothing itself, so what is measured is what runs in earnest.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::interrupt::Interrupt;
use crate::process::family::Family;
use crate::process::{OwnedProcess, ProcessCommand};
use crate::servers::Servers;
use crate::{checks, install, repository};

const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Runs the benchmarks of these names; all of them when there is none.
///
/// # Errors
/// When the build, the servers or a benchmark fails.
pub fn run(names: &[String]) -> Result<()> {
    let interrupt = Interrupt::install()?;
    let _family = Family::adopt()?;
    let _lock = checks::lock("bench")?;
    install::install_missing()?;
    let built = checks::cargo(&["build", "--release", "--workspace", "--bins"], &[], &interrupt)?;
    ensure!(built.success(), "the build failed ({built})");
    let servers = Servers::for_bench();
    servers.start_fresh(&interrupt)?;
    let measured = measure(&servers, names, &interrupt);
    let stopped = servers.stop();
    measured?;
    stopped?;
    servers.wipe()
}

fn measure(servers: &Servers, names: &[String], interrupt: &Interrupt) -> Result<()> {
    let mut command = ProcessCommand::new(repository::binary_dir().join("ledger-bench")).args(names);
    command.environment = servers.test_environment()?;
    let status = OwnedProcess::spawn_visible("ledger-bench", &command)?.wait_unless(interrupt, STOP_LIMIT)?;
    ensure!(status.success(), "a benchmark failed ({status})");
    Ok(())
}
