//! `cargo xtask test`: everything that CI checks, section by section, each with its time.
//!
//! It must never leave a server running: those of the tests are stopped whatever happens, also on Ctrl-C. Read
//! [`cargo`], [`crate::tools`], [`crate::pypi`], [`crate::npm`], [`crate::promtool`], [`crate::simulate`] and [`crate::chaos`] for what the sections run.

use std::env;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use crate::chaos::ChaosArguments;
use crate::interrupt::Interrupt;
use crate::jars::KafkaRelease;
use crate::mariadb_release::MariaDbRelease;
use crate::process::family::Family;
use crate::servers::Servers;
use crate::simulate::SimulateArguments;
use crate::{cargo, chaos, install, lanes, lock, npm, progress, promtool, pypi, simulate, table, tools};

/// How many tests of one binary run at once. They wait for servers most of their time (the integration tests with four: 37 % of two cores,
/// measured), so that is more than there are cores.
const AT_ONCE: &str = "6";
/// The variable by which a person says another number.
const THREADS: &str = "RUST_TEST_THREADS";

/// What clippy is to look at: all with failpoints, and what users run, without.
const LINTS: [(&str, &[&str]); 2] = [
    ("lints", &["clippy", "--release", "--workspace", "--all-targets", "--features", cargo::FAILPOINTS]),
    ("lints without failpoints", &["clippy", "--release", "--package", "ledger-failpoints"]),
];

/// The sections that were passed, with the time each took.
struct Checks {
    mariadb: Option<MariaDbRelease>,
    kafka: Option<KafkaRelease>,
    interrupt: Interrupt,
    passed: Vec<(&'static str, Duration)>,
}

/// `cargo xtask test`, on another MariaDB or Kafka where one is named; `filter` is passed on to `cargo test`.
///
/// # Errors
/// At the first section that fails.
pub fn run(mariadb: Option<MariaDbRelease>, kafka: Option<KafkaRelease>, filter: &[String]) -> Result<()> {
    let interrupt = Interrupt::install()?;
    let _family = Family::adopt()?;
    let begin = Instant::now();
    let mut checks = Checks { mariadb, kafka, interrupt, passed: Vec::new() };
    let outcome = checks.run_all(filter);
    let mut rows: Vec<Vec<String>> =
        checks.passed.iter().map(|(name, took)| vec![(*name).to_owned(), progress::seconds(*took)]).collect();
    rows.push(vec!["together".to_owned(), progress::seconds(begin.elapsed())]);
    progress::result(&format!("\n{}", table::render(&["passed", "time"], &rows)));
    outcome
}

impl Checks {
    fn run_all(&mut self, filter: &[String]) -> Result<()> {
        let _lock = lock::of_command("test")?;
        install::install_missing()?;
        self.need_component("fmt", "rustfmt")?;
        self.need_component("clippy", "clippy")?;
        self.cargo("format", &["fmt", "--all", "--check"], &[])?;
        self.cargo("build", &cargo::BUILD_FOR_CHECKS, &[])?;
        // A run of some tests is for those alone.
        let everything = filter.is_empty();
        if everything {
            self.section("simulator", |interrupt| simulate::run_built(SimulateArguments::checked(), interrupt))?;
            self.tests_before_lints()?;
            self.dependencies()?;
            let arguments = ChaosArguments { mariadb: self.mariadb, kafka: self.kafka.clone(), ..chaos::BOUNDED };
            self.section("faults", |interrupt| chaos::run_built(arguments, interrupt))?;
        } else {
            self.tests(filter)?;
        }
        Ok(())
    }

    /// The tests wait for servers most of their time: what only compiles is done in it, behind them. The lints come last there: they
    /// lock the folder that the tests are built into, and those have begun by then.
    fn tests_before_lints(&mut self) -> Result<()> {
        let interrupt = self.interrupt.clone();
        let (tested, behind) = std::thread::scope(|scope| {
            let behind = scope.spawn(move || {
                tools::DENY.program(&interrupt)?;
                tools::MACHETE.program(&interrupt)?;
                LINTS.iter().map(|(name, words)| lint(name, words, &interrupt)).collect::<Result<Vec<_>>>()
            });
            (self.tests(&[]), behind.join())
        });
        let linted = behind.map_err(|_| anyhow!("what is compiled behind the tests panicked"))?;
        tested?;
        self.passed.extend(linted.context("what is compiled behind the tests failed")?);
        Ok(())
    }

    /// rustup is made to install a component that is needed and was left out.
    fn need_component(&self, command: &str, component: &str) -> Result<()> {
        self.interrupt.check()?;
        if cargo::has(command) {
            return Ok(());
        }
        let status = Command::new("rustup").args(["component", "add", component]).stdin(Stdio::null()).status();
        ensure!(
            status.is_ok_and(|status| status.success()),
            "`cargo {command}` is missing; run: rustup component add {component}"
        );
        Ok(())
    }

    /// What all dependencies are, and whether each is used.
    fn dependencies(&mut self) -> Result<()> {
        self.section("dependencies", |interrupt| {
            // Warnings say which crates are there in two versions: dozens of lines that nobody acts on.
            let check = ["--log-level", "error", "check", "bans", "licenses", "sources"];
            tools::DENY.run(&check, interrupt)?;
            tools::MACHETE.run(&[], interrupt)
        })
    }

    fn tests(&mut self, filter: &[String]) -> Result<()> {
        // The tests would install it by themselves, without a word and within their own time.
        for tool in pypi::ALL {
            self.section(tool.package(), |_| tool.program().map(drop))?;
        }
        self.section("npm", |_| npm::folder().map(drop))?;
        self.section("promtool", |_| promtool::program().map(drop))?;
        let servers = Servers::for_tests().on(self.mariadb).on_kafka(self.kafka.clone());
        self.section("servers for the tests", |interrupt| servers.start_fresh(interrupt))?;
        let mut environment = servers.test_environment()?;
        if env::var_os(THREADS).is_none() {
            environment.push((THREADS.to_owned(), AT_ONCE.to_owned()));
        }
        let tested = if filter.is_empty() {
            self.interrupt.check()?;
            lanes::run(&environment, &self.interrupt).map(|passed| self.passed.extend(passed))
        } else {
            let mut arguments = lanes::TEST.to_vec();
            arguments.extend(filter.iter().map(String::as_str));
            self.cargo("tests", &arguments, &environment)
        };
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
            cargo::run_or_fail(arguments, environment, interrupt)
        })
    }
}

/// Clippy, with every warning a failure, behind what else runs.
fn lint(name: &'static str, words: &[&str], interrupt: &Interrupt) -> Result<(&'static str, Duration)> {
    progress::section(&format!("\n{name}, behind the tests"));
    let begin = Instant::now();
    cargo::run_behind(&[words, &["--", "-D", "warnings"]].concat(), interrupt)
        .with_context(|| format!("{name} failed"))?;
    Ok((name, begin.elapsed()))
}
