//! A clock that is wrong, for one process: libfaketime, from Debian's packages, unpacked once into `.ledger/`. What measures time that went by
//! (the monotonic clock) stays right, as on a machine whose clock is set while it runs.
//!
//! It must never be installed into the system. Read [`crate::debian`] for how it is fetched.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::debian::{self, Wanted};
use crate::atomic_file::{self, Readers};
use crate::repository;

/// Its C library is older than that of any Debian that this runs on.
const WANTED: Wanted = Wanted { release: "bookworm", packages: &[], bare_packages: &["libfaketime"], programs: &[] };
/// The one for programs with threads.
const LIBRARY: &str = "libfaketimeMT.so.1";

/// A clock that a running process reads again every second.
#[derive(Debug, Clone)]
pub struct WrongClock {
    library: PathBuf,
    file: PathBuf,
}

impl WrongClock {
    /// Where the library is, which is fetched first where it is not there.
    ///
    /// # Errors
    /// As [`debian::fetch`].
    pub fn library() -> Result<PathBuf> {
        let home = repository::root().join(".ledger").join("libfaketime-bookworm");
        debian::fetch(WANTED, "libfaketime (0.1 MB)", &home)?;
        let folders = fs::read_dir(home.join("usr/lib"))?.flatten().map(|entry| entry.path().join("faketime"));
        let found = folders.map(|folder| folder.join(LIBRARY)).find(|path| path.is_file());
        found.with_context(|| format!("Debian's package brought no {LIBRARY}"))
    }

    /// By the `library`; what it says stands in a file in `folder`.
    #[must_use]
    pub fn new(library: &Path, folder: &Path) -> Self {
        Self { library: library.to_owned(), file: folder.join("wrong-clock") }
    }

    /// So many hours ahead from now on, or behind.
    ///
    /// # Errors
    /// Any fault of the file system.
    pub fn set(&self, hours: i32) -> Result<()> {
        atomic_file::write(&self.file, format!("{hours:+}h\n").as_bytes(), Readers::Owner)
            .with_context(|| format!("cannot write {}", self.file.display()))
    }

    /// What a process is started with to have it.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_CACHE_DURATION", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }
}
