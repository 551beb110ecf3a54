//! The tests' programs, in lanes that run side by side. One after the other they use a third of two cores, since they wait for servers most of
//! their time.
//!
//! A program that no lane names runs in the last one, so none is ever left out. What two programs must not share (the ports of
//! `cargo xtask up`) is kept apart by standing in one lane, where one program follows the other.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use serde::Deserialize;

use crate::interrupt::Interrupt;
use crate::{cargo, progress, repository};

/// Name and test programs of every lane but the last: what takes half of the time, and waits for most of it; those that start the system
/// are in it one after the other. Three lanes were tried: with what checks
/// models beside two lanes of tests that wait for a time, and a fault test, the load was above 50, and some of those failed.
const NAMED: [(&str, &[&str]); 1] =
    [("tests: integration, REST, the system", &["integration", "rest", "gateway", "up", "compose"])];
/// The lane of all others, and of the unit tests.
const OTHERS: &str = "tests: all others";
/// How cargo is called for any of them.
pub const TEST: [&str; 5] = ["test", "--release", "--workspace", "--features", cargo::FAILPOINTS];

/// A part of the tests, run by one `cargo test`.
struct Lane {
    name: &'static str,
    arguments: Vec<String>,
    /// Where its output goes until it has ended: that of two lanes at once cannot be read.
    log: PathBuf,
}

/// Runs all tests. Each lane's output is shown when it has ended. A failure in one ends no other: what else fails is known then, too.
///
/// # Errors
/// When a test fails, cargo cannot be run, or is interrupted.
pub fn run(environment: &[(String, String)], interrupt: &Interrupt) -> Result<Vec<(&'static str, Duration)>> {
    let lanes = lanes(&test_programs()?)?;
    let names: Vec<&str> = lanes.iter().map(|lane| lane.name).collect();
    progress::section(&format!("\n{}; each is shown when it has ended", names.join("; ")));
    let ended: Vec<Result<(&'static str, Duration)>> = thread::scope(|scope| {
        let run = |lane| scope.spawn(move || run_lane(lane, environment, interrupt));
        let running: Vec<_> = lanes.iter().map(run).collect();
        let join =
            |lane: thread::ScopedJoinHandle<'_, _>| lane.join().unwrap_or_else(|_| Err(anyhow!("a lane panicked")));
        running.into_iter().map(join).collect()
    });
    ended.into_iter().collect()
}

fn run_lane(lane: &Lane, environment: &[(String, String)], interrupt: &Interrupt) -> Result<(&'static str, Duration)> {
    let begin = Instant::now();
    let arguments: Vec<&str> = lane.arguments.iter().map(String::as_str).collect();
    // A log is appended to: that of the run before is no part of this one.
    match std::fs::remove_file(&lane.log) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove {}", lane.log.display()));
        }
        _ => {}
    }
    let ended = cargo::run_into(&arguments, environment, &lane.log, interrupt);
    let output = std::fs::read(&lane.log).with_context(|| format!("cannot read {}", lane.log.display()))?;
    progress::whole(&format!("\n{}\ncargo {}", lane.name, arguments.join(" ")), &output);
    ensure!(ended?.success(), "{} failed", lane.name);
    Ok((lane.name, begin.elapsed()))
}

fn lanes(programs: &[String]) -> Result<Vec<Lane>> {
    let folder = repository::target_dir().join("tests");
    let lane = |name: &'static str, kinds: &[&str], programs: &mut dyn Iterator<Item = &str>| {
        let mut arguments: Vec<String> =
            TEST.iter().chain(&["--no-fail-fast"]).chain(kinds).map(|&word| word.to_owned()).collect();
        arguments.extend(programs.flat_map(|program| ["--test".to_owned(), program.to_owned()]));
        let log = folder.join(format!("{}.log", name.replace([':', ',', ' '], "-")));
        Lane { name, arguments, log }
    };
    let mut lanes = Vec::new();
    for (name, named) in NAMED {
        for program in named {
            ensure!(programs.iter().any(|known| known == program), "lane `{name}` names no test program: {program}");
        }
        lanes.push(lane(name, &[], &mut named.iter().copied()));
    }
    let is_named = |program: &str| NAMED.iter().any(|(_, named)| named.contains(&program));
    let mut others = programs.iter().map(String::as_str).filter(|program| !is_named(program));
    lanes.push(lane(OTHERS, &["--lib", "--bins"], &mut others));
    Ok(lanes)
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// The names of all test programs, each once: two packages may have one of the same name, and cargo runs both for it.
fn test_programs() -> Result<Vec<String>> {
    let output = cargo::output(&["metadata", "--no-deps", "--format-version", "1"])?;
    let metadata: Metadata = serde_json::from_slice(&output).context("cargo's metadata cannot be read")?;
    let targets = metadata.packages.into_iter().flat_map(|package| package.targets);
    let tests = targets.filter(|target| target.kind.iter().any(|kind| kind == "test"));
    let mut names: Vec<String> = tests.map(|target| target.name).collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{lanes, test_programs};

    #[test]
    fn every_test_program_runs_in_one_lane() {
        let programs = test_programs().expect("cargo's metadata");
        let lanes = lanes(&programs).expect("lanes");
        let named = |words: &[String]| -> Vec<String> {
            words.windows(2).filter(|pair| pair[0] == "--test").map(|pair| pair[1].clone()).collect()
        };
        let run: Vec<String> = lanes.iter().flat_map(|lane| named(&lane.arguments)).collect();
        assert_eq!(run.len(), run.iter().collect::<BTreeSet<_>>().len(), "one runs twice: {run:?}");
        assert_eq!(run.iter().collect::<BTreeSet<_>>(), programs.iter().collect());
        assert!(lanes.last().is_some_and(|lane| lane.arguments.contains(&"--lib".to_owned())));
    }

    #[test]
    fn a_lane_whose_program_is_gone_is_named() {
        let error = lanes(&["e2e".to_owned()]).map(drop).expect_err("a lane without its program");
        assert_eq!(error.to_string(), "lane `tests: integration, REST, the system` names no test program: integration");
    }
}
