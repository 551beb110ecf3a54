//! What the supervisor reports: a file that is replaced in one step whenever something
//! changes. The commands read it; nothing is decided by it after a restart.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::atomic_file::{self, Readers};
use crate::samples::SampleTable;
use crate::state_dir::StateDir;

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Parts are being started, samples played.
    Starting,
    /// Everything was ready; from here on what dies is started again.
    Ready,
    /// Something did not start; everything was stopped.
    Failed,
    /// By a signal or a command; everything was stopped.
    Stopped,
}

/// One part as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartStatus {
    /// Its name in `log/` and `run/`.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its process, when it runs.
    pub pid: Option<i32>,
    /// How often it was started again.
    pub restarts: u32,
}

/// Why it failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The reason, for a person.
    pub reason: String,
    /// The log that says more.
    pub log: Option<PathBuf>,
}

/// Everything that it reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// How far it is.
    pub phase: Phase,
    /// What it does at the moment.
    pub doing: Option<String>,
    /// What it did, with the time each took.
    pub steps: Vec<(String, Duration)>,
    /// The parts that were started so far.
    pub parts: Vec<PartStatus>,
    /// What the samples did, when they were played.
    pub samples: Vec<SampleTable>,
    /// Why it failed, when it did.
    pub failure: Option<Failure>,
}

impl Status {
    /// Nothing done yet.
    #[must_use]
    pub fn begin() -> Self {
        Self {
            phase: Phase::Starting,
            doing: None,
            steps: Vec::new(),
            parts: Vec::new(),
            samples: Vec::new(),
            failure: None,
        }
    }

    /// What was written last, if anything.
    #[must_use]
    pub fn read(state: &StateDir) -> Option<Self> {
        serde_json::from_slice(&fs::read(file(state)).ok()?).ok()
    }

    /// Tells it.
    ///
    /// # Errors
    /// Any fault of the file system.
    pub fn write(&self, state: &StateDir) -> Result<()> {
        Ok(atomic_file::write(&file(state), &serde_json::to_vec(self)?, Readers::Everyone)?)
    }

    /// Removes what an earlier one wrote.
    ///
    /// # Errors
    /// Any fault of the file system.
    pub fn forget(state: &StateDir) -> Result<()> {
        Ok(atomic_file::remove(&file(state))?)
    }
}

fn file(state: &StateDir) -> PathBuf {
    state.run().join("supervisor.json")
}
