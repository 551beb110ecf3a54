//! `cargo xtask simulate`: builds and runs `ledger-simulate` (`projector/simulator/`), which runs the projector's real code under
//! schedules that a seed decides. It needs no server. `cargo xtask test` runs [`CHECKED_SEEDS`] of them.
//!
//! It must never decide anything itself: the simulator's exit code says whether a schedule failed, and its output
//! which.

use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;

use crate::interrupt::Interrupt;
use crate::process::family::Family;
use crate::process::{OwnedProcess, ProcessCommand};
use crate::{cargo, install, repository};

const STOP_LIMIT: Duration = Duration::from_secs(10);
const BUILD: [&str; 6] = ["build", "--release", "--package", "ledger-simulator", "--bin", PROGRAM];
const PROGRAM: &str = "ledger-simulate";

/// How many schedules `cargo xtask test` runs: under a minute.
pub const CHECKED_SEEDS: u64 = 20_000;

/// Which schedules.
#[derive(Debug, Clone, Copy, Args)]
pub struct SimulateArguments {
    /// How many schedules, each by a seed of its own
    #[arg(long, default_value_t = CHECKED_SEEDS, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first of these seeds
    #[arg(long, conflicts_with = "seed")]
    first: Option<u64>,
    /// This one only, as a failed run named it
    #[arg(long)]
    seed: Option<u64>,
}

impl SimulateArguments {
    /// The schedules of `cargo xtask test`.
    #[must_use]
    pub const fn checked() -> Self {
        Self { seeds: CHECKED_SEEDS, first: None, seed: None }
    }

    fn words(self) -> Vec<String> {
        let seeds = if self.seed.is_some() { 1 } else { self.seeds };
        let word = |name: &str, value: u64| format!("--{name}={value}");
        let named = [("first", self.first), ("seed", self.seed)];
        let others = named.into_iter().filter_map(|(name, value)| value.map(|value| word(name, value)));
        std::iter::once(word("seeds", seeds)).chain(others).collect()
    }
}

/// `cargo xtask simulate`.
///
/// # Errors
/// When the build fails, or a schedule does.
pub fn run(arguments: SimulateArguments) -> Result<()> {
    let interrupt = Interrupt::install()?;
    let _family = Family::adopt()?;
    install::install_missing()?;
    cargo::run_or_fail(&BUILD, &[], &interrupt)?;
    run_built(arguments, &interrupt)
}

/// The run itself; everything is built.
///
/// # Errors
/// When a schedule fails; the simulator has printed the shortest one then.
pub fn run_built(arguments: SimulateArguments, interrupt: &Interrupt) -> Result<()> {
    let command = ProcessCommand::new(repository::binary_dir().join(PROGRAM)).args(arguments.words());
    let status = OwnedProcess::spawn_visible(PROGRAM, &command)?.wait_unless(interrupt, STOP_LIMIT)?;
    ensure!(status.success(), "a schedule failed ({status}); `cargo xtask simulate --seed S` runs it again");
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: SimulateArguments,
    }

    #[test]
    fn the_simulator_gets_what_was_said_and_one_seed_is_one_schedule() {
        for (line, expected) in [
            (&["x"][..], &["--seeds=20000"][..]),
            (&["x", "--seeds", "7", "--first", "100"], &["--seeds=7", "--first=100"]),
            (&["x", "--seeds", "7", "--seed", "42"], &["--seeds=1", "--seed=42"]),
        ] {
            assert_eq!(Line::parse_from(line).arguments.words(), expected, "{line:?}");
        }
        assert!(Line::try_parse_from(["x", "--seeds", "0"]).is_err());
        assert!(Line::try_parse_from(["x", "--seed", "1", "--first", "2"]).is_err());
    }
}
