//! `cargo xtask bench`: builds everything, starts servers of its own and runs the benchmarks of
//! `e2e/src/bin/ledger-bench/` against them.
//!
//! It must never measure anything itself, so what is measured is what runs in earnest.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::interrupt::Interrupt;
use crate::process::family::Family;
use crate::process::{OwnedProcess, ProcessCommand};
use crate::servers::Servers;
use crate::{cargo, install, lock, other_build, repository};

const STOP_LIMIT: Duration = Duration::from_secs(10);
/// The word before a revision.
const COMPARE: &str = "compare";
/// Benchmarks that measure another build in turn with this one, where this variable has the path of its `ledger`.
const COMPARING: [&str; 3] = ["lines-fold", "reads", "import"];
const OTHER: &str = "LEDGER_BENCH_OTHER";

/// Runs the benchmarks of these names; all of them when there is none. `events` is for those that take a number. The words `compare REV`
/// before the names measure another revision in turn with this build, in the benchmarks that can.
///
/// # Errors
/// When a build, the servers or a benchmark fails.
pub fn run(names: &[String], events: Option<u32>) -> Result<()> {
    let (revision, names) = compared(names)?;
    let interrupt = Interrupt::install()?;
    let _family = Family::adopt()?;
    let _lock = lock::of_command("bench")?;
    install::install_missing()?;
    cargo::run_or_fail(&cargo::BUILD_BINARIES, &[], &interrupt)?;
    let other = revision.map(|revision| other_build::ledger_of(revision, &interrupt)).transpose()?;
    let servers = Servers::for_bench();
    servers.start_fresh(&interrupt)?;
    let events = events.map(|events| ["--events".to_owned(), events.to_string()]);
    let words = [&names[..], events.as_ref().map_or(&[], |words| &words[..])].concat();
    let measured = measure(&servers, &words, other.as_deref(), &interrupt);
    let stopped = servers.stop();
    measured?;
    stopped?;
    servers.wipe()
}

/// The revision to compare with, where one is asked for, and the benchmarks.
fn compared(names: &[String]) -> Result<(Option<&str>, Vec<String>)> {
    let Some((_, rest)) = names.split_first().filter(|(first, _)| *first == COMPARE) else {
        return Ok((None, names.to_vec()));
    };
    let Some((revision, asked)) = rest.split_first() else {
        bail!("`bench {COMPARE}` needs a revision: bench {COMPARE} REV [NAME..]")
    };
    if let Some(alone) = asked.iter().find(|name| !COMPARING.contains(&name.as_str())) {
        bail!("benchmark `{alone}` measures one build alone; two are compared by {}", COMPARING.join(", "));
    }
    let all = COMPARING.map(str::to_owned).to_vec();
    Ok((Some(revision), if asked.is_empty() { all } else { asked.to_vec() }))
}

fn measure(servers: &Servers, words: &[String], other: Option<&Path>, interrupt: &Interrupt) -> Result<()> {
    let mut command = ProcessCommand::new(repository::binary_dir().join("ledger-bench")).args(words);
    command.environment = servers.test_environment()?;
    if let Some(other) = other {
        let path = other.to_str().context("the path of the other build is not UTF-8")?;
        command.environment.push((OTHER.to_owned(), path.to_owned()));
    }
    let status = OwnedProcess::spawn_visible("ledger-bench", &command)?.wait_unless(interrupt, STOP_LIMIT)?;
    ensure!(status.success(), "a benchmark failed ({status})");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_comparison_names_a_revision_and_benchmarks_that_can() {
        assert_eq!(compared(&words(&["fold"])).expect("no comparison"), (None, words(&["fold"])));
        let asked = words(&["compare", "HEAD~1"]);
        assert_eq!(compared(&asked).expect("all of them"), (Some("HEAD~1"), words(&COMPARING)));
        let asked = words(&["compare", "v1", "reads"]);
        assert_eq!(compared(&asked).expect("one"), (Some("v1"), words(&["reads"])));
        let error = compared(&words(&["compare", "v1", "visible"])).expect_err("alone").to_string();
        assert!(error.starts_with("benchmark `visible` measures one build alone"), "{error}");
        compared(&words(&["compare"])).expect_err("no revision");
    }
}
