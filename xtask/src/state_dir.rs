//! The layout of a state folder: `.ledger/` for `up`, `.ledger/test/` and `.ledger/servers/` for the
//! servers that tests use. Other programs rely on `log/NAME.log`, `run/NAME.pid` and
//! `run/credentials.env`.
//!
//! It must never read or write a file there: it names paths and makes folders, and what lies in them is its owner's.
//! The names are an interface. Read [`crate::supervisor`] for who fills them.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::repository;

/// One state folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir {
    root: PathBuf,
}

impl StateDir {
    /// The state folder at `root`; a relative one is taken from the repository's root.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { root: repository::root().join(root) }
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What must survive a restart: the data of Kafka and MariaDB.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// The folder of the logs.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.root.join("log")
    }

    /// The log of one part.
    #[must_use]
    pub fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    /// Pid files, credentials, generated configuration.
    #[must_use]
    pub fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    /// The links to the built binaries.
    #[must_use]
    pub fn bin(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// The generated passwords and the addresses that hold them (mode 600).
    #[must_use]
    pub fn credentials(&self) -> PathBuf {
        self.run().join("credentials.env")
    }

    /// Makes the folders. `run/` is for the owner alone, since it holds passwords.
    ///
    /// # Errors
    /// Any fault of the file system.
    pub fn create(&self) -> io::Result<()> {
        for folder in [self.data(), self.logs(), self.bin()] {
            fs::create_dir_all(folder)?;
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(self.run())
    }
}

/// A folder of its own below the system's temporary one, removed on drop.
#[derive(Debug)]
pub struct TemporaryFolder {
    path: PathBuf,
}

impl TemporaryFolder {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // Nobody is left who could act on it; the system cleans its temporary folder as well.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Makes a new, empty folder, for the owner alone.
///
/// # Errors
/// Any fault of the file system.
pub fn temporary_folder(purpose: &str) -> io::Result<TemporaryFolder> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("order-ledger-{purpose}-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return Ok(TemporaryFolder { path }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_others_rely_on() {
        let state = StateDir::at(Path::new("/x/.ledger"));
        assert_eq!(state.log("kafka"), Path::new("/x/.ledger/log/kafka.log"));
        assert_eq!(state.credentials(), Path::new("/x/.ledger/run/credentials.env"));
        assert_eq!(StateDir::at(Path::new(".ledger")).root(), repository::root().join(".ledger"));
    }

    #[test]
    fn a_temporary_folder_goes_with_its_owner() {
        let folder = temporary_folder("state").unwrap();
        let path = folder.path().to_path_buf();
        assert!(path.is_dir());
        drop(folder);
        assert!(!path.exists());
    }
}
