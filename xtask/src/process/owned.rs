//! A child process that ends with its owner: on drop its whole group is killed and reaped. This is
//! what tests use to start, stop, kill and freeze services.
//!
//! It must never leave anything behind, also not when a test panics.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::command::{ProcessCommand, open_log};
use super::identity::{ProcessIdentity, ProcessStat};
use super::record::end_group;
use crate::interrupt::Interrupt;

const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A child in a process group of its own.
#[derive(Debug)]
pub struct OwnedProcess {
    name: String,
    log: Option<PathBuf>,
    identity: ProcessIdentity,
    child: Mutex<Child>,
}

impl OwnedProcess {
    /// Starts `command`, its output appended to `log`.
    ///
    /// # Errors
    /// When the log cannot be opened or the program cannot be started.
    pub fn spawn(name: &str, command: &ProcessCommand, log: &Path) -> Result<Self> {
        let output = open_log(log).with_context(|| format!("cannot open {}", log.display()))?;
        let (stdout, stderr) = (output.try_clone()?.into(), output.into());
        Self::spawn_with(name, command, stdout, stderr, Some(log.to_path_buf()))
    }

    /// Starts `command` with our own output.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn spawn_visible(name: &str, command: &ProcessCommand) -> Result<Self> {
        Self::spawn_with(name, command, Stdio::inherit(), Stdio::inherit(), None)
    }

    fn spawn_with(
        name: &str,
        command: &ProcessCommand,
        stdout: Stdio,
        stderr: Stdio,
        log: Option<PathBuf>,
    ) -> Result<Self> {
        let mut command = command.to_std();
        command.stdout(stdout).stderr(stderr).process_group(0);
        let child = command.spawn().with_context(|| format!("cannot start {name}: {command:?}"))?;
        let pid = i32::try_from(child.id()).context("a process number beyond 31 bits")?;
        // A child that has already ended is still a zombie: it has a line in /proc until reaped.
        let stat = ProcessStat::read(pid).with_context(|| format!("cannot read /proc/{pid}/stat"))?;
        let identity = ProcessIdentity::from_stat(&stat);
        Ok(Self { name: name.to_owned(), log, identity, child: Mutex::new(child) })
    }

    /// The name given at the start.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The log, where it has one.
    #[must_use]
    pub fn log(&self) -> Option<&Path> {
        self.log.as_deref()
    }

    /// The process number, which is also that of its group.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.identity.pid
    }

    /// Whether the leader still runs. Reaps it when it does not.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.try_wait(), Ok(None))
    }

    /// The exit status, once there is one.
    ///
    /// # Errors
    /// Any fault of `waitpid`.
    pub fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        self.child.lock().unwrap_or_else(std::sync::PoisonError::into_inner).try_wait()
    }

    /// Waits at most `limit` for the process to end by itself.
    ///
    /// # Errors
    /// When it does not.
    pub fn wait(&self, limit: Duration) -> Result<ExitStatus> {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.try_wait()? {
                return Ok(status);
            }
            if begin.elapsed() >= limit {
                bail!("{} (pid {}) still runs after {limit:?}", self.name, self.pid());
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Waits for the process to end by itself; an interrupt ends it, with SIGKILL when `grace` is over.
    ///
    /// # Errors
    /// When it was interrupted.
    pub fn wait_unless(&self, interrupt: &Interrupt, grace: Duration) -> Result<ExitStatus> {
        loop {
            if interrupt.is_set() {
                self.terminate(grace)?;
                bail!("interrupted");
            }
            if let Some(status) = self.try_wait()? {
                return Ok(status);
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Sends a signal to the whole group; a group that is gone is no error.
    ///
    /// # Errors
    /// When the signal may not be sent.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        // A leader that was reaped frees its number, so this is looked up among the children we still hold
        // or of a group that still has members.
        if !self.is_running() && self.identity.group_members().is_empty() {
            return Ok(());
        }
        match killpg(Pid::from_raw(self.pid()), signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("cannot send {signal} to {}", self.name)),
        }
    }

    /// SIGTERM, and SIGKILL when `grace` is over. Returns once the whole group is gone.
    ///
    /// # Errors
    /// When something survives even SIGKILL.
    pub fn terminate(&self, grace: Duration) -> Result<()> {
        // Zombies do not count as members, so reaping may come last.
        end_group(&self.identity, grace)?;
        self.child.lock().unwrap_or_else(std::sync::PoisonError::into_inner).wait()?;
        Ok(())
    }

    /// SIGKILL to the whole group, as a crash. Returns once the leader is gone.
    ///
    /// # Errors
    /// When the signal may not be sent.
    pub fn kill(&self) -> Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.child.lock().unwrap_or_else(std::sync::PoisonError::into_inner).wait()?;
        Ok(())
    }

    /// SIGSTOP: it keeps its sockets and answers nobody.
    ///
    /// # Errors
    /// When the signal may not be sent.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// SIGCONT: it goes on after [`Self::pause`].
    ///
    /// # Errors
    /// When the signal may not be sent.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }
}

impl Drop for OwnedProcess {
    fn drop(&mut self) {
        // Nobody is left who could act on it; a process that survives SIGKILL is the kernel's.
        let _ = self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_dir::temporary_folder;
    use std::fs;

    fn wait_for(mut condition: impl FnMut() -> bool) {
        let begin = Instant::now();
        while !condition() {
            assert!(begin.elapsed() < Duration::from_secs(10), "waited ten seconds in vain");
            thread::yield_now();
        }
    }

    #[test]
    fn output_goes_to_the_log_and_the_status_is_told() {
        let folder = temporary_folder("owned").unwrap();
        let log = folder.path().join("deep/echo.log");
        let command = ProcessCommand::new("sh").arg("-c").arg("echo $GREETING; exit 3").env("GREETING", "hello");
        let process = OwnedProcess::spawn("echo", &command, &log).unwrap();
        assert_eq!(process.wait(Duration::from_secs(10)).unwrap().code(), Some(3));
        assert_eq!(fs::read_to_string(log).unwrap(), "hello\n");
        process.signal(Signal::SIGTERM).unwrap();
    }

    #[test]
    fn it_ends_with_its_owner_together_with_what_it_started() {
        let folder = temporary_folder("owned").unwrap();
        let command = ProcessCommand::new("sh").arg("-c").arg("sleep 600 & sleep 600");
        let process = OwnedProcess::spawn("family", &command, &folder.path().join("log")).unwrap();
        let identity = process.identity.clone();
        wait_for(|| identity.group_members().len() == 3);
        drop(process);
        wait_for(|| identity.group_members().is_empty());
    }

    #[test]
    fn it_can_be_frozen_and_thawed_and_ended_politely_or_not() {
        let folder = temporary_folder("owned").unwrap();
        let command = ProcessCommand::new("sh").arg("-c").arg("trap '' TERM; exec sleep 600");
        let process = OwnedProcess::spawn("stubborn", &command, &folder.path().join("log")).unwrap();
        let state = || ProcessStat::read(process.pid()).map(|stat| stat.state);
        process.pause().unwrap();
        wait_for(|| state() == Some('T'));
        process.resume().unwrap();
        wait_for(|| state() != Some('T'));
        process.terminate(Duration::from_millis(50)).unwrap();
        assert!(!process.is_running());
    }
}
