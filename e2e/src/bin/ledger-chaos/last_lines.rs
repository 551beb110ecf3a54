//! The end of a log.

use std::path::Path;

use anyhow::Result;

/// The last `count` lines, or all.
pub(crate) fn last_lines(log: &Path, count: usize) -> Result<Vec<String>> {
    let text = String::from_utf8_lossy(&std::fs::read(log)?).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(count)..].iter().map(|line| (*line).to_owned()).collect())
}
