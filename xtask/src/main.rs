//! `cargo xtask`: parses the arguments and calls the library. It must never do more. Read `lib.rs` next.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use xtask::chaos::ChaosArguments;
use xtask::down::DownArguments;
use xtask::interrupt::Interrupt;
use xtask::jars::KafkaRelease;
use xtask::mariadb_release::MariaDbRelease;
use xtask::process::record;
use xtask::simulate::SimulateArguments;
use xtask::supervisor::Settings;
use xtask::up::UpArguments;
use xtask::{bench, by_hand, chaos, checks, contracts, down, mutants, operator, progress, simulate, supervisor, up};

/// The order ledger's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: XtaskCommand,
}

#[derive(Debug, Subcommand)]
enum XtaskCommand {
    /// Start the whole system, getting what is missing, and show its logs until Ctrl-C
    Up(Box<UpArguments>),
    /// Stop what `up` started
    Down(DownArguments),
    /// Everything that CI checks, on ports and data of its own; words after `--` go to `cargo test`
    Test {
        /// On another MariaDB than the system's, as Debian's packages bring it; fetched into .ledger/
        #[arg(long, value_name = "VERSION")]
        mariadb: Option<MariaDbRelease>,
        /// On another Kafka than the usual one, a series or a release (`4.1`, `4.1.0`); fetched into .ledger/
        #[arg(long, value_name = "VERSION")]
        kafka: Option<KafkaRelease>,
        #[arg(last = true)]
        cargo_test: Vec<String>,
    },
    /// Benchmarks by NAME, or all of them; the figures go to target/bench/
    ///
    /// `bench compare REV [NAME..]` builds another revision beside this one and measures both in turn: lines-fold, reads, import.
    Bench {
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// How many events the benchmark `rebuild`, and how many records the benchmark `import` takes
        #[arg(long)]
        events: Option<u32>,
    },
    /// The fault test: orders by many clients while every part is killed, frozen and cut off, then an audit
    Chaos(ChaosArguments),
    /// The projector's real code under schedules that seeds decide, with a fault at every step; no servers
    Simulate(SimulateArguments),
    /// Change the fold line by line and see whether a test notices; words after `--` go to cargo-mutants
    Mutants {
        #[arg(last = true)]
        cargo_mutants: Vec<String>,
    },
    /// Write the schemas of the topics and AsyncAPI's document again, as the code says, into schema/contracts/
    Contracts {
        /// Release what changed: the next revision of each such schema, which no later one may break
        #[arg(long)]
        release: bool,
    },
    /// The operator's binary, with the addresses and credentials of the running `up`
    #[command(disable_help_flag = true)]
    Ledger {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// A Kafka and a MariaDB for running single tests by hand
    #[command(subcommand)]
    Servers(ServersCommand),
    /// Keeps the parts running; `up` starts it
    #[command(hide = true)]
    Supervise(Settings),
    /// Records the calling process and becomes PROGRAM
    #[command(hide = true)]
    Launch(LaunchArguments),
}

#[derive(Debug, Subcommand)]
enum ServersCommand {
    /// Start them on fresh data and print the variables to `eval`; says so when they run
    Start {
        /// Another MariaDB than the system's, as Debian's packages bring it; fetched into .ledger/
        #[arg(long, value_name = "VERSION")]
        mariadb: Option<MariaDbRelease>,
        /// On another Kafka than the usual one, a series or a release (`4.1`, `4.1.0`); fetched into .ledger/
        #[arg(long, value_name = "VERSION")]
        kafka: Option<KafkaRelease>,
    },
    /// Stop them and remove their data
    Stop,
}

#[derive(Debug, clap::Args)]
struct LaunchArguments {
    #[arg(long)]
    run_dir: PathBuf,
    #[arg(long)]
    name: String,
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress::line(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: XtaskCommand) -> Result<()> {
    match command {
        XtaskCommand::Up(arguments) => up::run(&arguments),
        XtaskCommand::Down(arguments) => down::run(&arguments),
        XtaskCommand::Test { mariadb, kafka, cargo_test } => checks::run(mariadb, kafka, &cargo_test),
        XtaskCommand::Bench { names, events } => bench::run(&names, events),
        XtaskCommand::Chaos(arguments) => chaos::run(arguments),
        XtaskCommand::Mutants { cargo_mutants } => mutants::run(&cargo_mutants),
        XtaskCommand::Simulate(arguments) => simulate::run(arguments),
        XtaskCommand::Contracts { release } => contracts::run(release),
        XtaskCommand::Ledger { arguments } => operator::run(&arguments),
        XtaskCommand::Supervise(settings) => supervisor::run(&settings),
        XtaskCommand::Servers(ServersCommand::Start { mariadb, kafka }) => {
            by_hand::start(mariadb, kafka, &Interrupt::install()?)
        }
        XtaskCommand::Servers(ServersCommand::Stop) => by_hand::stop(),
        XtaskCommand::Launch(LaunchArguments { run_dir, name, command }) => {
            let (program, arguments) = command.split_first().context("no program")?;
            record::launch(&run_dir, &name, program, arguments)
        }
    }
}
