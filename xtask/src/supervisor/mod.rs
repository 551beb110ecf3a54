//! The supervisor: one detached process that starts the parts in order, starts again what dies, and
//! stops everything in reverse order when it gets SIGTERM.
//!
//! `up` and `up --detach` both use it, so a part is looked after in the same way whether somebody
//! watches or not. It must never outlive a stop with a part still running; when it is itself killed, the parts' records
//! let the next command find them. Reading order: [`status`] (what it reports), `part` (one part), this file (all of
//! them).

mod part;
pub mod status;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::addresses::Addresses;
use crate::credentials::Credentials;
use crate::interrupt::Interrupt;
use crate::parts::{self, PartSpec};
use crate::process::OwnedProcess;
use crate::process::record::{OWN_PROGRAM, ProcessRecord};
use crate::samples;
use crate::state_dir::StateDir;
use part::{Change, Part};
use status::{Failure, Phase, Status};

/// Its own name in `log/` and `run/`.
pub const NAME: &str = "supervisor";

/// The name that it has on the command line of `xtask`.
pub const COMMAND: &str = "supervise";

const POLL_INTERVAL: Duration = Duration::from_millis(50);
const MIGRATE_LIMIT: Duration = Duration::from_secs(60);

/// A part that ends this often before everything was ready will not get better by itself.
const ENDS_BEFORE_READY: u32 = 4;

/// The settings that `up` passes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub struct Settings {
    /// The state folder
    #[arg(long)]
    pub state: PathBuf,
    /// Whether to leave an empty ledger empty
    #[arg(long)]
    pub empty: bool,
}

/// A failure with the log that says more.
#[derive(Debug)]
struct Blamed {
    error: anyhow::Error,
    log: Option<PathBuf>,
}

impl<E: Into<anyhow::Error>> From<E> for Blamed {
    fn from(error: E) -> Self {
        Self { error: error.into(), log: None }
    }
}

struct Supervisor {
    state: StateDir,
    launcher: PathBuf,
    interrupt: Interrupt,
    parts: Vec<Part>,
    status: Status,
}

/// `xtask supervise`: runs until SIGTERM or SIGINT.
///
/// # Errors
/// When another one is at work, or something did not start (which is in the status, too).
pub fn run(settings: &Settings) -> Result<()> {
    // A session of its own: the terminal that starts it may close. It is not a group's leader, so
    // the only fault would be that it leads one already, which serves as well.
    let _ = nix::unistd::setsid();
    let interrupt = Interrupt::install()?;
    let state = StateDir::at(&settings.state);
    let _lock = lock(&state)?;
    let record = ProcessRecord::new(&state.run(), NAME);
    record.write_own()?;
    let launcher = PathBuf::from(OWN_PROGRAM);
    let status = Status::begin();
    let mut supervisor = Supervisor { state, launcher, interrupt, parts: Vec::new(), status };
    let outcome = supervisor.run(settings);
    let stopped = supervisor.stop_all();
    supervisor.tell_end(outcome, stopped)?;
    Ok(record.remove()?)
}

fn lock(state: &StateDir) -> Result<File> {
    let file = File::create(state.root().join("supervisor.lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("another supervisor is at work in {}", state.root().display()),
        Err(TryLockError::Error(error)) => Err(error).context("cannot lock the state folder"),
    }
}

impl Supervisor {
    fn run(&mut self, settings: &Settings) -> Result<(), Blamed> {
        self.start_everything(settings)?;
        self.status.phase = Phase::Ready;
        self.report()?;
        while !self.interrupt.is_set() {
            if self.look_after_all()? {
                self.report()?;
            }
            thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    fn start_everything(&mut self, settings: &Settings) -> Result<(), Blamed> {
        let addresses = Addresses::load(&self.state)?;
        let credentials = Credentials::load_or_generate(&self.state.credentials(), addresses.mariadb)?;
        let state = self.state.clone();
        let servers = self
            .step("preparing MariaDB and Kafka", |_| Ok(parts::prepare_servers(&state, &addresses, &credentials)?))?;
        self.step("starting MariaDB and Kafka", |this| this.start_parts(servers))?;
        self.step("making the database, its users, the tables and the topics", |this| {
            this.migrate(&addresses, &credentials)
        })?;
        let own = parts::prepare_own(&self.state, &addresses, &credentials)?;
        self.step("starting the order services, the projector and the gateway", |this| this.start_parts(own))?;
        if !settings.empty {
            self.step("playing the samples where the ledger is empty", |this| this.play_samples(&addresses))?;
        }
        Ok(())
    }

    /// Reports what is being done, does it, and reports how long it took.
    fn step<T>(&mut self, text: &str, work: impl FnOnce(&mut Self) -> Result<T, Blamed>) -> Result<T, Blamed> {
        self.status.doing = Some(text.to_owned());
        self.report()?;
        let begin = Instant::now();
        let result = work(self)?;
        self.status.doing = None;
        self.status.steps.push((text.to_owned(), begin.elapsed()));
        self.report()?;
        Ok(result)
    }

    /// Starts them all at once and waits until each is ready.
    fn start_parts<const N: usize>(&mut self, specs: [PartSpec; N]) -> Result<(), Blamed> {
        let first = self.parts.len();
        for spec in specs {
            self.parts.push(Part::start(spec, &self.state, &self.launcher)?);
        }
        self.report()?;
        for index in first..self.parts.len() {
            self.wait_until_ready(index)?;
        }
        Ok(())
    }

    fn wait_until_ready(&mut self, index: usize) -> Result<(), Blamed> {
        let begin = Instant::now();
        loop {
            self.look_after_all_before_ready()?;
            let Some(part) = self.parts.get(index) else { return Ok(()) };
            let Err(error) = part.spec().probe.check() else { return Ok(()) };
            if begin.elapsed() >= part.spec().start_limit {
                let text = format!("{} is not ready after {} s", part.spec().name, begin.elapsed().as_secs());
                return Err(Blamed { error: error.context(text), log: Some(part.log().to_path_buf()) });
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    fn look_after_all_before_ready(&mut self) -> Result<(), Blamed> {
        self.interrupt.check()?;
        if self.look_after_all()? {
            self.report()?;
        }
        match self.parts.iter().find(|part| part.early_ends_in_a_row() >= ENDS_BEFORE_READY) {
            Some(part) => Err(Blamed {
                error: anyhow::anyhow!("{} ended {ENDS_BEFORE_READY} times right after its start", part.spec().name),
                log: Some(part.log().to_path_buf()),
            }),
            None => Ok(()),
        }
    }

    /// Answers whether something changed. A part that cannot be started is tried again: a full disk
    /// or table of processes passes, and the others need looking after all the same.
    fn look_after_all(&mut self) -> Result<bool> {
        let mut changed = false;
        for part in &mut self.parts {
            let name = part.spec().name;
            match part.look_after() {
                Ok(Change::None) => continue,
                Ok(Change::Ended(status)) => log(&format!("{name} ended ({status})")),
                Ok(Change::Started) => log(&format!("{name} was started again")),
                Err(error) => log(&format!("{name}: {error:#}")),
            }
            changed = true;
        }
        Ok(changed)
    }

    fn migrate(&mut self, addresses: &Addresses, credentials: &Credentials) -> Result<(), Blamed> {
        let log = self.state.log("migrate");
        let command = parts::migrate_command(&self.state, addresses, credentials)?;
        let process = OwnedProcess::spawn("ledger migrate", &command, &log)?;
        let begin = Instant::now();
        let blame = |error| Blamed { error, log: Some(log.clone()) };
        while begin.elapsed() < MIGRATE_LIMIT {
            self.look_after_all_before_ready()?;
            match process.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(blame(anyhow::anyhow!("`ledger migrate` failed ({status})"))),
                None => thread::sleep(POLL_INTERVAL),
            }
        }
        Err(blame(anyhow::anyhow!("`ledger migrate` was not done after {} s", MIGRATE_LIMIT.as_secs())))
    }

    /// In a thread of its own: a part that dies meanwhile is started again as at any time.
    fn play_samples(&mut self, addresses: &Addresses) -> Result<(), Blamed> {
        let (state, addresses) = (self.state.clone(), addresses.clone());
        let player = thread::spawn(move || samples::play_where_empty(&state, &addresses));
        while !player.is_finished() {
            self.look_after_all_before_ready()?;
            thread::sleep(POLL_INTERVAL);
        }
        self.status.samples = player.join().ok().context("playing the samples panicked")??;
        Ok(())
    }

    fn stop_all(&mut self) -> Result<()> {
        self.status.doing = Some("stopping everything".to_owned());
        self.report()?;
        let mut outcome = Ok(());
        for part in self.parts.iter_mut().rev() {
            let begin = Instant::now();
            outcome = outcome.and(part.stop());
            log(&format!("stopped {} in {} ms", part.spec().name, begin.elapsed().as_millis()));
        }
        outcome
    }

    fn report(&mut self) -> Result<()> {
        self.status.parts = self.parts.iter().map(Part::status).collect();
        self.status.write(&self.state)
    }

    fn tell_end(&mut self, outcome: Result<(), Blamed>, stopped: Result<()>) -> Result<()> {
        self.status.doing = None;
        let was_interrupted = self.interrupt.is_set();
        self.status.phase = if was_interrupted { Phase::Stopped } else { Phase::Failed };
        let failure = outcome.err().or_else(|| stopped.err().map(Blamed::from));
        if let Some(Blamed { error, log: guilty }) = failure.filter(|_| !was_interrupted) {
            log(&format!("error: {error:#}"));
            self.status.failure = Some(Failure { reason: format!("{error:#}"), log: guilty });
        }
        self.parts.clear();
        self.report()
    }
}

/// Its output is its log.
fn log(text: &str) {
    crate::progress::line(text);
}

/// The log that a failure points at, or the supervisor's own.
#[must_use]
pub fn guilty_log(state: &StateDir, failure: &Failure) -> PathBuf {
    failure.log.as_deref().map_or_else(|| state.log(NAME), Path::to_path_buf)
}
