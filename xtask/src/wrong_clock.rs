//! A clock that is wrong, for one process, as on a machine whose clock was set while it ran: what measures time that went by (the monotonic
//! clock) stays right. By a small library in C that the process loads first.
//!
//! libfaketime, which does the same and more, was tried (0.9.10): with jemalloc in the place of `malloc`, as `ledger` has it, a program hangs
//! before it begins, and a service whose clock was ahead did not come up in 90 s. It must never be loaded outside of a fault test.
//! Read [`crate::chaos`] for who does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::atomic_file::{self, Readers};
use crate::repository;

const SOURCE: &str = include_str!("wrong_clock.c");
const SECONDS_PER_HOUR: i64 = 3600;

/// A clock that a running process reads again every second.
#[derive(Debug, Clone)]
pub struct WrongClock {
    library: PathBuf,
    file: PathBuf,
}

impl WrongClock {
    /// Compiles the library; answers where it is.
    ///
    /// # Errors
    /// When there is no C compiler, which this repository's build needs, too.
    pub fn library() -> Result<PathBuf> {
        let folder = repository::root().join(".ledger/wrong-clock");
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let (source, library) = (folder.join("wrong_clock.c"), folder.join("wrong_clock.so"));
        atomic_file::write(&source, SOURCE.as_bytes(), Readers::Everyone)?;
        let mut compiler = Command::new("cc");
        compiler.args(["-std=c11", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o"]).args([&library, &source]);
        let status = compiler.stdin(Stdio::null()).status().context("cannot start the C compiler, `cc`")?;
        ensure!(status.success(), "`cc` cannot compile {} ({status})", source.display());
        Ok(library)
    }

    /// By the `library`; how wrong it is stands in a file in `folder`.
    #[must_use]
    pub fn new(library: &Path, folder: &Path) -> Self {
        Self { library: library.to_owned(), file: folder.join("wrong-clock") }
    }

    /// So many hours ahead from now on, or behind.
    ///
    /// # Errors
    /// Any fault of the file system.
    pub fn set(&self, hours: i32) -> Result<()> {
        let seconds = format!("{}\n", i64::from(hours) * SECONDS_PER_HOUR);
        atomic_file::write(&self.file, seconds.as_bytes(), Readers::Owner)
            .with_context(|| format!("cannot write {}", self.file.display()))
    }

    /// What a process is started with to have it.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 2] {
        let text = |path: &Path| path.display().to_string();
        [("LD_PRELOAD", text(&self.library)), ("WRONG_CLOCK_FILE", text(&self.file))]
    }
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;
    use crate::state_dir::temporary_folder;

    #[test]
    fn a_process_has_the_clock_that_it_is_given() {
        let folder = temporary_folder("clock").unwrap();
        let clock = WrongClock::new(&WrongClock::library().unwrap(), folder.path());
        for hours in [2, -2] {
            clock.set(hours).unwrap();
            let output = Command::new("date").arg("+%s").envs(clock.environment()).output().unwrap();
            let said: i64 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
            let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
            let off = said - now - i64::from(hours) * SECONDS_PER_HOUR;
            assert!((-60..=60).contains(&off), "{hours} hours, and {off} seconds off that");
        }
    }
}
