//! Files that are whole or absent: written under another name, synced, renamed.
//!
//! A reader must never see half a pid, half a password or half a state.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Everybody that may enter the folder (mode 644).
    Everyone,
    /// The owner alone (mode 600), from the first byte on.
    Owner,
}

/// Replaces `path` by `contents` in one step.
///
/// # Errors
/// Any fault of the file system; `path` then is what it was.
pub fn write(path: &Path, contents: &[u8], readers: Readers) -> io::Result<()> {
    let temporary = temporary_beside(path);
    let mode = match readers {
        Readers::Everyone => 0o644,
        Readers::Owner => 0o600,
    };
    // A left-over of a dead process with the same id would keep its own mode.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_folder_of(path)
}

/// Removes a file; its absence is what was wanted.
///
/// # Errors
/// Any fault of the file system other than "not found".
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Removes a folder and all in it; its absence is what was wanted.
///
/// # Errors
/// Any fault of the file system other than "not found".
pub fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Makes the names in the folder of `path` survive a power cut.
///
/// # Errors
/// Any fault of the file system.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

fn temporary_beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_dir::temporary_folder;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_is_for_its_owner_from_the_first_byte_and_replaces_the_old_one() {
        let folder = temporary_folder("atomic-file").unwrap();
        let path = folder.path().join("credentials.env");
        write(&path, b"old", Readers::Owner).unwrap();
        write(&path, b"new", Readers::Owner).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn removing_what_is_absent_is_done() {
        let folder = temporary_folder("atomic-file").unwrap();
        remove(&folder.path().join("nothing")).unwrap();
        remove_folder(&folder.path().join("nothing")).unwrap();
    }
}
