//! `cargo xtask test`: everything that CI checks, section by section, each with its time.
//!
//! It must never leave a server running: those of the tests are stopped whatever happens, also on Ctrl-C. Read
//! [`cargo`], [`crate::tools`], [`crate::schemathesis`], [`crate::simulate`] and [`crate::chaos`] for what the sections run.

use std::env;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use crate::chaos::ChaosArguments;
use crate::interrupt::Interrupt;
use crate::mariadb_release::MariaDbRelease;
use crate::process::family::Family;
use crate::servers::Servers;
use crate::simulate::SimulateArguments;
use crate::{cargo, chaos, install, lock, progress, schemathesis, simulate, table, tools};

/// How many tests of one binary run at once. They wait for servers most of their time (the integration tests: 374 s for 160 s of
/// two cores with four, measured), so that is more than there are cores.
const AT_ONCE: &str = "4";
/// The variable by which a person says another number.
const THREADS: &str = "RUST_TEST_THREADS";

/// The sections that were passed, with the time each took.
struct Checks {
    mariadb: Option<MariaDbRelease>,
    interrupt: Interrupt,
    passed: Vec<(&'static str, Duration)>,
}

/// `cargo xtask test`, on another MariaDB where one is named; `filter` is passed on to `cargo test`.
///
/// # Errors
/// At the first section that fails.
pub fn run(mariadb: Option<MariaDbRelease>, filter: &[String]) -> Result<()> {
    let interrupt = Interrupt::install()?;
    let _family = Family::adopt()?;
    let begin = Instant::now();
    let mut checks = Checks { mariadb, interrupt, passed: Vec::new() };
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
        let strict = ["--", "-D", "warnings"];
        let all = ["clippy", "--release", "--workspace", "--all-targets", "--features", cargo::FAILPOINTS];
        self.cargo("lints", &[&all[..], &strict].concat(), &[])?;
        let without = ["clippy", "--release", "--package", "ledger-failpoints"];
        self.cargo("lints without failpoints", &[&without[..], &strict].concat(), &[])?;
        self.cargo("build", &cargo::BUILD_FOR_CHECKS, &[])?;
        // A run of some tests is for those alone.
        let everything = filter.is_empty();
        if everything {
            self.section("simulator", |interrupt| simulate::run_built(SimulateArguments::checked(), interrupt))?;
            self.tests_beside_tools()?;
            self.dependencies()?;
            let arguments = ChaosArguments { mariadb: self.mariadb, ..chaos::BOUNDED };
            self.section("faults", |interrupt| chaos::run_built(arguments, interrupt))?;
        } else {
            self.tests(filter)?;
        }
        Ok(())
    }

    /// The tests wait for servers most of their time: the tools that are missing are compiled in it, behind them.
    fn tests_beside_tools(&mut self) -> Result<()> {
        let interrupt = self.interrupt.clone();
        std::thread::scope(|scope| {
            let installed = scope.spawn(move || {
                tools::DENY.program(&interrupt)?;
                tools::MACHETE.program(&interrupt).map(drop)
            });
            let tested = self.tests(&[]);
            let installed = installed.join().map_err(|_| anyhow!("installing the tools panicked"))?;
            tested.and(installed.context("the tools cannot be installed"))
        })
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
        self.section("schemathesis", |_| schemathesis::program().map(drop))?;
        let servers = Servers::for_tests().on(self.mariadb);
        self.section("servers for the tests", |interrupt| servers.start_fresh(interrupt))?;
        let mut environment = servers.test_environment()?;
        if env::var_os(THREADS).is_none() {
            environment.push((THREADS.to_owned(), AT_ONCE.to_owned()));
        }
        let mut arguments = vec!["test", "--release", "--workspace", "--features", cargo::FAILPOINTS];
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
            cargo::run_or_fail(arguments, environment, interrupt)
        })
    }
}
