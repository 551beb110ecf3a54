//! A whole ledger for one test: database, users, topics, two services, projector and gateway of its own, on the servers
//! that `cargo xtask test` runs.
//!
//! It must never look into the tables or topics by itself; that is [`crate::auditor`]'s. Read `part`, `program`, `alone` and
//! `servers` for what it is made of.

mod alone;
mod part;
mod program;
mod servers;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use sqlx::mysql::MySqlPoolOptions;
use sqlx::{AssertSqlSafe, MySqlPool};
use xtask::process::OwnedProcess;
use xtask::state_dir::{TemporaryFolder, temporary_folder};
use xtask::{gateway, ports};

pub use alone::Alone;
pub use part::Part;
pub use program::Running;
use program::{command, run_command, run_ledger, start_program};
pub use servers::Servers;
use servers::environment;

use crate::auditor::Topics;
use crate::client::Client;

const STOP_GRACE: Duration = Duration::from_secs(15);

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
        let (folder, temporary) = match folder {
            Some(folder) => (folder, None),
            None => {
                let made = temporary_folder(purpose)?;
                (made.path().to_owned(), Some(made))
            }
        };
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
        Ok(Box::pin(MySqlPoolOptions::new().max_connections(4).connect(&url)).await?)
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
        let (pool, name) = (self.database().await?, self.name.clone());
        tokio::task::spawn_blocking(move || -> Result<()> {
            for part in [&self.gateway, &self.service_a, &self.service_b, &self.projector] {
                part.process.terminate(STOP_GRACE)?;
            }
            Ok(())
        })
        .await??;
        sqlx::raw_sql(AssertSqlSafe(format!("DROP DATABASE `{name}`"))).execute(&pool).await?;
        Ok(())
    }
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
