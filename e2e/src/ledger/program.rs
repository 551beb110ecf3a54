//! Commands of `ledger` against a ledger: started, awaited, and what they printed. It must never know what they do.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use xtask::process::{OwnedProcess, ProcessCommand};

use super::servers::Servers;

/// Far above what any takes: a rebuild of 300,000 records beside everything that a fault run does took more than a minute.
const COMMAND_LIMIT: Duration = Duration::from_secs(300);

/// A command of `ledger` that runs.
pub struct Running {
    pub process: OwnedProcess,
    log: PathBuf,
}

impl Running {
    /// Waits for its end; answers its status and output (stdout, then stderr).
    ///
    /// # Errors
    /// When it does not end, or its output cannot be read.
    pub fn wait(&self) -> Result<(ExitStatus, String)> {
        let status = self.process.wait(COMMAND_LIMIT)?;
        let output = std::fs::read_to_string(&self.log);
        Ok((status, output.with_context(|| format!("{} cannot be read", self.log.display()))?))
    }
}

pub(super) fn command(program: PathBuf, environment: &[(String, String)]) -> ProcessCommand {
    environment.iter().fold(ProcessCommand::new(program), |command, (name, value)| command.env(name, value))
}

pub(super) fn run_ledger(
    servers: &Servers,
    environment: &[(String, String)],
    folder: &Path,
    args: &[&str],
) -> Result<()> {
    let (code, output) = run_command(servers, environment, folder, args)?;
    ensure!(code == 0, "ledger {args:?} ended with {code}: {output}");
    Ok(())
}

pub(super) fn run_command(
    servers: &Servers,
    environment: &[(String, String)],
    folder: &Path,
    args: &[&str],
) -> Result<(i32, String)> {
    let (status, output) = start_program(&servers.binaries.join("ledger"), environment, &[], folder, args)?.wait()?;
    let code = status.code().with_context(|| format!("`ledger {}` ended without a code: {status}", args.join(" ")))?;
    Ok((code, output))
}

pub(super) fn start_program(
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
