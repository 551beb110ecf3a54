//! Processes that outlive the command that started them, and how a later command finds them again:
//! `run/NAME.pid` for people and other programs, `run/NAME.identity` for us.
//!
//! A recorded process writes its own record and then becomes the program (`xtask launch`), so there
//! is no moment in which it runs unrecorded. It must never believe anything but `.identity`: a pid file
//! that another program changed must not make us end a stranger.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use super::command::{ProcessCommand, open_log};
use super::identity::ProcessIdentity;
use crate::atomic_file::{self, Readers};

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How long the kernel may take to end a killed process before we say that it does not.
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// The name that `launch` has on the command line of `xtask`.
pub const LAUNCH_COMMAND: &str = "launch";

/// The program that runs, also when cargo has replaced or removed its file meanwhile.
pub const OWN_PROGRAM: &str = "/proc/self/exe";

/// The xtask binary: our own path, or beside us where another binary uses this library.
///
/// # Errors
/// When the kernel does not say what our own path is.
pub fn launcher() -> Result<PathBuf> {
    let own = env::current_exe().context("our own path is unknown")?;
    // The kernel says "xtask (deleted)" once cargo has replaced the file.
    let is_own = own.file_name().is_some_and(|name| name.to_string_lossy().starts_with("xtask"));
    Ok(if is_own { PathBuf::from(OWN_PROGRAM) } else { own.with_file_name("xtask") })
}

/// Where the record of one process lies.
#[derive(Debug, Clone)]
pub struct ProcessRecord {
    run_dir: PathBuf,
    name: String,
}

impl ProcessRecord {
    /// The record of `name` in `run_dir`.
    #[must_use]
    pub fn new(run_dir: &Path, name: &str) -> Self {
        Self { run_dir: run_dir.to_path_buf(), name: name.to_owned() }
    }

    /// The file with the number, for people and other programs.
    #[must_use]
    pub fn pid_file(&self) -> PathBuf {
        self.run_dir.join(format!("{}.pid", self.name))
    }

    fn identity_file(&self) -> PathBuf {
        self.run_dir.join(format!("{}.identity", self.name))
    }

    /// The process that was recorded last, whether it runs or not.
    #[must_use]
    pub fn read(&self) -> Option<ProcessIdentity> {
        serde_json::from_slice(&fs::read(self.identity_file()).ok()?).ok()
    }

    /// The recorded process, if it still runs.
    #[must_use]
    pub fn running(&self) -> Option<ProcessIdentity> {
        self.read().filter(ProcessIdentity::is_running)
    }

    /// Records the calling process.
    ///
    /// # Errors
    /// Any fault of the file system.
    pub fn write_own(&self) -> Result<()> {
        let pid = i32::try_from(std::process::id()).context("a process number beyond 31 bits")?;
        let identity = ProcessIdentity::of(pid).ok_or_else(|| anyhow!("cannot read /proc/{pid}/stat"))?;
        let json = serde_json::to_vec(&identity)?;
        atomic_file::write(&self.identity_file(), &json, Readers::Everyone)?;
        atomic_file::write(&self.pid_file(), format!("{pid}\n").as_bytes(), Readers::Everyone)?;
        Ok(())
    }

    /// Forgets the process.
    ///
    /// # Errors
    /// Any fault of the file system.
    pub fn remove(&self) -> io::Result<()> {
        atomic_file::remove(&self.pid_file())?;
        atomic_file::remove(&self.identity_file())
    }

    /// Starts `command` as a recorded process in a group of its own, its output appended to `log`.
    /// `launcher` is the xtask binary.
    ///
    /// # Errors
    /// When the launcher cannot be started.
    pub fn spawn(&self, launcher: &Path, command: &ProcessCommand, log: &Path) -> Result<Child> {
        fs::create_dir_all(&self.run_dir)?;
        let output = open_log(log).with_context(|| format!("cannot open {}", log.display()))?;
        let mut launch = ProcessCommand::new(launcher)
            .arg(LAUNCH_COMMAND)
            .arg("--run-dir")
            .arg(&self.run_dir)
            .arg("--name")
            .arg(&self.name)
            .arg("--")
            .arg(&command.program)
            .args(&command.arguments);
        launch.environment.clone_from(&command.environment);
        launch.current_dir.clone_from(&command.current_dir);
        let mut launch = launch.to_std();
        launch.stdout(output.try_clone()?).stderr(output).stdin(Stdio::null()).process_group(0);
        launch.spawn().with_context(|| format!("cannot start {} for {}", launcher.display(), self.name))
    }

    /// SIGKILL to the recorded process and its group, as a crash. Returns once nothing of it is left.
    ///
    /// # Errors
    /// When it does not run, or survives.
    pub fn kill(&self) -> Result<()> {
        let identity = self.running().with_context(|| format!("{} does not run", self.name))?;
        ignore_gone(killpg(Pid::from_raw(identity.pid), Signal::SIGKILL))?;
        if !wait_until(KILL_LIMIT, || identity.group_members().is_empty()) {
            bail!("{} (pid {}) survived SIGKILL", self.name, identity.pid);
        }
        Ok(())
    }

    /// SIGSTOP to the recorded process and its group: it keeps its sockets and answers nobody.
    ///
    /// # Errors
    /// When it does not run, or the signal may not be sent.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// SIGCONT: it goes on after [`Self::pause`].
    ///
    /// # Errors
    /// As [`Self::pause`].
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let identity = self.running().with_context(|| format!("{} does not run", self.name))?;
        killpg(Pid::from_raw(identity.pid), signal).with_context(|| format!("cannot send {signal} to {}", self.name))
    }

    /// Ends the recorded process and all that is left of its group, politely first; then forgets it.
    /// Answers whether there was anything to end.
    ///
    /// # Errors
    /// When something survives even SIGKILL.
    pub fn end(&self, grace: Duration) -> Result<bool> {
        let Some(identity) = self.read() else {
            self.remove()?;
            return Ok(false);
        };
        let was_there = end_group(&identity, grace).with_context(|| format!("cannot end {}", self.name))?;
        self.remove()?;
        Ok(was_there)
    }
}

/// Asks the leader to stop and waits at most `grace` for it, then kills what is left of the group: a
/// leader that stops well stops its own first. Answers whether there was anything to end.
///
/// # Errors
/// When something survives even SIGKILL.
pub fn end_group(identity: &ProcessIdentity, grace: Duration) -> Result<bool> {
    if identity.group_members().is_empty() {
        return Ok(false);
    }
    if identity.is_running() {
        ignore_gone(kill(Pid::from_raw(identity.pid), Signal::SIGTERM))?;
        // A stopped process (SIGSTOP) would not even see the request.
        ignore_gone(kill(Pid::from_raw(identity.pid), Signal::SIGCONT))?;
        wait_until(grace, || !identity.is_running());
    }
    if identity.group_members().is_empty() {
        return Ok(true);
    }
    ignore_gone(killpg(Pid::from_raw(identity.pid), Signal::SIGKILL))?;
    if wait_until(KILL_LIMIT, || identity.group_members().is_empty()) {
        return Ok(true);
    }
    bail!("process group {} survived SIGKILL: {:?}", identity.pid, identity.group_members())
}

fn wait_until(limit: Duration, condition: impl Fn() -> bool) -> bool {
    let begin = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if begin.elapsed() >= limit {
            return false;
        }
        thread::sleep(POLL_INTERVAL);
    }
}

fn ignore_gone(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(Errno::ESRCH) => Ok(()),
        other => other,
    }
}

/// `xtask launch`: records the calling process and becomes `program`. Returns only on failure.
///
/// # Errors
/// When the record cannot be written or the program cannot be executed.
pub fn launch(run_dir: &Path, name: &str, program: &OsString, arguments: &[OsString]) -> Result<()> {
    ProcessRecord::new(run_dir, name).write_own()?;
    let error = std::process::Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("cannot execute {}", program.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::OwnedProcess;
    use crate::state_dir::temporary_folder;

    fn sleeper(folder: &Path) -> OwnedProcess {
        let command = ProcessCommand::new("sleep").arg("600");
        OwnedProcess::spawn("sleeper", &command, &folder.join("sleeper.log")).unwrap()
    }

    fn record_of(process: &OwnedProcess, run_dir: &Path) -> ProcessRecord {
        let record = ProcessRecord::new(run_dir, "sleeper");
        let identity = ProcessIdentity::of(process.pid()).unwrap();
        fs::write(record.identity_file(), serde_json::to_vec(&identity).unwrap()).unwrap();
        fs::write(record.pid_file(), format!("{}\n", identity.pid)).unwrap();
        record
    }

    #[test]
    fn a_recorded_process_is_ended_and_forgotten() {
        let folder = temporary_folder("record").unwrap();
        let process = sleeper(folder.path());
        let record = record_of(&process, folder.path());
        assert!(record.running().is_some());
        assert!(record.end(Duration::from_secs(5)).unwrap());
        assert!(!process.is_running());
        assert!(!record.pid_file().exists());
        assert!(!record.end(Duration::from_secs(5)).unwrap(), "the second time there is nothing");
    }

    #[test]
    fn a_process_that_took_over_the_number_is_left_alone() {
        let folder = temporary_folder("record").unwrap();
        let process = sleeper(folder.path());
        let record = record_of(&process, folder.path());
        let mut identity = record.read().unwrap();
        identity.start_ticks -= 1;
        fs::write(record.identity_file(), serde_json::to_vec(&identity).unwrap()).unwrap();
        assert!(record.running().is_none());
        assert!(!record.end(Duration::from_secs(5)).unwrap());
        assert!(process.is_running());
    }

    #[test]
    fn what_the_leader_left_behind_is_ended_too() {
        let folder = temporary_folder("record").unwrap();
        let command = ProcessCommand::new("sh").arg("-c").arg("sleep 600 & sleep 600");
        let process = OwnedProcess::spawn("family", &command, &folder.path().join("log")).unwrap();
        let record = record_of(&process, folder.path());
        let identity = record.read().unwrap();
        let begin = Instant::now();
        while identity.group_members().len() < 3 {
            assert!(begin.elapsed() < Duration::from_secs(10));
            thread::yield_now();
        }
        kill(Pid::from_raw(identity.pid), Signal::SIGKILL).unwrap();
        while identity.is_running() {
            assert!(begin.elapsed() < Duration::from_secs(10));
            thread::yield_now();
        }
        assert!(!identity.group_members().is_empty());
        assert!(record.end(Duration::from_secs(5)).unwrap());
        assert!(identity.group_members().is_empty());
    }
}
