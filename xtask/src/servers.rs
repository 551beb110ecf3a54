//! A Kafka and a MariaDB of their own for tests: `cargo xtask test` starts them on fresh data and
//! stops them again; `cargo xtask servers` keeps a pair running for single tests by hand.
//!
//! `cargo xtask bench` and `cargo xtask chaos` have a pair each; that of chaos is crashed and revived on purpose. They
//! never touch the data or the ports of `up`.

use std::env;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::credentials::Credentials;
use crate::interrupt::Interrupt;
use crate::kafka::{self, KafkaSettings};
use crate::mariadb::{self, MariaDbSettings};
use crate::probe::Probe;
use crate::process::ProcessCommand;
use crate::process::record::{OWN_PROGRAM, ProcessRecord};
use crate::progress::Step;
use crate::state_dir::StateDir;
use crate::{atomic_file, install, jars, parts, ports, repository};

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// Kafka's heap and MariaDB's pages for tests, in MiB.
const TEST_MEMORY_MIB: (u32, u32) = (512, 256);

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// The database.
    MariaDb,
    /// The broker.
    Kafka,
}

impl Server {
    /// Its name in `log/` and `run/`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MariaDb => mariadb::NAME,
            Self::Kafka => kafka::NAME,
        }
    }
}

/// Where a pair of servers lives and listens.
#[derive(Debug, Clone)]
pub struct Servers {
    state: StateDir,
    kafka: KafkaSettings,
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
            kafka: KafkaSettings {
                address: address(kafka_port),
                controller_address: address(kafka_port + 1),
                heap_mib,
            },
            mariadb: MariaDbSettings { address: address(mariadb_port), buffer_pool_mib },
        }
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
        ports::check_free("Kafka", self.kafka.address)?;
        ports::check_free("Kafka's controller", self.kafka.controller_address)?;
        ports::check_free("MariaDB", self.mariadb.address)?;
        let jars = jars::fetch()?;
        let step =
            Step::begin(format!("starting Kafka on {} and MariaDB on {}", self.kafka.address, self.mariadb.address));
        let credentials = self.credentials()?;
        let mariadb = mariadb::prepare(&self.state, self.mariadb, &credentials)?;
        let kafka = kafka::prepare(&self.state, self.kafka, &jars)?;
        let started = self.start_both(&mariadb, &kafka, interrupt);
        if started.is_err() {
            self.stop()?;
        }
        started?;
        step.done();
        Ok(())
    }

    /// SIGKILL to one of the two, by its record, as a crash. Returns once nothing of it is left.
    ///
    /// # Errors
    /// When it does not run or cannot be killed.
    pub fn crash(&self, server: Server) -> Result<()> {
        ProcessRecord::new(&self.state.run(), server.name()).kill()
    }

    /// Starts one of the two again, on the data it left, and waits until it is ready. The process is the caller's to
    /// reap; it outlives the caller, and [`Self::stop`] finds it.
    ///
    /// # Errors
    /// When it does not start.
    pub fn revive(&self, server: Server, interrupt: &Interrupt) -> Result<Child> {
        let (command, probe) = match server {
            Server::MariaDb => {
                (mariadb::prepare(&self.state, self.mariadb, &self.credentials()?)?, self.mariadb.probe())
            }
            Server::Kafka => (kafka::prepare(&self.state, self.kafka, &jars::folder())?, self.kafka.probe()),
        };
        let mut child = self.spawn(server.name(), &command)?;
        self.wait_for(&mut child, server.name(), &probe, interrupt)?;
        Ok(child)
    }

    fn start_both(&self, mariadb: &ProcessCommand, kafka: &ProcessCommand, interrupt: &Interrupt) -> Result<()> {
        let mut mariadb = self.spawn(mariadb::NAME, mariadb)?;
        let mut kafka = self.spawn(kafka::NAME, kafka)?;
        self.wait_for(&mut mariadb, mariadb::NAME, &self.mariadb.probe(), interrupt)?;
        self.wait_for(&mut kafka, kafka::NAME, &self.kafka.probe(), interrupt)
    }

    fn spawn(&self, name: &str, command: &ProcessCommand) -> Result<Child> {
        let launcher = launcher()?;
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

    /// Stops both, by their records. Answers whether one of them ran.
    ///
    /// # Errors
    /// When one cannot be ended.
    pub fn stop(&self) -> Result<bool> {
        let mut one_ran = false;
        for name in [kafka::NAME, mariadb::NAME] {
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
            variable("LEDGER_TEST_KAFKA_BROKERS", self.kafka.address.to_string()),
            variable("LEDGER_TEST_ADMIN_DATABASE_URL", admin_url),
            variable("LEDGER_TEST_BIN_DIR", repository::binary_dir().display().to_string()),
        ])
    }
}

/// The xtask binary: our own path, or beside us where another binary uses this library.
fn launcher() -> Result<PathBuf> {
    let own = env::current_exe().context("our own path is unknown")?;
    // The kernel says "xtask (deleted)" once cargo has replaced the file.
    let is_own = own.file_name().is_some_and(|name| name.to_string_lossy().starts_with("xtask"));
    Ok(if is_own { PathBuf::from(OWN_PROGRAM) } else { own.with_file_name("xtask") })
}

/// `cargo xtask servers start`: starts the pair, or says that it runs, and prints what to `eval`.
///
/// # Errors
/// As [`Servers::start_fresh`].
pub fn start_for_hand(interrupt: &Interrupt) -> Result<()> {
    install::install_missing()?;
    let servers = Servers::for_hand();
    let ready = servers.mariadb.probe().check().is_ok() && servers.kafka.probe().check().is_ok();
    let ours = ProcessRecord::new(&servers.state.run(), mariadb::NAME).running().is_some();
    if !(ready && ours) {
        servers.start_fresh(interrupt)?;
    }
    for (name, value) in servers.test_environment()? {
        crate::progress::result(&format!("export {name}='{value}'"));
    }
    Ok(())
}

/// `cargo xtask servers stop`.
///
/// # Errors
/// When one cannot be ended.
pub fn stop_for_hand() -> Result<()> {
    let servers = Servers::for_hand();
    let text = if servers.stop()? { "stopped" } else { "nothing ran" };
    crate::progress::line(text);
    servers.wipe()
}
