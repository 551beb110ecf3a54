//! How a bundle gets to its place: whole, or not at all, and for its owner's eyes alone. It is written beside its place under another name, brought
//! to the disk, and only then given its own. A file that is there is never replaced unasked, also not by two that are written at once.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use tar::{Builder, EntryType, Header};
use thiserror::Error;

use super::pieces::Piece;

const OWNER_ONLY: u32 = 0o600;

/// The bundle was not written.
#[derive(Debug, Error)]
pub enum ArchiveError {
    #[error("{} is there already: name another file (--file), or replace it (--force)", file.display())]
    Exists { file: PathBuf },
    #[error("{} is a folder: name a file in it (--file)", file.display())]
    Folder { file: PathBuf },
    #[error("{} cannot be written: {cause}", file.display())]
    Unwritable { file: PathBuf, cause: io::Error },
}

/// A place for a bundle, and the file that will be it. Dropped, it leaves nothing.
#[derive(Debug)]
pub(super) struct Reserved {
    file: PathBuf,
    force: bool,
    temporary: Temporary,
}

/// A file that is removed, unless it was given another name.
#[derive(Debug)]
struct Temporary {
    path: PathBuf,
    open: File,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After it was moved there is nothing under this name.
        let _ = fs::remove_file(&self.path);
    }
}

impl Reserved {
    /// # Errors
    /// [`ArchiveError`]
    pub(super) fn take(file: &Path, force: bool) -> Result<Self, ArchiveError> {
        let unwritable = |cause| ArchiveError::Unwritable { file: file.to_owned(), cause };
        match fs::symlink_metadata(file) {
            Ok(found) if found.is_dir() => return Err(ArchiveError::Folder { file: file.to_owned() }),
            Ok(_) if !force => return Err(ArchiveError::Exists { file: file.to_owned() }),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(unwritable(error)),
        }
        let name = file.file_name().ok_or_else(|| ArchiveError::Folder { file: file.to_owned() })?;
        let path = file.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
        let open = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(&path).map_err(unwritable)?;
        Ok(Self { file: file.to_owned(), force, temporary: Temporary { path, open } })
    }

    /// Writes the pieces below one folder; gives the size in bytes.
    ///
    /// # Errors
    /// [`ArchiveError`]
    pub(super) fn write(self, folder: &str, at: DateTime<Utc>, pieces: &[Piece]) -> Result<u64, ArchiveError> {
        let written = self.write_pieces(folder, at, pieces).and_then(|bytes| self.publish().map(|()| bytes));
        written.map_err(|cause| match cause.kind() {
            ErrorKind::AlreadyExists => ArchiveError::Exists { file: self.file.clone() },
            _ => ArchiveError::Unwritable { file: self.file.clone(), cause },
        })
    }

    fn write_pieces(&self, folder: &str, at: DateTime<Utc>, pieces: &[Piece]) -> io::Result<u64> {
        let mut builder = Builder::new(&self.temporary.open);
        let mtime = u64::try_from(at.timestamp()).unwrap_or(0);
        for piece in pieces {
            let bytes = piece.bytes();
            let mut header = Header::new_gnu();
            header.set_entry_type(EntryType::Regular);
            header.set_mode(OWNER_ONLY);
            header.set_mtime(mtime);
            header.set_size(u64::try_from(bytes.len()).map_err(io::Error::other)?);
            builder.append_data(&mut header, format!("{folder}/{}", piece.name()), bytes)?;
        }
        let mut open = builder.into_inner()?;
        open.flush()?;
        open.sync_all()?;
        Ok(open.metadata()?.len())
    }

    /// A second name fails where the first is taken, which a rename would replace.
    fn publish(&self) -> io::Result<()> {
        if self.force {
            return fs::rename(&self.temporary.path, &self.file);
        }
        match fs::hard_link(&self.temporary.path, &self.file) {
            // A file system without second names: the place is taken by an empty file, which is then replaced.
            Err(error) if error.kind() == ErrorKind::PermissionDenied || error.kind() == ErrorKind::Unsupported => {
                OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(&self.file)?;
                fs::rename(&self.temporary.path, &self.file)
            }
            linked => linked,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("ledger-bundle-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).expect("a folder");
            Self(path)
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).expect("a folder").flatten();
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn pieces() -> Vec<Piece> {
        vec![
            Piece::text("a.txt", Ok("what it says".to_owned())),
            Piece::text("b.json", Err("nobody answered".to_owned())),
        ]
    }

    #[test]
    fn a_bundle_is_whole_and_its_owners() {
        let scratch = Scratch::new("whole");
        let file = scratch.0.join("x.tar");
        let at = DateTime::UNIX_EPOCH;
        let bytes = Reserved::take(&file, false).and_then(|taken| taken.write("top", at, &pieces())).expect("written");
        let found = fs::metadata(&file).expect("there");
        assert_eq!((found.len(), found.permissions().mode() & 0o777), (bytes, OWNER_ONLY));
        let mut archive = tar::Archive::new(File::open(&file).expect("readable"));
        let mut read = Vec::new();
        for entry in archive.entries().expect("a tar") {
            let mut entry = entry.expect("an entry");
            let mut text = String::new();
            io::Read::read_to_string(&mut entry, &mut text).expect("text");
            read.push((entry.path().expect("a path").display().to_string(), text));
        }
        assert_eq!(
            read,
            [
                ("top/a.txt".to_owned(), "what it says".to_owned()),
                ("top/b.json.failed.txt".to_owned(), "nobody answered".to_owned()),
            ]
        );
        assert_eq!(scratch.names(), ["x.tar"]);
    }

    #[test]
    fn nothing_is_replaced_unasked_and_nothing_is_left() {
        let scratch = Scratch::new("kept");
        let file = scratch.0.join("x.tar");
        // It came between the first look and the last step.
        let taken = Reserved::take(&file, false).expect("free");
        fs::write(&file, "mine").expect("a file");
        assert!(matches!(taken.write("top", DateTime::UNIX_EPOCH, &pieces()), Err(ArchiveError::Exists { .. })));
        assert!(matches!(Reserved::take(&file, false), Err(ArchiveError::Exists { .. })));
        assert_eq!((fs::read_to_string(&file).expect("there").as_str(), scratch.names().len()), ("mine", 1));
        let replaced =
            Reserved::take(&file, true).and_then(|taken| taken.write("top", DateTime::UNIX_EPOCH, &pieces()));
        assert!(replaced.is_ok_and(|bytes| bytes > 1_000) && scratch.names() == ["x.tar"]);
        assert!(matches!(Reserved::take(&scratch.0, true), Err(ArchiveError::Folder { .. })));
        for elsewhere in ["none/x.tar", "x.tar/x.tar"] {
            let refused = Reserved::take(&scratch.0.join(elsewhere), false);
            assert!(matches!(refused, Err(ArchiveError::Unwritable { .. })), "{elsewhere}: {refused:?}");
        }
        drop(Reserved::take(&scratch.0.join("y.tar"), false).expect("free"));
        assert_eq!(scratch.names(), ["x.tar"]);
    }
}
