//! One supervised part: started as a recorded process, watched, started again when it ends.
//!
//! It must never run twice: before it is started again, what is left of its process group is ended: nginx's workers
//! keep the gateway's port when only their master dies.

use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::parts::PartSpec;
use crate::process::identity::{ProcessIdentity, ProcessStat};
use crate::process::record::{ProcessRecord, end_group};
use crate::state_dir::StateDir;

use super::status::PartStatus;

/// A part that ran this long before it ended is started again at once.
const SOUND_RUN: Duration = Duration::from_secs(5);

/// The wait before a further start of a part that ends early, doubled each time up to the longest,
/// so that with the rest it stays below the promised two seconds.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(1500);

/// A part under supervision.
#[derive(Debug)]
pub(super) struct Part {
    spec: PartSpec,
    record: ProcessRecord,
    log: PathBuf,
    launcher: PathBuf,
    running: Option<Running>,
    next_start: Instant,
    early_ends_in_a_row: u32,
    restarts: u32,
}

#[derive(Debug)]
struct Running {
    child: Child,
    identity: ProcessIdentity,
    since: Instant,
}

/// What a look at a part showed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// All as before.
    None,
    /// It ended.
    Ended(ExitStatus),
    /// It was started again.
    Started,
}

impl Part {
    pub(super) fn start(spec: PartSpec, state: &StateDir, launcher: &Path) -> Result<Self> {
        let mut part = Self {
            record: ProcessRecord::new(&state.run(), spec.name),
            log: state.log(spec.name),
            launcher: launcher.to_path_buf(),
            running: None,
            next_start: Instant::now(),
            early_ends_in_a_row: 0,
            restarts: 0,
            spec,
        };
        part.launch()?;
        Ok(part)
    }

    pub(super) fn spec(&self) -> &PartSpec {
        &self.spec
    }

    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    /// How often in a row it ended soon after its start.
    pub(super) fn early_ends_in_a_row(&self) -> u32 {
        self.early_ends_in_a_row
    }

    pub(super) fn status(&self) -> PartStatus {
        PartStatus {
            name: self.spec.name.to_owned(),
            address: self.spec.address,
            pid: self.running.as_ref().map(|running| running.identity.pid),
            restarts: self.restarts,
        }
    }

    /// Looks after it once: notices that it ended, or starts it again when its pause is over.
    ///
    /// # Errors
    /// When what it left behind cannot be ended or it cannot be started.
    pub(super) fn look_after(&mut self) -> Result<Change> {
        let Some(running) = &mut self.running else {
            if Instant::now() < self.next_start {
                return Ok(Change::None);
            }
            self.restarts += 1;
            self.launch()?;
            return Ok(Change::Started);
        };
        let Some(status) = running.child.try_wait()? else { return Ok(Change::None) };
        let identity = running.identity.clone();
        let ran_soundly = running.since.elapsed() >= SOUND_RUN;
        self.running = None;
        self.early_ends_in_a_row = if ran_soundly { 0 } else { self.early_ends_in_a_row + 1 };
        self.next_start = Instant::now() + pause_before_start(self.early_ends_in_a_row);
        end_group(&identity, Duration::ZERO)
            .with_context(|| format!("cannot end what {} left behind", self.spec.name))?;
        Ok(Change::Ended(status))
    }

    fn launch(&mut self) -> Result<()> {
        let child = self.record.spawn(&self.launcher, &self.spec.command, &self.log)?;
        let pid = i32::try_from(child.id()).context("a process number beyond 31 bits")?;
        // Not reaped yet, so its line in /proc is there even if it has ended already.
        let stat = ProcessStat::read(pid).with_context(|| format!("cannot read /proc/{pid}/stat"))?;
        let identity = ProcessIdentity::from_stat(&stat);
        self.running = Some(Running { child, identity, since: Instant::now() });
        Ok(())
    }

    /// Stops it for good.
    ///
    /// # Errors
    /// When something of it survives SIGKILL.
    pub(super) fn stop(&mut self) -> Result<()> {
        if let Some(mut running) = self.running.take() {
            end_group(&running.identity, self.spec.stop_limit)
                .with_context(|| format!("cannot end {}", self.spec.name))?;
            running.child.wait()?;
        }
        Ok(self.record.remove()?)
    }
}

fn pause_before_start(early_ends_in_a_row: u32) -> Duration {
    match early_ends_in_a_row {
        0 => Duration::ZERO,
        count => SHORTEST_PAUSE.saturating_mul(1 << (count - 1).min(4)).min(LONGEST_PAUSE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_below_what_is_promised() {
        let pauses: Vec<u128> = (0..8).map(|count| pause_before_start(count).as_millis()).collect();
        assert_eq!(pauses, [0, 100, 200, 400, 800, 1500, 1500, 1500]);
        assert_eq!(pause_before_start(u32::MAX), LONGEST_PAUSE);
    }
}
