//! `cargo xtask bench`: builds everything, starts servers of its own and runs the benchmarks of
//! `e2e/src/bin/ledger-bench/` against them.
//!
//! It must never measure anything itself, so what is measured is what runs in earnest.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::interrupt::Interrupt;
use crate::process::family::Family;
use crate::process::{OwnedProcess, ProcessCommand};
use crate::servers::Servers;
use crate::{cargo, install, lock, repository};

const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Runs the benchmarks of these names; all of them when there is none. `events` is for the one that takes a number.
///
/// # Errors
/// When the build, the servers or a benchmark fails.
pub fn run(names: &[String], events: Option<u32>) -> Result<()> {
    let interrupt = Interrupt::install()?;
    let _family = Family::adopt()?;
    let _lock = lock::of_command("bench")?;
    install::install_missing()?;
    cargo::run_or_fail(&cargo::BUILD_BINARIES, &[], &interrupt)?;
    let servers = Servers::for_bench();
    servers.start_fresh(&interrupt)?;
    let events = events.map(|events| ["--events".to_owned(), events.to_string()]);
    let words = [names, events.as_ref().map_or(&[], |words| &words[..])].concat();
    let measured = measure(&servers, &words, &interrupt);
    let stopped = servers.stop();
    measured?;
    stopped?;
    servers.wipe()
}

fn measure(servers: &Servers, words: &[String], interrupt: &Interrupt) -> Result<()> {
    let mut command = ProcessCommand::new(repository::binary_dir().join("ledger-bench")).args(words);
    command.environment = servers.test_environment()?;
    let status = OwnedProcess::spawn_visible("ledger-bench", &command)?.wait_unless(interrupt, STOP_LIMIT)?;
    ensure!(status.success(), "a benchmark failed ({status})");
    Ok(())
}
