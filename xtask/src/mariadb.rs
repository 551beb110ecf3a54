//! A private MariaDB: its data folder is made once, its command line says all its settings, and the
//! system's own configuration is never read.
//!
//! It runs as the owner of the state folder, also where that is root: the user `mysql` cannot enter a
//! folder below one that only root may enter, such as a clone in root's home.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::atomic_file::{self, Readers};
use crate::credentials::Credentials;
use crate::mariadb_release::{self, MariaDbRelease, Programs};
use crate::probe::Probe;
use crate::process::ProcessCommand;
use crate::state_dir::{StateDir, temporary_folder};

/// Its name in `log/` and `run/`.
pub const NAME: &str = "mariadb";

/// A path in the data folder, where the server has its working folder: a socket's path has at most
/// 107 bytes, and a clone may lie deep.
const SOCKET: &str = "mariadb.sock";

/// The settings that do not depend on where it runs. A commit is on the disk when it is acknowledged.
pub const SETTINGS: [&str; 7] = [
    "--innodb-log-file-size=256M",
    "--innodb-flush-log-at-trx-commit=1",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--max-allowed-packet=64M",
    "--max-connections=300",
    "--character-set-server=utf8mb4",
];

/// How it is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MariaDbSettings {
    /// Where it listens.
    pub address: SocketAddr,
    /// The memory for pages, in MiB.
    pub buffer_pool_mib: u32,
    /// Which MariaDB; the system's where absent.
    pub release: Option<MariaDbRelease>,
}

impl MariaDbSettings {
    /// How its readiness is checked.
    #[must_use]
    pub fn probe(&self) -> Probe {
        Probe::MariaDb(self.address)
    }
}

/// Makes the data folder unless it is there, writes what is executed at the start, and answers the
/// command that runs the server.
///
/// # Errors
/// When the data folder cannot be made; the message holds what the installer said.
pub fn prepare(state: &StateDir, settings: MariaDbSettings, credentials: &Credentials) -> Result<ProcessCommand> {
    let data = state.data().join(NAME);
    let scratch = state.data().join("mariadb-scratch");
    let programs = mariadb_release::programs(settings.release)?;
    create_data_folder(&data, &programs)?;
    fs::create_dir_all(&scratch)?;
    let init_file = state.run().join("mariadb-init.sql");
    atomic_file::write(&init_file, credentials.to_init_sql().as_bytes(), Readers::Owner)?;
    Ok(ProcessCommand::new(programs.server)
        .arg("--no-defaults")
        .args(run_as())
        .args(programs.base.map(|base| option("--basedir", &base)))
        .arg(option("--datadir", &data))
        .arg(option("--tmpdir", &scratch))
        .arg(option("--init-file", &init_file))
        .arg(format!("--socket={SOCKET}"))
        .arg("--pid-file=mariadb.pid")
        .arg(format!("--bind-address={}", settings.address.ip()))
        .arg(format!("--port={}", settings.address.port()))
        .arg(format!("--innodb-buffer-pool-size={}M", settings.buffer_pool_mib))
        .args(SETTINGS))
}

fn option(name: &str, path: &Path) -> std::ffi::OsString {
    let mut text = std::ffi::OsString::from(name);
    text.push("=");
    text.push(path);
    text
}

/// Root must say that it means to be root.
fn run_as() -> Option<&'static str> {
    nix::unistd::geteuid().is_root().then_some("--user=root")
}

/// Made under another name and renamed: a folder that is there is complete.
fn create_data_folder(data: &Path, programs: &Programs) -> Result<()> {
    if data.is_dir() {
        return Ok(());
    }
    let new: PathBuf = data.with_extension("new");
    atomic_file::remove_folder(&new)?;
    // The installer is a shell script that stumbles over a space in a path: it is given others.
    let folder = data.parent().context("the data folder has a parent")?;
    let short = temporary_folder("mariadb")?;
    symlink(folder, short.path().join("data"))?;
    let shown = short.path().join("data").join(new.file_name().unwrap_or_default());
    let mut command = Command::new(&programs.installer);
    // A MariaDB that starts deletes every temporary table it finds where its own would lie, those of
    // another one at work too: the installer does not share /tmp with whatever else starts there.
    command.env("TMPDIR", short.path());
    command.arg("--no-defaults").args(run_as()).arg(option("--datadir", &shown));
    if let Some(base) = &programs.base {
        symlink(base, short.path().join("base"))?;
        command.arg(option("--basedir", &short.path().join("base")));
    }
    command.args(["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]);
    let output = command.stdin(Stdio::null()).output().context("cannot run mariadb-install-db")?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    ensure!(output.status.success(), "mariadb-install-db failed: {}", said.trim());
    fs::rename(&new, data)?;
    Ok(atomic_file::sync_folder_of(data)?)
}
