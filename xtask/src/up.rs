//! `cargo xtask up`: gets what is missing, starts the supervisor, shows what it does, then what runs
//! where; in the foreground it then shows the logs until Ctrl-C.
//!
//! It starts nothing by itself but the supervisor, and never a second one.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use console::style;

use crate::addresses::Addresses;
use crate::interrupt::Interrupt;
use crate::jars::KafkaRelease;
use crate::logs::{self, LogFollower};
use crate::process::open_log;
use crate::process::record::{OWN_PROGRAM, ProcessRecord};
use crate::progress::{self, Step};
use crate::state_dir::StateDir;
use crate::supervisor::status::{Failure, PartStatus, Phase, Status};
use crate::supervisor::{self, Settings};
use crate::{atomic_file, down, install, lock, parts, ports, repository, table};

const POLL_INTERVAL: Duration = Duration::from_millis(100);
const TAIL_LINES: usize = 25;

/// A log above this size is set aside when its part is started by a new `up`, in bytes.
const LOG_LIMIT: u64 = 64 * 1024 * 1024;

/// The flags of `up`.
#[derive(Debug, Clone, Args)]
pub struct UpArguments {
    /// Return once everything is ready, and leave it running
    #[arg(long)]
    detach: bool,
    /// Leave an empty ledger empty: play no samples
    #[arg(long)]
    empty: bool,
    /// Where the state lives
    #[arg(long, env = "LEDGER_STATE_DIR", default_value = ".ledger")]
    state_dir: PathBuf,
    /// Where built binaries lie; with it nothing is built
    #[arg(long, env = "LEDGER_BINARY_DIR", value_name = "DIR")]
    binary_dir: Option<PathBuf>,
    #[command(flatten)]
    addresses: Addresses,
}

/// Runs it.
///
/// # Errors
/// When something is missing, taken, or does not start; the message says what and why.
pub fn run(arguments: &UpArguments) -> Result<()> {
    let interrupt = Interrupt::install()?;
    let state = StateDir::at(&arguments.state_dir);
    state.create()?;
    let lock = lock::of_state(&state)?;
    if ProcessRecord::new(&state.run(), supervisor::NAME).running().is_some() {
        return show_what_runs(&state);
    }
    let begin = Instant::now();
    prepare(&state, arguments)?;
    interrupt.check()?;
    progress::section("Starting");
    let settings = Settings { state: state.root().to_path_buf(), empty: arguments.empty };
    start_supervisor(&state, &settings)?;
    let status = follow_start(&state, &interrupt)?;
    drop(lock);
    progress::done("everything is ready", begin.elapsed());
    show_samples(&status);
    show_parts(&state, &status);
    show_next_things(&arguments.addresses);
    if arguments.detach { Ok(()) } else { show_logs_until_interrupted(&state, &interrupt) }
}

/// All that needs no running part.
fn prepare(state: &StateDir, arguments: &UpArguments) -> Result<()> {
    down::end_orphans(state)?;
    for (purpose, address) in arguments.addresses.named() {
        ports::check_free(purpose, address)?;
    }
    install::install_missing()?;
    match &arguments.binary_dir {
        Some(folder) => link_binaries(state, &repository::root().join(folder))?,
        None => {
            build()?;
            link_binaries(state, &repository::binary_dir())?;
        }
    }
    KafkaRelease::default().fetch()?;
    set_long_logs_aside(state)?;
    arguments.addresses.save(state)
}

fn build() -> Result<()> {
    progress::section("Building the order service and the projector");
    let begin = Instant::now();
    let mut command = Command::new(repository::cargo());
    command.args(["build", "--release", "--package", "order-service", "--package", "ledger"]);
    let status = command.current_dir(repository::root()).stdin(Stdio::null()).status().context("cannot run cargo")?;
    ensure!(status.success(), "the build failed");
    progress::done("built", begin.elapsed());
    Ok(())
}

fn link_binaries(state: &StateDir, folder: &Path) -> Result<()> {
    for name in parts::BINARIES {
        let (link, target) = (state.bin().join(name), folder.join(name));
        ensure!(target.is_file(), "{} is not there", target.display());
        atomic_file::remove(&link)?;
        symlink(&target, &link).with_context(|| format!("cannot make the link {}", link.display()))?;
    }
    Ok(())
}

/// The supervisor runs from a copy: cargo replaces the original at the next build.
fn copy_launcher(state: &StateDir) -> Result<PathBuf> {
    let (new, launcher) = (state.bin().join("xtask.new"), state.bin().join("xtask"));
    fs::copy(OWN_PROGRAM, &new).context("cannot copy our own program")?;
    fs::rename(&new, &launcher)?;
    Ok(launcher)
}

fn set_long_logs_aside(state: &StateDir) -> io::Result<()> {
    for name in parts::NAMES.iter().chain(&[supervisor::NAME]) {
        let log = state.log(name);
        if log.metadata().is_ok_and(|meta| meta.len() > LOG_LIMIT) {
            fs::rename(&log, log.with_extension("log.1"))?;
        }
    }
    Ok(())
}

fn start_supervisor(state: &StateDir, settings: &Settings) -> Result<()> {
    Status::forget(state)?;
    let log = open_log(&state.log(supervisor::NAME))?;
    let mut command = Command::new(copy_launcher(state)?);
    command.arg(supervisor::COMMAND).arg("--state").arg(&settings.state);
    if settings.empty {
        command.arg("--empty");
    }
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).current_dir("/");
    let mut child = command.spawn().context("cannot start the supervisor")?;
    // It outlives us; until then somebody must take its exit status.
    thread::spawn(move || child.wait());
    Ok(())
}

/// Shows each step of the supervisor as it is done, until everything is ready.
fn follow_start(state: &StateDir, interrupt: &Interrupt) -> Result<Status> {
    let mut shown = 0;
    let mut step: Option<(String, Step)> = None;
    let record = ProcessRecord::new(&state.run(), supervisor::NAME);
    let begin = Instant::now();
    loop {
        if interrupt.is_set() {
            down::stop(state)?;
            bail!("interrupted; what was started is stopped");
        }
        // Its life is looked at first: what it wrote last is then complete.
        let alive =
            record.running().is_some() || begin.elapsed() < Duration::from_secs(5) && Status::read(state).is_none();
        if let Some(status) = Status::read(state) {
            show_steps(&status, &mut shown, &mut step);
            match status.phase {
                Phase::Ready => return Ok(status),
                Phase::Starting => {}
                Phase::Stopped => bail!("it was stopped while it started"),
                Phase::Failed => bail!(explain(state, status.failure)),
            }
        }
        if !alive {
            bail!(explain(state, None));
        }
        thread::sleep(POLL_INTERVAL);
    }
}

fn show_steps(status: &Status, shown: &mut usize, step: &mut Option<(String, Step)>) {
    for (text, took) in status.steps.iter().skip(*shown) {
        match step.take() {
            Some((begun, step)) if begun == *text => step.done(),
            _ => progress::done(text, *took),
        }
        *shown += 1;
    }
    if let Some(doing) = &status.doing
        && step.as_ref().is_none_or(|(begun, _)| begun != doing)
    {
        *step = Some((doing.clone(), Step::begin(doing.clone())));
    }
}

/// The reason with the tail of the log that says more.
fn explain(state: &StateDir, failure: Option<Failure>) -> String {
    let unknown = Failure { reason: "the supervisor ended without a word".to_owned(), log: None };
    let failure = failure.unwrap_or(unknown);
    let log = supervisor::guilty_log(state, &failure);
    let tail = logs::tail(&log, TAIL_LINES);
    format!("{}\nthe end of {}:\n{tail}", failure.reason, shown_path(&log))
}

fn show_samples(status: &Status) {
    for sample in &status.samples {
        progress::result(&format!("\n{}\n{}", sample.title, table::render(&sample.header, &sample.rows)));
    }
}

fn show_parts(state: &StateDir, status: &Status) {
    let row = |part: &PartStatus| {
        let pid = part.pid.map_or_else(|| "not running".to_owned(), |pid| pid.to_string());
        vec![
            part.name.clone(),
            part.address.to_string(),
            pid,
            part.restarts.to_string(),
            shown_path(&state.log(&part.name)),
        ]
    };
    let rows: Vec<Vec<String>> = status.parts.iter().map(row).collect();
    let header = ["part", "address", "pid", "restarts", "log"];
    progress::result(&format!("\nWhat runs where\n{}", table::render(&header, &rows)));
}

fn show_next_things(addresses: &Addresses) {
    let gateway = addresses.gateway;
    progress::result(&format!(
        "\nThe next things to try\n\
         \x20 http://{gateway}/              the live page: stock, orders as they are decided, a form to place them\n\
         \x20 curl -i http://{gateway}/stock/chocolate\n\
         \x20 curl -i http://{gateway}/orders -H 'content-type: application/json' -H 'prefer: wait=5' \\\n\
         \x20   -d '{{\"userId\":\"me\",\"productId\":\"chocolate\",\"quantity\":1,\"unitPrice\":250}}'\n\
         \x20 http://{gateway}/docs          the REST calls, to read and to try\n\
         \x20 cargo xtask ledger status             how far the projection is\n\
         \x20 cargo xtask down                      stop everything; --wipe removes the data too"
    ));
}

fn show_what_runs(state: &StateDir) -> Result<()> {
    let status = Status::read(state).context("it runs, but does not say what")?;
    progress::result("It runs already; nothing was changed.");
    show_parts(state, &status);
    show_next_things(&Addresses::load(state)?);
    Ok(())
}

fn show_logs_until_interrupted(state: &StateDir, interrupt: &Interrupt) -> Result<()> {
    progress::result("\nThe logs follow; Ctrl-C stops everything.");
    let names = parts::NAMES.iter().chain(&[supervisor::NAME]);
    let mut followers: Vec<LogFollower> = names.map(|name| LogFollower::from_end(name, state.log(name))).collect();
    let record = ProcessRecord::new(&state.run(), supervisor::NAME);
    while !interrupt.is_set() {
        let alive = record.running().is_some();
        for (index, follower) in followers.iter_mut().enumerate() {
            let name = style(format!("{:15}", follower.name())).color256(31 + u8::try_from(index).unwrap_or(0) * 6);
            for line in follower.new_lines()? {
                progress::result(&format!("{name} {line}"));
            }
        }
        if !alive {
            return said_goodbye(state);
        }
        thread::sleep(POLL_INTERVAL);
    }
    let step = Step::begin("stopping everything");
    down::stop(state)?;
    step.done();
    Ok(())
}

/// The supervisor ended, though not by us.
fn said_goodbye(state: &StateDir) -> Result<()> {
    match Status::read(state) {
        Some(Status { phase: Phase::Stopped, .. }) => {
            progress::line("stopped by another command");
            Ok(())
        }
        status => bail!(explain(state, status.and_then(|status| status.failure))),
    }
}

/// A path as short as it can be said.
fn shown_path(path: &Path) -> String {
    let root = repository::root();
    path.strip_prefix(&root).unwrap_or(path).display().to_string()
}
