//! Whose a configuration file is, and who may read it. A file that tells this program where its database is can have it send its password anywhere:
//! so one of another user than oneself or root is never read. One that holds a secret is refused where others may read or change it, as PostgreSQL
//! and ssh do with their keys: mode 600, or 640 for a file of root.

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::error::ConfigError;

/// Far above what a file of settings needs.
const MAX_BYTES: u64 = 1024 * 1024;
/// Group may read and change, others may do anything.
const BEYOND_OWNER: u32 = 0o077;
/// Of a file of root, which a group is often given to read (secrets of Kubernetes).
const BEYOND_GROUP_READ: u32 = 0o037;

/// A file as it was when it was read.
pub(super) struct Opened {
    pub(super) text: String,
    mode: u32,
    owned_by_root: bool,
}

impl Opened {
    /// `None` where there is no such file.
    ///
    /// # Errors
    /// [`ConfigError::Foreign`], [`ConfigError::Unreadable`].
    pub(super) fn read(path: &Path) -> Result<Option<Self>, ConfigError> {
        let file = path.display().to_string();
        let unreadable = |problem: String| ConfigError::Unreadable { file: file.clone(), problem };
        let opened = match fs::File::open(path) {
            Ok(opened) => opened,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        // Of what is open, not of what the name leads to by now.
        let found = opened.metadata().map_err(|error| unreadable(error.to_string()))?;
        let own = nix::unistd::geteuid().as_raw();
        if found.uid() != own && found.uid() != 0 {
            return Err(ConfigError::Foreign { file, owner: found.uid() });
        }
        let mut text = String::new();
        opened.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|error| unreadable(error.to_string()))?;
        if text.len() as u64 > MAX_BYTES {
            return Err(unreadable(format!("it has more than {MAX_BYTES} bytes")));
        }
        Ok(Some(Self { text, mode: found.mode() & 0o777, owned_by_root: found.uid() == 0 && own != 0 }))
    }

    /// The mode, where it is too open for a secret.
    pub(super) fn exposed(&self) -> Option<u32> {
        let forbidden = if self.owned_by_root { BEYOND_GROUP_READ } else { BEYOND_OWNER };
        (self.mode & forbidden != 0).then_some(self.mode)
    }
}
