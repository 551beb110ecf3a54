//! A Kafka and a MariaDB of their own for tests: `cargo xtask test` starts them on fresh data and
//! stops them again; `cargo xtask servers` keeps a pair running for single tests by hand.
//!
//! `cargo xtask bench` and `cargo xtask chaos` have a pair each; that of chaos is crashed and revived on purpose, and
//! may have three brokers. They never touch the data or the ports of `up`. Read [`crate::by_hand`] for those of single
//! tests.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Child;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::credentials::Credentials;
use crate::interrupt::Interrupt;
use crate::jars::KafkaRelease;
use crate::kafka::{self, ClusterId, KafkaSettings, Node};
use crate::mariadb::{self, MariaDbSettings};
use crate::mariadb_release::MariaDbRelease;
use crate::probe::{self, Probe};
use crate::process::ProcessCommand;
use crate::process::record::{self, ProcessRecord};
use crate::progress::Step;
use crate::server::{BrokerCount, Server};
use crate::state_dir::StateDir;
use crate::{atomic_file, parts, ports, repository};

/// Four Javas at once on two cores that are busy with something else take their time.
const START_LIMIT: Duration = Duration::from_secs(150);
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// Kafka's heap and MariaDB's pages for tests, in MiB.
const TEST_MEMORY_MIB: (u32, u32) = (512, 256);
/// The heap of one of three brokers, in MiB.
const BROKER_HEAP_MIB: u32 = 384;
const CONTROLLER_HEAP_MIB: u32 = 192;

/// All names that a set of servers may run under, in the order in which they are stopped: a broker takes leave of the
/// controller.
const NODES: [Node; 5] = [Node::Whole, Node::Broker(1), Node::Broker(2), Node::Broker(3), Node::Controller];

/// Where a pair of servers lives and listens.
#[derive(Debug, Clone)]
pub struct Servers {
    state: StateDir,
    /// One whole node, or a controller and three brokers.
    kafka: Vec<KafkaSettings>,
    release: KafkaRelease,
    mariadb: MariaDbSettings,
}

impl Servers {
    /// The pair of `cargo xtask test`.
    #[must_use]
    pub fn for_tests() -> Self {
        Self::at(Path::new(".ledger/test"), 28092, 23316, TEST_MEMORY_MIB)
    }

    /// The pair of `cargo xtask servers`.
    #[must_use]
    pub fn for_hand() -> Self {
        Self::at(Path::new(".ledger/servers"), 28192, 23317, TEST_MEMORY_MIB)
    }

    /// The pair of `cargo xtask bench`, with the memory that `up` gives them.
    #[must_use]
    pub fn for_bench() -> Self {
        Self::at(Path::new(".ledger/bench"), 28292, 23318, (parts::HEAP_MIB, parts::BUFFER_POOL_MIB))
    }

    /// The pair of `cargo xtask chaos`.
    #[must_use]
    pub fn for_chaos() -> Self {
        Self::at(Path::new(".ledger/chaos"), 28392, 23319, TEST_MEMORY_MIB)
    }

    fn at(state: &Path, kafka_port: u16, mariadb_port: u16, (heap_mib, buffer_pool_mib): (u32, u32)) -> Self {
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self {
            state: StateDir::at(state),
            kafka: vec![KafkaSettings {
                node: Node::Whole,
                address: address(kafka_port),
                controller_address: address(kafka_port + 1),
                heap_mib,
            }],
            release: KafkaRelease::default(),
            mariadb: MariaDbSettings { address: address(mariadb_port), buffer_pool_mib, release: None },
        }
    }

    /// The same with another MariaDB than the system's, where `release` names one.
    #[must_use]
    pub fn on(mut self, release: Option<MariaDbRelease>) -> Self {
        self.mariadb.release = release;
        self
    }

    /// The same with another Kafka than the usual one, where `release` names one.
    #[must_use]
    pub fn on_kafka(mut self, release: Option<KafkaRelease>) -> Self {
        self.release = release.unwrap_or_default();
        self
    }

    /// The same with so many brokers: three have a controller of their own, on the ports after the first one's.
    #[must_use]
    pub fn with_brokers(mut self, count: BrokerCount) -> Self {
        let (BrokerCount::Three, [whole]) = (count, self.kafka.as_slice()) else { return self };
        let node = |node, offset, heap_mib| {
            let address = SocketAddr::from((whole.address.ip(), whole.address.port() + offset));
            KafkaSettings { node, address, controller_address: whole.controller_address, heap_mib }
        };
        self.kafka = vec![
            node(Node::Controller, 1, CONTROLLER_HEAP_MIB),
            node(Node::Broker(1), 0, BROKER_HEAP_MIB),
            node(Node::Broker(2), 2, BROKER_HEAP_MIB),
            node(Node::Broker(3), 3, BROKER_HEAP_MIB),
        ];
        self
    }

    /// Those that clients connect to.
    fn brokers(&self) -> impl Iterator<Item = &KafkaSettings> {
        self.kafka.iter().filter(|settings| settings.node != Node::Controller)
    }

    /// Their state folder.
    #[must_use]
    pub fn state(&self) -> &StateDir {
        &self.state
    }

    /// Starts both on fresh data and waits until they are ready.
    ///
    /// # Errors
    /// When a port is taken, or a server does not start; then both are stopped.
    pub fn start_fresh(&self, interrupt: &Interrupt) -> Result<()> {
        self.stop()?;
        self.wipe()?;
        self.state.create()?;
        for settings in self.brokers() {
            ports::check_free("Kafka", settings.address)?;
        }
        let controller = self.kafka.first().context("there is a Kafka")?.controller_address;
        ports::check_free("Kafka's controller", controller)?;
        ports::check_free("MariaDB", self.mariadb.address)?;
        let jars = self.release.fetch()?;
        if let Some(release) = self.mariadb.release {
            release.fetch()?;
        }
        let step =
            Step::begin(format!("starting Kafka on {} and MariaDB on {}", self.bootstrap(), self.mariadb.address));
        let credentials = self.credentials()?;
        let mariadb = mariadb::prepare(&self.state, self.mariadb, &credentials)?;
        let kafka = self.prepare_kafka(&jars)?;
        let started = self.start_all(&mariadb, &kafka, interrupt);
        if started.is_err() {
            self.stop()?;
        }
        started?;
        step.done();
        self.check_release()
    }

    /// All nodes at the same time: each formats its storage for a second or two.
    fn prepare_kafka(&self, jars: &Path) -> Result<Vec<ProcessCommand>> {
        let cluster = ClusterId::random()?;
        let prepare = |settings: &KafkaSettings| kafka::prepare(&self.state, *settings, &cluster, jars);
        std::thread::scope(|scope| {
            let nodes: Vec<_> = self.kafka.iter().map(|settings| scope.spawn(move || prepare(settings))).collect();
            nodes.into_iter().map(|node| node.join().ok().context("preparing Kafka panicked")?).collect()
        })
    }

    /// What was asked for must be what runs.
    pub(crate) fn check_release(&self) -> Result<()> {
        let Some(release) = self.mariadb.release else { return Ok(()) };
        let greeting = probe::mariadb_version(self.mariadb.address)?;
        ensure!(
            release.is(&greeting),
            "MariaDB {} was asked for, but {greeting} runs on {}; `cargo xtask servers stop` ends what runs there",
            release.version(),
            self.mariadb.address
        );
        crate::progress::line(&format!("  MariaDB is {greeting}"));
        Ok(())
    }

    /// SIGKILL to one of them, by its record, as a crash. Returns once nothing of it is left.
    ///
    /// # Errors
    /// When it does not run or cannot be killed.
    pub fn crash(&self, server: Server) -> Result<()> {
        ProcessRecord::new(&self.state.run(), server.name()).kill()
    }

    /// One of them stands still, with its sockets open, until [`Self::resume`].
    ///
    /// # Errors
    /// When it does not run, or the signal may not be sent.
    pub fn pause(&self, server: Server) -> Result<()> {
        ProcessRecord::new(&self.state.run(), server.name()).pause()
    }

    /// It goes on.
    ///
    /// # Errors
    /// As [`Self::pause`].
    pub fn resume(&self, server: Server) -> Result<()> {
        ProcessRecord::new(&self.state.run(), server.name()).resume()
    }

    /// Starts one of them again, on the data it left, and waits until it is ready. The process is the caller's to
    /// reap; it outlives the caller, and [`Self::stop`] finds it.
    ///
    /// # Errors
    /// When it does not start.
    pub fn revive(&self, server: Server, interrupt: &Interrupt) -> Result<Child> {
        let (command, probe) = match server {
            Server::MariaDb => {
                (mariadb::prepare(&self.state, self.mariadb, &self.credentials()?)?, self.mariadb.probe())
            }
            Server::Kafka(node) => {
                let settings = self.kafka.iter().find(|settings| settings.node == node).context("no such node runs")?;
                (
                    kafka::prepare(&self.state, *settings, &ClusterId::random()?, &self.release.folder())?,
                    settings.probe(),
                )
            }
        };
        let mut child = self.spawn(server.name(), &command)?;
        self.wait_for(&mut child, server.name(), &probe, interrupt)?;
        Ok(child)
    }

    fn start_all(&self, mariadb: &ProcessCommand, kafka: &[ProcessCommand], interrupt: &Interrupt) -> Result<()> {
        let mut mariadb = self.spawn(mariadb::NAME, mariadb)?;
        let mut nodes = Vec::new();
        for (settings, command) in self.kafka.iter().zip(kafka) {
            nodes.push((settings, self.spawn(settings.node.name(), command)?));
        }
        self.wait_for(&mut mariadb, mariadb::NAME, &self.mariadb.probe(), interrupt)?;
        let count = i32::try_from(self.brokers().count())?;
        // Brokers are ready once the controller is; it listens for nobody else.
        for (settings, child) in nodes.iter_mut().filter(|(settings, _)| settings.node != Node::Controller) {
            let probe = Probe::KafkaBrokers(settings.address, count);
            self.wait_for(child, settings.node.name(), &probe, interrupt)?;
        }
        Ok(())
    }

    fn spawn(&self, name: &str, command: &ProcessCommand) -> Result<Child> {
        let launcher = record::launcher()?;
        let record = ProcessRecord::new(&self.state.run(), name);
        record.spawn(&launcher, command, &self.state.log(name))
    }

    fn wait_for(&self, child: &mut Child, name: &str, probe: &Probe, interrupt: &Interrupt) -> Result<()> {
        let child = std::cell::RefCell::new(child);
        let give_up = || {
            interrupt.check()?;
            match child.borrow_mut().try_wait()? {
                Some(status) => bail!("it ended: {status}"),
                None => Ok(()),
            }
        };
        let log = self.state.log(name);
        probe.wait(START_LIMIT, give_up).with_context(|| format!("{name} did not start; see {}", log.display()))
    }

    /// Stops all, by their records. Answers whether one of them ran.
    ///
    /// # Errors
    /// When one cannot be ended.
    pub fn stop(&self) -> Result<bool> {
        let mut one_ran = false;
        for name in NODES.map(Node::name).into_iter().chain([mariadb::NAME]) {
            one_ran |= ProcessRecord::new(&self.state.run(), name).end(STOP_LIMIT)?;
        }
        Ok(one_ran)
    }

    /// Removes their data, logs and passwords.
    ///
    /// # Errors
    /// Any fault of the file system.
    pub fn wipe(&self) -> Result<()> {
        for folder in [self.state.data(), self.state.logs(), self.state.run()] {
            atomic_file::remove_folder(&folder)?;
        }
        Ok(())
    }

    /// The addresses that a client is given.
    fn bootstrap(&self) -> String {
        self.brokers().map(|settings| settings.address.to_string()).collect::<Vec<_>>().join(",")
    }

    /// Whether they run, started from here, and answer.
    pub(crate) fn is_running(&self) -> bool {
        let answers = self.mariadb.probe().check().is_ok() && self.brokers().all(|node| node.probe().check().is_ok());
        answers && ProcessRecord::new(&self.state.run(), mariadb::NAME).running().is_some()
    }

    fn credentials(&self) -> Result<Credentials> {
        Credentials::load_or_generate(&self.state.credentials(), self.mariadb.address)
    }

    /// The variables by which a test finds the servers and the built binaries.
    ///
    /// # Errors
    /// When the passwords cannot be read.
    pub fn test_environment(&self) -> Result<Vec<(String, String)>> {
        let credentials = self.credentials()?;
        let (_, admin_url) = credentials.database_url("root").context("root has an address")?;
        let variable = |name: &str, value: String| (name.to_owned(), value);
        Ok(vec![
            variable("LEDGER_TEST_KAFKA_BROKERS", self.bootstrap()),
            variable("LEDGER_TEST_ADMIN_DATABASE_URL", admin_url),
            variable("LEDGER_TEST_BIN_DIR", repository::binary_dir().display().to_string()),
        ])
    }
}
