//! A whole ledger for one test: database, users, topics, two services, projector and gateway of its own, on the servers
//! that `cargo xtask test` runs.

use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sqlx::mysql::MySqlPoolOptions;
use sqlx::{AssertSqlSafe, MySqlPool};
use xtask::process::{OwnedProcess, ProcessCommand};
use xtask::state_dir::{TemporaryFolder, temporary_folder};
use xtask::{gateway, ports, probe};

use crate::auditor::Topics;
use crate::client::Client;

const READY_LIMIT: Duration = Duration::from_secs(30);
const STOP_GRACE: Duration = Duration::from_secs(15);
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// The servers, as `cargo xtask test` names them.
#[derive(Debug, Clone)]
pub struct Servers {
    pub brokers: String,
    /// Ends with a slash: `mysql://root:password@host:port/`.
    pub admin_url: String,
    pub binaries: PathBuf,
}

impl Servers {
    /// # Panics
    /// When the tests were not started by `cargo xtask test`.
    pub fn from_environment() -> Self {
        let variable = |name: &str| match env::var(name) {
            Ok(value) => value,
            Err(_) => panic!("{name} is not set: run `cargo xtask test`"),
        };
        Self {
            brokers: variable("LEDGER_TEST_KAFKA_BROKERS"),
            admin_url: variable("LEDGER_TEST_ADMIN_DATABASE_URL"),
            binaries: PathBuf::from(variable("LEDGER_TEST_BIN_DIR")),
        }
    }
}

/// A running part and the address it answers at.
pub struct Part {
    pub process: OwnedProcess,
    pub address: SocketAddr,
    command: ProcessCommand,
    log: PathBuf,
}

impl Part {
    fn start(name: &str, command: ProcessCommand, address: SocketAddr, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let process = OwnedProcess::spawn(name, &command, &log)?;
        Ok(Self { process, address, command, log })
    }

    /// Starts it anew, with the same command, after it ended or was killed.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn restart(&mut self) -> Result<()> {
        let name = self.process.name().to_owned();
        self.process = OwnedProcess::spawn(&name, &self.command, &self.log)?;
        Ok(())
    }

    /// As [`Self::restart`], but this once as another program, with more variables.
    ///
    /// # Errors
    /// As [`Self::restart`].
    pub fn restart_as(&mut self, program: PathBuf, variables: &[(&str, &str)]) -> Result<()> {
        let command = ProcessCommand { program, ..self.command.clone() };
        let command = variables.iter().fold(command, |command, (name, value)| command.env(name, *value));
        let name = self.process.name().to_owned();
        self.process = OwnedProcess::spawn(&name, &command, &self.log)?;
        Ok(())
    }

    /// # Errors
    /// When it is not ready in time; the message has the log.
    pub fn wait_ready(&self) -> Result<()> {
        probe::wait_for_http(&format!("http://{}/readyz", self.address), READY_LIMIT)
            .with_context(|| std::fs::read_to_string(&self.log).unwrap_or_default())
    }
}

/// A command of `ledger` that runs.
pub struct Running {
    pub process: OwnedProcess,
    log: PathBuf,
}

impl Running {
    /// Waits for its end; answers its status and output (stdout, then stderr).
    ///
    /// # Errors
    /// When it does not end.
    pub fn wait(&self) -> Result<(ExitStatus, String)> {
        let status = self.process.wait(COMMAND_LIMIT)?;
        Ok((status, std::fs::read_to_string(&self.log).unwrap_or_default()))
    }
}

/// Where a ledger runs, when not as most tests want it.
#[derive(Debug, Clone)]
pub struct Place {
    pub servers: Servers,
    /// Logs go there and stay; into a temporary folder where absent.
    pub folder: Option<PathBuf>,
    /// Where the projectors find the database, when something stands between.
    pub projector_database: Option<SocketAddr>,
}

/// The whole. Processes end when it is dropped.
pub struct Ledger {
    pub servers: Servers,
    /// Unique suffix of everything that it made.
    pub name: String,
    pub gateway: Part,
    pub service_a: Part,
    pub service_b: Part,
    pub projector: Part,
    folder: PathBuf,
    _temporary: Option<TemporaryFolder>,
    environment: Vec<(String, String)>,
    projector_database: Option<SocketAddr>,
}

impl Ledger {
    /// Starts everything and waits until it is ready.
    ///
    /// # Errors
    /// With the log of the part that is not.
    pub async fn start(purpose: &str) -> Result<Self> {
        let place = Place { servers: Servers::from_environment(), folder: None, projector_database: None };
        Self::start_in(place, purpose).await
    }

    /// As [`Self::start`], elsewhere.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_in(place: Place, purpose: &str) -> Result<Self> {
        let name = format!("{purpose}_{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
        let purpose = purpose.to_owned();
        tokio::task::spawn_blocking(move || Self::start_blocking(place, name, &purpose)).await?
    }

    fn start_blocking(place: Place, name: String, purpose: &str) -> Result<Self> {
        let Place { servers, folder, projector_database } = place;
        let temporary = folder.is_none().then(|| temporary_folder(purpose)).transpose()?;
        let folder = folder.or(temporary.as_ref().map(|made| made.path().to_owned())).unwrap_or_default();
        let environment = environment(&servers, &name)?;
        run_ledger(&servers, &environment, &folder, &["migrate"])?;
        let service = |letter: &str| -> Result<Part> {
            let address = ports::free_address()?;
            let command = command(servers.binaries.join("order-service"), &environment)
                .env("LEDGER_SERVICE_NAME", letter)
                .env("LEDGER_SERVICE_LISTEN", address.to_string());
            Part::start(&format!("order-service-{letter}"), command, address, &folder)
        };
        let (service_a, service_b) = (service("a")?, service("b")?);
        let projector = start_projector("projector", &servers, &environment, projector_database, &folder)?;
        for part in [&service_a, &service_b, &projector] {
            part.wait_ready()?;
        }
        let gateway_address = ports::free_address()?;
        let upstreams = [service_a.address, service_b.address];
        let gateway_folder = folder.join("gateway");
        let gateway = Part {
            process: gateway::start(gateway_address, &upstreams, &gateway_folder)?,
            address: gateway_address,
            command: gateway::prepare(&gateway_folder, gateway_address, &upstreams)?,
            log: gateway_folder.join("gateway.log"),
        };
        Ok(Self {
            servers,
            name,
            gateway,
            service_a,
            service_b,
            projector,
            folder,
            _temporary: temporary,
            environment,
            projector_database,
        })
    }

    /// Starts one more projector of the same consumer group.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_another_projector(&self, name: &str) -> Result<Part> {
        start_projector(name, &self.servers, &self.environment, self.projector_database, &self.folder)
    }

    /// A client of the gateway, of service A, and of service B.
    ///
    /// # Errors
    /// When an HTTP client cannot be made.
    pub fn clients(&self) -> Result<(Client, Client, Client)> {
        let client = |part: &Part| Client::new(part.address);
        Ok((client(&self.gateway)?, client(&self.service_a)?, client(&self.service_b)?))
    }

    /// The name of one of its topics: `orders`, `outcomes`, ..
    pub fn topic(&self, which: &str) -> String {
        format!("{}.{which}", self.name)
    }

    /// The topics that the auditor reads.
    pub fn topics(&self) -> Topics {
        let (orders, outcomes) = (self.topic("orders"), self.topic("outcomes"));
        Topics { orders, outcomes, dead_letters: self.topic("dead-letters") }
    }

    /// A connection pool with every right, on its own database.
    ///
    /// # Errors
    /// When MariaDB cannot be reached.
    pub async fn database(&self) -> Result<MySqlPool> {
        let url = format!("{}{}", self.servers.admin_url, self.name);
        Ok(MySqlPoolOptions::new().max_connections(4).connect(&url).await?)
    }

    /// Runs `ledger ARGS..` against it; answers exit code and output (stdout, then stderr).
    ///
    /// # Errors
    /// When it cannot be started or does not end.
    pub async fn run(&self, args: &[&str]) -> Result<(i32, String)> {
        let (servers, environment) = (self.servers.clone(), self.environment.clone());
        let folder = self.folder.clone();
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let run = move || {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            run_command(&servers, &environment, &folder, &args)
        };
        tokio::task::spawn_blocking(run).await?
    }

    /// Starts `ledger ARGS..` against it and does not wait; stdout and stderr go to the process's log.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_command(&self, args: &[&str]) -> Result<OwnedProcess> {
        Ok(self.start_program("ledger", &[], args)?.process)
    }

    /// Starts `PROGRAM ARGS..` against it, with more variables. The program is `ledger`, or built like it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_program(&self, program: &str, variables: &[(&str, &str)], args: &[&str]) -> Result<Running> {
        start_program(&self.servers.binaries.join(program), &self.environment, variables, &self.folder, args)
    }

    /// Stops the parts in order and removes what it made on the servers.
    ///
    /// # Errors
    /// When a part does not stop cleanly.
    pub async fn finish(self) -> Result<()> {
        let pool = self.database().await?;
        tokio::task::spawn_blocking(move || -> Result<()> {
            for part in [&self.gateway, &self.service_a, &self.service_b, &self.projector] {
                part.process.terminate(STOP_GRACE)?;
            }
            Ok(())
        })
        .await??;
        let name = pool.connect_options().get_database().unwrap_or_default().to_owned();
        sqlx::raw_sql(AssertSqlSafe(format!("DROP DATABASE `{name}`"))).execute(&pool).await?;
        Ok(())
    }
}

/// Names and addresses for every binary. Users are named after the test: MariaDB's users are global, and tests run side
/// by side.
fn environment(servers: &Servers, name: &str) -> Result<Vec<(String, String)>> {
    let (_, server) = servers.admin_url.rsplit_once('@').context("the administrator's URL has no host")?;
    let url = |role: &str| format!("mysql://{role}_{name}:e2e@{server}{name}");
    let pairs = [
        ("LEDGER_KAFKA_BROKERS", servers.brokers.clone()),
        ("LEDGER_ORDERS_TOPIC", format!("{name}.orders")),
        ("LEDGER_OUTCOMES_TOPIC", format!("{name}.outcomes")),
        ("LEDGER_DEAD_LETTERS_TOPIC", format!("{name}.dead-letters")),
        ("LEDGER_CURSORS_TOPIC", format!("{name}.cursors")),
        ("LEDGER_CONSUMER_GROUP", format!("{name}.projector")),
        ("LEDGER_ADMIN_DATABASE_URL", format!("{}{name}", servers.admin_url)),
        ("LEDGER_OWNER_DATABASE_URL", url("owner")),
        ("LEDGER_PROJECTOR_DATABASE_URL", url("projector")),
        ("LEDGER_READER_DATABASE_URL", url("reader")),
    ];
    Ok(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn command(program: PathBuf, environment: &[(String, String)]) -> ProcessCommand {
    environment.iter().fold(ProcessCommand::new(program), |command, (name, value)| command.env(name, value))
}

fn start_projector(
    name: &str,
    servers: &Servers,
    environment: &[(String, String)],
    database: Option<SocketAddr>,
    folder: &Path,
) -> Result<Part> {
    let address = ports::free_address()?;
    let mut command = command(servers.binaries.join("ledger"), environment)
        .arg("project")
        .env("LEDGER_PROJECTOR_LISTEN", address.to_string());
    if let Some(database) = database {
        let variable = "LEDGER_PROJECTOR_DATABASE_URL";
        let direct = environment.iter().find(|(name, _)| name == variable).map(|(_, url)| url.as_str());
        let (login, rest) = direct.and_then(|url| url.split_once('@')).context("the projector's URL has no host")?;
        let (_, name) = rest.split_once('/').context("the projector's URL has no database")?;
        command = command.env(variable, format!("{login}@{database}/{name}"));
    }
    Part::start(name, command, address, folder)
}

fn run_ledger(servers: &Servers, environment: &[(String, String)], folder: &Path, args: &[&str]) -> Result<()> {
    let (code, output) = run_command(servers, environment, folder, args)?;
    ensure!(code == 0, "ledger {args:?} ended with {code}: {output}");
    Ok(())
}

fn run_command(
    servers: &Servers,
    environment: &[(String, String)],
    folder: &Path,
    args: &[&str],
) -> Result<(i32, String)> {
    let (status, output) = start_program(&servers.binaries.join("ledger"), environment, &[], folder, args)?.wait()?;
    Ok((status.code().unwrap_or(-1), output))
}

fn start_program(
    program: &Path,
    environment: &[(String, String)],
    variables: &[(&str, &str)],
    folder: &Path,
    args: &[&str],
) -> Result<Running> {
    let log = folder.join(format!("ledger-{}.log", uuid::Uuid::new_v4().simple()));
    let command = command(program.to_owned(), environment).args(args.iter().copied());
    let command = variables.iter().fold(command, |command, (name, value)| command.env(name, *value));
    let process = OwnedProcess::spawn("ledger", &command, &log)?;
    Ok(Running { process, log })
}
