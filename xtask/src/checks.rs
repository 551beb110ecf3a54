//! `cargo xtask test`: everything that CI checks, section by section, each with its time; and
//! `cargo xtask mutants`, which takes too long for that.
//!
//! The servers of the tests are stopped whatever happens, also on Ctrl-C.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::interrupt::Interrupt;
use crate::process::family::Family;
use crate::process::{OwnedProcess, ProcessCommand};
use crate::progress;
use crate::servers::Servers;
use crate::{chaos, install, repository, table};

const STOP_LIMIT: Duration = Duration::from_secs(10);

/// The sections that were passed, with the time each took.
struct Checks {
    interrupt: Interrupt,
    passed: Vec<(&'static str, Duration)>,
}

/// `cargo xtask test`; `filter` is passed on to `cargo test`.
///
/// # Errors
/// At the first section that fails.
pub fn run(filter: &[String]) -> Result<()> {
    let interrupt = Interrupt::install()?;
    let _family = Family::adopt()?;
    let begin = Instant::now();
    let mut checks = Checks { interrupt, passed: Vec::new() };
    let outcome = checks.run_all(filter);
    let mut rows: Vec<Vec<String>> =
        checks.passed.iter().map(|(name, took)| vec![(*name).to_owned(), progress::seconds(*took)]).collect();
    rows.push(vec!["together".to_owned(), progress::seconds(begin.elapsed())]);
    progress::result(&format!("\n{}", table::render(&["passed", "time"], &rows)));
    outcome
}

impl Checks {
    fn run_all(&mut self, filter: &[String]) -> Result<()> {
        let _lock = lock("test")?;
        install::install_missing()?;
        self.need_component("fmt", "rustfmt")?;
        self.need_component("clippy", "clippy")?;
        self.cargo("format", &["fmt", "--all", "--check"], &[])?;
        let lints = ["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"];
        self.cargo("lints", &lints, &[])?;
        self.cargo("lints of failpoints", &[&["clippy"], &chaos::BUILD_FAILPOINTS[1..], &lints[4..]].concat(), &[])?;
        self.dependencies()?;
        self.cargo("build", &chaos::BUILD_BINARIES, &[])?;
        self.tests(filter)?;
        // Who asks for some tests asks for those alone.
        if filter.is_empty() {
            self.cargo("build with failpoints", &chaos::BUILD_FAILPOINTS, &[])?;
            self.section("faults", |interrupt| chaos::under_lock(chaos::BOUNDED, interrupt))?;
        }
        Ok(())
    }

    /// Where rustup has left out a component that is needed, it is asked for it.
    fn need_component(&self, command: &str, component: &str) -> Result<()> {
        self.interrupt.check()?;
        if is_available(&[command, "--version"]) {
            return Ok(());
        }
        let status = Command::new("rustup").args(["component", "add", component]).stdin(Stdio::null()).status();
        ensure!(
            status.is_ok_and(|status| status.success()),
            "`cargo {command}` is missing; run: rustup component add {component}"
        );
        Ok(())
    }

    /// Building the tool takes longer than all else here, so it is used where it is installed.
    fn dependencies(&mut self) -> Result<()> {
        if is_available(&["deny", "--version"]) {
            return self.cargo("dependencies", &["deny", "check", "bans", "licenses", "sources"], &[]);
        }
        progress::line(
            "\ndependencies: not checked, since cargo-deny is not installed (cargo install --locked cargo-deny)",
        );
        Ok(())
    }

    fn tests(&mut self, filter: &[String]) -> Result<()> {
        let servers = Servers::for_tests();
        self.section("servers for the tests", |interrupt| servers.start_fresh(interrupt))?;
        let environment = servers.test_environment()?;
        let mut arguments = vec!["test", "--release", "--workspace"];
        arguments.extend(filter.iter().map(String::as_str));
        let tested = self.cargo("tests", &arguments, &environment);
        let stopped = servers.stop();
        tested?;
        stopped?;
        // What a failed run left is kept for a look at it; the next run removes it.
        servers.wipe()
    }

    fn section(&mut self, name: &'static str, work: impl FnOnce(&Interrupt) -> Result<()>) -> Result<()> {
        self.interrupt.check()?;
        progress::section(&format!("\n{name}"));
        let begin = Instant::now();
        work(&self.interrupt).with_context(|| format!("{name} failed"))?;
        self.passed.push((name, begin.elapsed()));
        Ok(())
    }

    fn cargo(&mut self, name: &'static str, arguments: &[&str], environment: &[(String, String)]) -> Result<()> {
        self.section(name, |interrupt| {
            progress::line(&format!("cargo {}", arguments.join(" ")));
            let status = cargo(arguments, environment, interrupt)?;
            ensure!(status.success(), "`cargo {}` failed ({status})", arguments.join(" "));
            Ok(())
        })
    }
}

/// Runs cargo in a group of its own, so that an interrupt ends it with all that it started.
pub(crate) fn cargo(arguments: &[&str], environment: &[(String, String)], interrupt: &Interrupt) -> Result<ExitStatus> {
    let mut command = ProcessCommand::new(repository::cargo()).args(arguments).current_dir(repository::root());
    command.environment = environment.to_vec();
    OwnedProcess::spawn_visible("cargo", &command)?.wait_unless(interrupt, STOP_LIMIT)
}

fn is_available(arguments: &[&str]) -> bool {
    let mut command = Command::new(repository::cargo());
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Two runs of one command at a time would wipe each other's servers.
pub(crate) fn lock(name: &str) -> Result<File> {
    let folder = repository::root().join(".ledger");
    std::fs::create_dir_all(&folder)?;
    let file = File::create(folder.join(format!("{name}.lock")))?;
    if file.try_lock().is_err() {
        progress::line(&format!("another `cargo xtask {name}` is at work; waiting for it"));
        file.lock()?;
    }
    Ok(file)
}

/// What is changed: the fold, and the arithmetic of positions. Each is tested by its own crate's tests.
const MUTATED: [&str; 2] = ["projector/fold/src/*.rs", "schema/src/position.rs"];

const MUTANTS_VERSION: &str = "^27";

/// `cargo xtask mutants`: changes the fold and the position logic line by line and runs their tests;
/// a change that no test notices fails.
///
/// # Errors
/// When cargo-mutants cannot be installed or a mutant survives.
pub fn run_mutants(arguments: &[String]) -> Result<()> {
    let interrupt = Interrupt::install()?;
    install::install_missing()?;
    let tool = install_mutants(&interrupt)?;
    let output = repository::target_dir().join("mutants");
    std::fs::create_dir_all(&output)?;
    let command = ProcessCommand::new(tool)
        .arg("mutants")
        .args(MUTATED.iter().flat_map(|file| ["--file", file]))
        .args(["--profile=release", "--gitignore=true", "--output"])
        .arg(output)
        .args(arguments)
        .current_dir(repository::root());
    let status = OwnedProcess::spawn_visible("cargo-mutants", &command)?.wait_unless(&interrupt, STOP_LIMIT)?;
    ensure!(status.success(), "mutants survived or could not be tested ({status})");
    Ok(())
}

/// Into `.ledger/tools`, unless it is installed already.
fn install_mutants(interrupt: &Interrupt) -> Result<PathBuf> {
    if let Some(path) = install::find_program("cargo-mutants") {
        return Ok(path);
    }
    let folder = repository::root().join(".ledger/tools");
    let tool = folder.join("bin/cargo-mutants");
    if !tool.is_file() {
        progress::section("Installing cargo-mutants");
        let place = folder.to_str().context("the repository's path is not UTF-8")?;
        let arguments = ["install", "--locked", "cargo-mutants", "--version", MUTANTS_VERSION, "--root", place];
        let status = cargo(&arguments, &[], interrupt)?;
        ensure!(status.success(), "cargo-mutants could not be installed ({status})");
    }
    Ok(tool)
}
