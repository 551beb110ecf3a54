//! A projector alone, of any build, over a log that is there: a database and topics of its own, but for the log. It must never write to the log.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use sqlx::mysql::MySqlPoolOptions;
use sqlx::{AssertSqlSafe, MySqlPool};
use xtask::ports;

use super::part::Part;
use super::program::{Running, command, start_program};
use super::servers::{Servers, environment};

const STOP_GRACE: Duration = Duration::from_secs(15);

/// It ends when it is dropped; its database and its users stay until [`Self::finish`].
pub struct Alone {
    pub projector: Part,
    name: String,
    servers: Servers,
}

impl Alone {
    /// Makes the tables by `program migrate` and starts `program project`, which folds `orders_topic` from its beginning.
    ///
    /// # Errors
    /// When the program cannot be started, or refuses.
    pub fn start(servers: &Servers, purpose: &str, orders_topic: &str, program: &Path, folder: &Path) -> Result<Self> {
        let name = format!("{purpose}_{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
        let mut environment = environment(servers, &name)?;
        for (variable, value) in &mut environment {
            if variable == "LEDGER_ORDERS_TOPIC" {
                orders_topic.clone_into(value);
            }
        }
        let program = servers.binaries.join(program);
        let (status, said) = migrate(&program, &environment, folder)?.wait()?;
        anyhow::ensure!(status.success(), "{} migrate ended with {status}: {said}", program.display());
        let address = ports::free_address()?;
        let command = command(program, &environment).arg("project").env("LEDGER_PROJECTOR_LISTEN", address.to_string());
        let projector = Part::start("projector-alone", command, address, folder)?;
        Ok(Self { projector, name, servers: servers.clone() })
    }

    /// Its own database, with every right.
    ///
    /// # Errors
    /// When MariaDB cannot be reached.
    pub async fn database(&self) -> Result<MySqlPool> {
        let url = format!("{}{}", self.servers.admin_url, self.name);
        Ok(Box::pin(MySqlPoolOptions::new().max_connections(2).connect(&url)).await?)
    }

    /// Stops it and removes its database.
    ///
    /// # Errors
    /// When it does not stop cleanly.
    pub async fn finish(self) -> Result<()> {
        let pool = self.database().await?;
        let projector = self.projector;
        tokio::task::spawn_blocking(move || projector.process.terminate(STOP_GRACE)).await??;
        sqlx::raw_sql(AssertSqlSafe(format!("DROP DATABASE `{}`", self.name))).execute(&pool).await?;
        Ok(())
    }
}

fn migrate(program: &Path, environment: &[(String, String)], folder: &Path) -> Result<Running> {
    start_program(program, environment, &[], folder, &["migrate"])
}
