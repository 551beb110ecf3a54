//! A MariaDB of a test's own, for what would disturb the tests beside it: a server that is read-only, or a replica. It must never
//! outlive the test.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, Connection};
use xtask::credentials::Credentials;
use xtask::mariadb::{self, MariaDbSettings};
use xtask::ports;
use xtask::process::OwnedProcess;
use xtask::state_dir::{StateDir, TemporaryFolder, temporary_folder};

const START_LIMIT: Duration = Duration::from_secs(60);

/// A server that runs, and ends when it is dropped.
pub(crate) struct OwnServer {
    /// `host:port`.
    pub(crate) address: String,
    /// Ends with a slash.
    pub(crate) admin_url: String,
    password: String,
    state: StateDir,
    process: OwnedProcess,
    _folder: TemporaryFolder,
}

impl OwnServer {
    /// Starts one with more options. `like`: with the passwords of that one.
    pub(crate) fn start(purpose: &str, options: &[&str], like: Option<&Self>) -> Result<Self> {
        let folder = temporary_folder(purpose)?;
        let state = StateDir::at(folder.path());
        state.create()?;
        if let Some(like) = like {
            std::fs::copy(like.state.credentials(), state.credentials())?;
        }
        let address = ports::free_address()?;
        let credentials = Credentials::load_or_generate(&state.credentials(), address)?;
        let settings = MariaDbSettings { address, buffer_pool_mib: 64, release: None };
        let command = mariadb::prepare(&state, settings, &credentials)?;
        let command = command.args(options.iter().copied());
        let process = OwnedProcess::spawn(mariadb::NAME, &command, &state.log(mariadb::NAME))?;
        let said = |log: &Path| std::fs::read_to_string(log).unwrap_or_default();
        settings.probe().wait(START_LIMIT, || Ok(())).with_context(|| said(&state.log(mariadb::NAME)))?;
        let password = credentials.password("root").to_owned();
        let admin_url = format!("mysql://root:{password}@{address}/");
        Ok(Self { address: address.to_string(), admin_url, password, state, process, _folder: folder })
    }

    /// Executes a statement as root.
    pub(crate) async fn execute(&self, text: impl Into<String>) -> Result<()> {
        let mut connection = Box::pin(MySqlConnection::connect(&self.admin_url)).await?;
        sqlx::raw_sql(AssertSqlSafe(text.into())).execute(&mut connection).await?;
        connection.close().await?;
        Ok(())
    }

    /// Follows `primary` from its very beginning: what was made there is made here.
    pub(crate) async fn follow(&self, primary: &Self) -> Result<()> {
        let (host, port) = primary.address.rsplit_once(':').context("host:port")?;
        let password = &primary.password;
        self.execute(format!(
            "CHANGE MASTER TO MASTER_HOST = '{host}', MASTER_PORT = {port}, MASTER_USER = 'root', \
             MASTER_PASSWORD = '{password}', MASTER_LOG_FILE = 'binlog.000001', MASTER_LOG_POS = 4, \
             MASTER_CONNECT_RETRY = 1"
        ))
        .await?;
        self.execute("START SLAVE").await
    }

    pub(crate) fn stop(&self) -> Result<()> {
        self.process.terminate(Duration::from_secs(20)).map(drop)
    }
}
