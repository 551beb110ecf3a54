//! What a command reads beside its flags: a file, or standard input as `-`. It must never read more than it says.

use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value};

use crate::exit::CommandError;

/// Largest file that is read for an event or a request: far above what one may be, which is then refused by its own rule.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// # Errors
/// [`CommandError::Refused`], with the file's name.
pub fn bytes(path: &Path) -> Result<Vec<u8>, CommandError> {
    read(path).map_err(|error| CommandError::Refused(format!("{}: {error}", path.display())))
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let source: Box<dyn Read> =
        if path == Path::new("-") { Box::new(std::io::stdin()) } else { Box::new(std::fs::File::open(path)?) };
    let mut found = Vec::new();
    source.take(MAX_FILE_BYTES).read_to_end(&mut found)?;
    Ok(found)
}

/// # Errors
/// As [`bytes`], also for what is no JSON object.
pub fn json_object(path: &Path) -> Result<Map<String, Value>, CommandError> {
    serde_json::from_slice(&bytes(path)?)
        .map_err(|error| CommandError::Refused(format!("{} is no JSON object: {error}", path.display())))
}
