//! `cargo xtask chaos`: builds everything, starts servers of its own and runs `e2e/src/bin/ledger-chaos/` on them, which
//! crashes and revives them too. `cargo xtask test` runs a bounded one.
//!
//! It must never inject or check anything itself. What a failed run left (data, logs) is kept until the next one.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;

use crate::interrupt::Interrupt;
use crate::jars::KafkaRelease;
use crate::mariadb_release::MariaDbRelease;
use crate::process::family::Family;
use crate::process::{OwnedProcess, ProcessCommand};
use crate::server::BrokerCount;
use crate::servers::Servers;
use crate::wrong_clock::WrongClock;
use crate::{cargo, install, lock, progress, repository};

const STOP_LIMIT: Duration = Duration::from_secs(30);

/// How much, and by which dice.
#[derive(Debug, Clone, Args)]
pub struct ChaosArguments {
    /// Orders that are placed, apart from receipts, adjustments and bad input
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    pub orders: u32,
    /// Decides the requests and the order of the faults
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Clients at the same time
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub clients: u32,
    /// Brokers: one, or three, of which two are killed at a time
    #[arg(long, default_value = "1")]
    pub brokers: BrokerCount,
    /// Another MariaDB than the system's, as Debian's packages bring it
    #[arg(long, value_name = "VERSION")]
    pub mariadb: Option<MariaDbRelease>,
    /// Another Kafka than the usual one, a series or a release: `4.1`
    #[arg(long, value_name = "VERSION")]
    pub kafka: Option<KafkaRelease>,
    /// Only faults whose name has this in it, as the report names them
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
}

impl ChaosArguments {
    /// The servers that it runs on, and crashes.
    #[must_use]
    pub fn servers(&self) -> Servers {
        Servers::for_chaos().on(self.mariadb).on_kafka(self.kafka.clone()).with_brokers(self.brokers)
    }
}

/// The run of `cargo xtask test`: every kind of fault once, about two minutes.
pub const BOUNDED: ChaosArguments = ChaosArguments {
    orders: 5_000,
    seed: 1,
    clients: 16,
    brokers: BrokerCount::One,
    mariadb: None,
    kafka: None,
    only: None,
};

/// `cargo xtask chaos`.
///
/// # Errors
/// When the build or the servers fail, or the audit finds a difference.
pub fn run(arguments: ChaosArguments) -> Result<()> {
    let interrupt = Interrupt::install()?;
    let _family = Family::adopt()?;
    install::install_missing()?;
    cargo::run_or_fail(&cargo::BUILD_FOR_CHECKS, &[], &interrupt)?;
    run_built(arguments, &interrupt)
}

/// The run itself; everything is built.
///
/// # Errors
/// As [`run`].
pub fn run_built(arguments: ChaosArguments, interrupt: &Interrupt) -> Result<()> {
    let _lock = lock::of_command("chaos")?;
    let servers = arguments.servers();
    servers.start_fresh(interrupt)?;
    let outcome = inject(&servers, &arguments, interrupt);
    let stopped = servers.stop();
    outcome?;
    stopped?;
    servers.wipe()
}

/// What makes clocks wrong. A brief run, as `cargo xtask test` has, leaves that out.
fn library_of_clocks(arguments: &ChaosArguments) -> Option<PathBuf> {
    if arguments.orders == BOUNDED.orders {
        return None;
    }
    let found = WrongClock::library();
    if let Err(error) = &found {
        progress::line(&format!("no clock will be wrong in this run: {error:#}"));
    }
    found.ok()
}

fn inject(servers: &Servers, arguments: &ChaosArguments, interrupt: &Interrupt) -> Result<()> {
    let ChaosArguments { orders, seed, clients, brokers, mariadb, kafka, only } = arguments;
    let mut command = ProcessCommand::new(repository::binary_dir().join("ledger-chaos"))
        .args([
            format!("--orders={orders}"),
            format!("--seed={seed}"),
            format!("--clients={clients}"),
            format!("--brokers={brokers}"),
        ])
        .args(mariadb.map(|release| format!("--mariadb={}", release.version())))
        .args(kafka.as_ref().map(|release| format!("--kafka={release}")))
        .args(only.as_ref().map(|only| format!("--only={only}")))
        .args(library_of_clocks(arguments).map(|path| format!("--wrong-clocks-by={}", path.display())));
    command.environment = servers.test_environment()?;
    let status = OwnedProcess::spawn_visible("ledger-chaos", &command)?.wait_unless(interrupt, STOP_LIMIT)?;
    let logs = servers.state().logs();
    ensure!(status.success(), "the fault test failed ({status}); logs are in {}", logs.display());
    Ok(())
}
