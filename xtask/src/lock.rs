//! Locks that let one command at a time work on the same servers or the same state. A lock is a locked file, so it ends
//! with its holder, however that ends.
//!
//! It must never refuse: the second command waits, and says so.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use anyhow::{Context, Result};

use crate::state_dir::StateDir;
use crate::{progress, repository};

/// Held for as long as another command must wait.
#[derive(Debug)]
pub struct CommandLock {
    _file: File,
}

/// One run of `cargo xtask NAME` at a time: two would wipe each other's servers.
///
/// # Errors
/// Any fault of the file system.
pub fn of_command(name: &str) -> Result<CommandLock> {
    let folder = repository::root().join(".ledger");
    fs::create_dir_all(&folder)?;
    take(&folder.join(format!("{name}.lock")), &format!("another `cargo xtask {name}` is at work; waiting for it"))
}

/// One command at a time that changes what runs: `up` and `down`.
///
/// # Errors
/// Any fault of the file system.
pub fn of_state(state: &StateDir) -> Result<CommandLock> {
    take(&state.root().join("command.lock"), "another command is at work here; waiting for it")
}

fn take(path: &Path, while_waiting: &str) -> Result<CommandLock> {
    let cannot = || format!("cannot lock {}", path.display());
    let file = File::create(path).with_context(cannot)?;
    match file.try_lock() {
        Ok(()) => return Ok(CommandLock { _file: file }),
        Err(TryLockError::WouldBlock) => progress::line(while_waiting),
        Err(TryLockError::Error(error)) => return Err(error).with_context(cannot),
    }
    file.lock().with_context(cannot)?;
    Ok(CommandLock { _file: file })
}
