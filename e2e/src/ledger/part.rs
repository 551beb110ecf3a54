//! One long-running part of a ledger: how it is started, started again, and awaited. It must never decide when.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use xtask::probe;
use xtask::process::{OwnedProcess, ProcessCommand};

const READY_LIMIT: Duration = Duration::from_secs(30);

/// A running part and the address it answers at.
pub struct Part {
    pub process: OwnedProcess,
    pub address: SocketAddr,
    pub(super) command: ProcessCommand,
    pub(super) log: PathBuf,
}

impl Part {
    pub(super) fn start(name: &str, command: ProcessCommand, address: SocketAddr, folder: &Path) -> Result<Self> {
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

    /// As [`Self::restart`], but this once with more variables.
    ///
    /// # Errors
    /// As [`Self::restart`].
    pub fn restart_with(&mut self, variables: &[(&str, &str)]) -> Result<()> {
        self.restart_as(self.command.program.clone(), variables)
    }

    /// # Errors
    /// When it is not ready in time; the message has the log.
    pub fn wait_ready(&self) -> Result<()> {
        probe::wait_for_http(&format!("http://{}/readyz", self.address), READY_LIMIT).with_context(|| {
            match std::fs::read_to_string(&self.log) {
                Ok(log) => log,
                Err(error) => format!("{} cannot be read: {error}", self.log.display()),
            }
        })
    }
}
