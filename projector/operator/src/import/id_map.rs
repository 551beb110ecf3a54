//! The CSV of derived ids: what the old world called an order, and its id in the ledger. A row is on the disk before the order that
//! it describes is appended, so no order is ever in the ledger whose old name nobody knows. A later run adds to the same file.
//!
//! Memory: 17 to 39 bytes an id that is in the file. It must never write over a file that is not its own. Next:
//! [`super::derived_id`].

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ledger_schema::OrderId;
use thiserror::Error;
use uuid::Uuid;

use super::derived_id::order_id_of_text;
use super::refusal::excerpt;

/// The first line.
const HEADER: [&str; 2] = ["old_id", "order_id"];
const HEADER_LINE: &str = "old_id,order_id\n";

/// The file cannot be used. What it describes was not appended.
#[derive(Debug, Error)]
pub enum IdMapError {
    #[error("{file}, which is to hold the derived ids, cannot be used: {source}")]
    File { file: String, source: io::Error },
    #[error("{file} is no file of derived ids: expected {expected}, found `{found}` in line {line}; name another file")]
    Foreign { file: String, line: u64, expected: String, found: String },
}

pub(super) struct IdMap {
    path: PathBuf,
    file: File,
    known: HashSet<Uuid>,
}

impl IdMap {
    /// Opens the file at `path`, or makes it. A last line without its end is of a run that died while it wrote, and is taken away.
    pub(super) fn open(path: &Path) -> Result<Self, IdMapError> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|source| failed(path, source))?;
        let mut map = Self { path: path.to_owned(), file, known: HashSet::new() };
        map.load()?;
        Ok(map)
    }

    fn load(&mut self) -> Result<(), IdMapError> {
        let whole = self.whole_lines().map_err(|source| failed(&self.path, source))?;
        if whole == 0 {
            return self
                .write(HEADER_LINE.as_bytes())
                .and_then(|()| self.sync_folder())
                .map_err(|source| failed(&self.path, source));
        }
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&self.file);
        let mut record = csv::StringRecord::new();
        for line in 1.. {
            let foreign = |expected: String, found: &str| {
                let (file, found) = (self.path.display().to_string(), excerpt(found));
                IdMapError::Foreign { file, line, expected, found }
            };
            match reader.read_record(&mut record) {
                Ok(false) => break,
                Ok(true) => {}
                Err(error) => return Err(foreign("a row of CSV".to_owned(), &error.to_string())),
            }
            let fields: Vec<&str> = record.iter().collect();
            if line == 1 {
                if fields != HEADER {
                    return Err(foreign(format!("the header `{}`", HEADER.join(",")), &fields.join(",")));
                }
                continue;
            }
            let derived = fields.first().map(|text| order_id_of_text(text));
            match (derived, &fields[..]) {
                (Some(id), [_, found]) if id.to_string() == *found => self.known.insert(id.as_uuid()),
                _ => return Err(foreign("an old id and the id that is derived from it".to_owned(), &fields.join(","))),
            };
        }
        self.file.seek(SeekFrom::End(0)).map(|_| ()).map_err(|source| failed(&self.path, source))
    }

    /// Cuts off a last line that has no end; leaves the file at its beginning, and answers how many bytes there are. A file of
    /// something else stays as it is.
    fn whole_lines(&mut self) -> io::Result<u64> {
        let mut begins = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        (&self.file).take(u64::try_from(HEADER_LINE.len()).expect("short")).read_to_end(&mut begins)?;
        let mut end = 0;
        if !HEADER_LINE.as_bytes().starts_with(&begins) {
            end = self.file.seek(SeekFrom::End(0))?;
        } else if begins.len() < HEADER_LINE.len() {
            self.file.set_len(0)?;
        } else {
            self.file.seek(SeekFrom::Start(0))?;
            let mut lines = BufReader::new(&self.file);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
                end += u64::try_from(line.len()).expect("in memory");
                line.clear();
            }
            self.file.set_len(end)?;
        }
        self.file.seek(SeekFrom::Start(0))?;
        Ok(end)
    }

    /// Adds what the file has not, and answers when it is on the disk.
    pub(super) fn add<'a>(&mut self, derived: impl Iterator<Item = (&'a str, OrderId)>) -> Result<(), IdMapError> {
        let mut rows = csv::Writer::from_writer(Vec::new());
        let mut added = Vec::new();
        for (text, id) in derived {
            if self.known.insert(id.as_uuid()) {
                added.push(id.as_uuid());
                let row = rows.write_record([text, &id.to_string()]);
                row.map_err(|error| failed(&self.path, error.into()))?;
            }
        }
        if added.is_empty() {
            return Ok(());
        }
        let bytes = rows.into_inner().expect("a vector takes everything");
        self.write(&bytes).map_err(|source| failed(&self.path, source))
    }

    /// How many ids the file has.
    pub(super) fn len(&self) -> u64 {
        u64::try_from(self.known.len()).expect("in memory")
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.file.sync_data()
    }

    /// A new file is found again only when its folder is on the disk, too.
    fn sync_folder(&self) -> io::Result<()> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

fn failed(path: &Path, source: io::Error) -> IdMapError {
    IdMapError::File { file: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("id-map-{}", Uuid::new_v4()));
            fs::create_dir(&path).expect("a temporary folder");
            Self(path)
        }

        fn file(&self, contents: Option<&str>) -> PathBuf {
            let path = self.0.join("ids.csv");
            if let Some(contents) = contents {
                fs::write(&path, contents).expect("a file");
            }
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn add(map: &mut IdMap, texts: &[&str]) {
        map.add(texts.iter().map(|text| (*text, order_id_of_text(text)))).expect("written");
    }

    #[test]
    fn a_row_is_written_once_and_a_later_run_adds() {
        let folder = Folder::new();
        let path = folder.file(None);
        let mut map = IdMap::open(&path).expect("a new file");
        add(&mut map, &["ORD-2024-17", "a,b", "ORD-2024-17"]);
        add(&mut map, &["\"q\""]);
        drop(map);
        let row = |text: &str, shown: &str| format!("{shown},{}\n", order_id_of_text(text));
        let first = ["old_id,order_id\n".to_owned(), row("ORD-2024-17", "ORD-2024-17"), row("a,b", "\"a,b\"")].concat();
        let first = first + &row("\"q\"", "\"\"\"q\"\"\"");
        assert_eq!(fs::read_to_string(&path).expect("the file"), first);
        // A run died while it wrote.
        fs::write(&path, format!("{first}ORD-20")).expect("written");
        let mut map = IdMap::open(&path).expect("its own file");
        assert_eq!(map.len(), 3);
        add(&mut map, &["a,b", "12345"]);
        assert_eq!(map.len(), 4);
        assert_eq!(fs::read_to_string(&path).expect("the file"), first + &row("12345", "12345"));
    }

    #[test]
    fn another_file_is_named_and_left_alone() {
        let id = order_id_of_text("1");
        for (contents, says) in [
            ("order,id\n1,2", "expected the header `old_id,order_id`, found `order,id` in line 1"),
            (
                "a text of several words, without an end",
                "expected the header `old_id,order_id`, found `a text of several words, without an end` in line 1",
            ),
            ("old_id,order_id\n1\n", "expected an old id and the id that is derived from it, found `1` in line 2"),
            (&format!("old_id,order_id\n1,{id}\n2,{id}\n"), "in line 3; name another file"),
        ] {
            let folder = Folder::new();
            let path = folder.file(Some(contents));
            let error = IdMap::open(&path).err().expect("foreign").to_string();
            assert!(error.contains(says), "{error}");
            assert_eq!(fs::read_to_string(&path).expect("the file"), contents);
        }
        let error = IdMap::open(Path::new("/nowhere/ids.csv")).err().expect("no folder").to_string();
        assert!(error.starts_with("/nowhere/ids.csv, which is to hold the derived ids, cannot be used: "), "{error}");
    }
}
