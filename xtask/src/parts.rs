//! The parts of `up`: what each is called, how it is run and how its readiness is checked.
//!
//! This is the one place that knows the settings of the binaries by name. It must never give a part the
//! database address of another user than its own. Read [`crate::supervisor`] for who keeps them running.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::addresses::Addresses;
use crate::credentials::Credentials;
use crate::gateway;
use crate::jars::KafkaRelease;
use crate::kafka::{self, ClusterId, KafkaSettings, Node};
use crate::mariadb::{self, MariaDbSettings};
use crate::probe::Probe;
use crate::process::ProcessCommand;
use crate::state_dir::StateDir;

/// The first order service.
pub const SERVICE_A: &str = "order-service-a";
/// The second order service.
pub const SERVICE_B: &str = "order-service-b";
/// The projector with its relay.
pub const PROJECTOR: &str = "projector";

/// All parts in the order in which they are started; they are stopped the other way round.
pub const NAMES: [&str; 6] = [mariadb::NAME, kafka::NAME, SERVICE_A, SERVICE_B, PROJECTOR, gateway::NAME];

/// The binaries that are linked in `bin/`.
pub const BINARIES: [&str; 2] = ["order-service", "ledger"];

/// Memory of MariaDB's pages and of Kafka's heap, in MiB.
pub(crate) const BUFFER_POOL_MIB: u32 = 512;
pub(crate) const HEAP_MIB: u32 = 1024;

/// One part.
#[derive(Debug, Clone)]
pub struct PartSpec {
    /// Its name in `log/` and `run/`.
    pub name: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
    /// How it is run.
    pub command: ProcessCommand,
    /// How its readiness is checked.
    pub probe: Probe,
    /// How long it may take to be ready.
    pub start_limit: Duration,
    /// How long it may take to stop after SIGTERM.
    pub stop_limit: Duration,
}

/// MariaDB and Kafka. Both are prepared at the same time: the first time each takes a second or two.
///
/// # Errors
/// When one cannot be prepared.
pub fn prepare_servers(state: &StateDir, addresses: &Addresses, credentials: &Credentials) -> Result<[PartSpec; 2]> {
    let mariadb_settings =
        MariaDbSettings { address: addresses.mariadb, buffer_pool_mib: BUFFER_POOL_MIB, release: None };
    let kafka_settings = KafkaSettings {
        node: Node::Whole,
        address: addresses.kafka,
        controller_address: addresses.kafka_controller,
        heap_mib: HEAP_MIB,
    };
    let cluster = ClusterId::random()?;
    let (mariadb_command, kafka_command) = std::thread::scope(|scope| {
        let kafka = scope.spawn(|| kafka::prepare(state, kafka_settings, &cluster, &KafkaRelease::default().folder()));
        let mariadb = mariadb::prepare(state, mariadb_settings, credentials);
        (mariadb, kafka.join())
    });
    let kafka_command = kafka_command.ok().context("preparing Kafka panicked")??;
    let limits = (Duration::from_secs(60), Duration::from_secs(30));
    let part = |name, address, command, probe| PartSpec {
        name,
        address,
        command,
        probe,
        start_limit: limits.0,
        stop_limit: limits.1,
    };
    Ok([
        part(mariadb::NAME, addresses.mariadb, mariadb_command?, mariadb_settings.probe()),
        part(kafka::NAME, addresses.kafka, kafka_command, kafka_settings.probe()),
    ])
}

/// What runs once before the services: makes the database, its users, the tables and the topics.
///
/// # Errors
/// When a user has no address.
pub fn migrate_command(state: &StateDir, addresses: &Addresses, credentials: &Credentials) -> Result<ProcessCommand> {
    let command = ProcessCommand::new(state.bin().join("ledger")).arg("migrate");
    Ok(operator_environment(addresses, credentials)
        .into_iter()
        .fold(command, |command, (name, value)| command.env(&name, value)))
}

/// What an operator's command finds in its environment: the addresses and all credentials.
#[must_use]
pub fn operator_environment(addresses: &Addresses, credentials: &Credentials) -> Vec<(String, String)> {
    let mut environment: Vec<(String, String)> =
        credentials.database_urls().into_iter().map(|(name, url)| (name.to_owned(), url)).collect();
    environment.push(("LEDGER_KAFKA_BROKERS".to_owned(), addresses.kafka.to_string()));
    environment.push(("LEDGER_PROJECTOR_LISTEN".to_owned(), addresses.projector.to_string()));
    environment.push(("LEDGER_URL".to_owned(), format!("http://{}", addresses.gateway)));
    environment.push(("LEDGER_PROJECTOR_URL".to_owned(), format!("http://{}", addresses.projector)));
    environment
}

/// The order services, the projector and the gateway.
///
/// # Errors
/// When the gateway's configuration cannot be written.
pub fn prepare_own(state: &StateDir, addresses: &Addresses, credentials: &Credentials) -> Result<[PartSpec; 4]> {
    let service = |name, letter: &str, address: SocketAddr| -> Result<PartSpec> {
        let command = ProcessCommand::new(state.bin().join("order-service"))
            .env("LEDGER_SERVICE_NAME", letter)
            .env("LEDGER_SERVICE_LISTEN", address.to_string());
        own_part(name, address, with_servers(command, addresses, credentials, "ledger_reader")?)
    };
    let projector = ProcessCommand::new(state.bin().join("ledger"))
        .arg("project")
        .env("LEDGER_PROJECTOR_LISTEN", addresses.projector.to_string());
    let projector = with_servers(projector, addresses, credentials, "ledger_projector")?;
    let upstreams = [addresses.service_a, addresses.service_b];
    let gateway = gateway::prepare(&state.run().join("nginx"), addresses.gateway, &upstreams)?;
    Ok([
        service(SERVICE_A, "a", addresses.service_a)?,
        service(SERVICE_B, "b", addresses.service_b)?,
        own_part(PROJECTOR, addresses.projector, projector)?,
        own_part(gateway::NAME, addresses.gateway, gateway)?,
    ])
}

fn own_part(name: &'static str, address: SocketAddr, command: ProcessCommand) -> Result<PartSpec> {
    let probe = Probe::Http(format!("http://{address}/readyz"));
    let limits = (Duration::from_secs(30), Duration::from_secs(20));
    Ok(PartSpec { name, address, command, probe, start_limit: limits.0, stop_limit: limits.1 })
}

fn with_servers(
    command: ProcessCommand,
    addresses: &Addresses,
    credentials: &Credentials,
    user: &str,
) -> Result<ProcessCommand> {
    let (variable, url) = credentials.database_url(user).context("an unknown database user")?;
    Ok(command.env("LEDGER_KAFKA_BROKERS", addresses.kafka.to_string()).env(variable, url))
}
