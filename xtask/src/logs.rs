//! Logs for a person: the tail of one, and all of them as they grow.
//!
//! It must never write, nor pass on a character that moves a terminal: servers log what strangers send as it is (nginx each first
//! line of a request that it refuses). A log that was cut or replaced is read from its beginning. Read [`crate::up`] for who shows
//! them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// As much of a log's end as is read for a tail, in bytes.
const TAIL_BYTES: u64 = 64 * 1024;

/// The last lines of a log; empty when there is none.
#[must_use]
pub fn tail(path: &Path, lines: usize) -> String {
    let Ok(text) = read_from_end(path) else { return String::new() };
    let all: Vec<&str> = text.lines().collect();
    let last = all.get(all.len().saturating_sub(lines)..).unwrap_or_default();
    last.iter().map(|line| printable(line)).collect::<Vec<_>>().join("\n")
}

/// Control and format characters are escaped. The contract's own rule is `ledger_schema::printable`; this crate may not depend
/// on what it builds.
fn printable(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            ' '..='~' | '\t' => shown.push(c),
            c => shown.extend(c.escape_debug()),
        }
    }
    shown
}

fn read_from_end(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A log that is read as it grows.
#[derive(Debug)]
pub struct LogFollower {
    name: String,
    path: PathBuf,
    offset: u64,
    unfinished: Vec<u8>,
}

impl LogFollower {
    /// Follows the log at `path` from its present end.
    #[must_use]
    pub fn from_end(name: &str, path: PathBuf) -> Self {
        let offset = path.metadata().map_or(0, |meta| meta.len());
        Self { name: name.to_owned(), path, offset, unfinished: Vec::new() }
    }

    /// Whose log it is.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The lines that were completed since the last call.
    ///
    /// # Errors
    /// Any fault of the file system but the log's absence.
    pub fn new_lines(&mut self) -> io::Result<Vec<String>> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        if file.metadata()?.len() < self.offset {
            self.offset = 0;
            self.unfinished.clear();
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        self.offset += u64::try_from(bytes.len()).unwrap_or(TAIL_BYTES);
        self.unfinished.extend(bytes);
        Ok(self.take_finished())
    }

    fn take_finished(&mut self) -> Vec<String> {
        let Some(last) = self.unfinished.iter().rposition(|&byte| byte == b'\n') else { return Vec::new() };
        let rest = self.unfinished.split_off(last + 1);
        let finished = std::mem::replace(&mut self.unfinished, rest);
        String::from_utf8_lossy(&finished).lines().map(printable).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_dir::temporary_folder;
    use std::fs::{self, OpenOptions};
    use std::io::Write;

    #[test]
    fn only_whole_new_lines_are_shown() {
        let folder = temporary_folder("logs").unwrap();
        let path = folder.path().join("part.log");
        fs::write(&path, "old\n").unwrap();
        let mut follower = LogFollower::from_end("part", path.clone());
        let append = |text: &str| {
            OpenOptions::new().append(true).open(&path).unwrap().write_all(text.as_bytes()).unwrap();
        };
        append("one\ntw");
        assert_eq!(follower.new_lines().unwrap(), ["one"]);
        append("o\n");
        assert_eq!(follower.new_lines().unwrap(), ["two"]);
        assert_eq!(follower.new_lines().unwrap(), Vec::<String>::new());
        fs::write(&path, "new\n").unwrap();
        assert_eq!(follower.new_lines().unwrap(), ["new"]);
    }

    #[test]
    fn a_log_moves_no_terminal() {
        let folder = temporary_folder("logs").unwrap();
        let path = folder.path().join("part.log");
        fs::write(&path, "request: \"\u{1b}[2J\u{9b}2J\u{202e}x\u{2028}\" café\\\tend\r\n").unwrap();
        let expected = "request: \"\\u{1b}[2J\\u{9b}2J\\u{202e}x\\u{2028}\" café\\\tend";
        assert_eq!(tail(&path, 1), expected);
        let mut follower = LogFollower { offset: 0, ..LogFollower::from_end("part", path) };
        assert_eq!(follower.new_lines().unwrap(), [expected]);
    }

    #[test]
    fn a_tail_is_the_last_lines() {
        let folder = temporary_folder("logs").unwrap();
        let path = folder.path().join("part.log");
        fs::write(&path, "1\n2\n3\n").unwrap();
        assert_eq!(tail(&path, 2), "2\n3");
        assert_eq!(tail(&path, 9), "1\n2\n3");
        assert_eq!(tail(&folder.path().join("nothing"), 2), "");
    }
}
