//! `cargo xtask down`: stops what `up` started, by its records, and with `--wipe` removes the data.
//!
//! It never signals a process that it does not know again (see [`crate::process::identity`]).

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use crate::process::record::ProcessRecord;
use crate::progress::{self, Step};
use crate::state_dir::StateDir;
use crate::{atomic_file, lock, parts, supervisor};

/// The supervisor stops the parts one after the other, each within a limit of its own.
const SUPERVISOR_LIMIT: Duration = Duration::from_secs(120);
const ORPHAN_LIMIT: Duration = Duration::from_secs(20);

/// The flags of `down`.
#[derive(Debug, Clone, Args)]
pub struct DownArguments {
    /// Remove the data, the logs and the passwords too
    #[arg(long)]
    wipe: bool,
    /// Where the state lives
    #[arg(long, env = "LEDGER_STATE_DIR", default_value = ".ledger")]
    state_dir: PathBuf,
}

/// Runs it.
///
/// # Errors
/// When something survives even SIGKILL, or the data cannot be removed.
pub fn run(arguments: &DownArguments) -> Result<()> {
    let state = StateDir::at(&arguments.state_dir);
    if !state.root().is_dir() {
        progress::line("nothing runs");
        return Ok(());
    }
    let step = Step::begin("stopping");
    let something_ran = stop(&state)?;
    step.done();
    if !something_ran {
        progress::line("nothing ran");
    }
    if arguments.wipe {
        let _lock = lock::of_state(&state)?;
        // An `up` that waited for the lock may have begun meanwhile.
        stop(&state)?;
        for folder in [state.data(), state.logs(), state.run()] {
            atomic_file::remove_folder(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        progress::line("the data, the logs and the passwords are removed");
    }
    Ok(())
}

/// Makes the supervisor stop everything, then ends what an earlier, killed one left running.
/// Answers whether something ran.
///
/// # Errors
/// When something survives even SIGKILL.
pub fn stop(state: &StateDir) -> Result<bool> {
    let supervised = ProcessRecord::new(&state.run(), supervisor::NAME).end(SUPERVISOR_LIMIT)?;
    Ok(end_orphans(state)? || supervised)
}

/// Ends the parts that run without a supervisor. Answers whether there was one.
///
/// # Errors
/// When something survives even SIGKILL.
pub fn end_orphans(state: &StateDir) -> Result<bool> {
    let mut one_ran = false;
    for name in parts::NAMES.iter().rev() {
        let record = ProcessRecord::new(&state.run(), name);
        let ended = record.end(ORPHAN_LIMIT)?;
        if ended {
            progress::line(&format!("  ended {name}, which ran without its supervisor"));
        }
        one_ran |= ended;
    }
    Ok(one_ran)
}
