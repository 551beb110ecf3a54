//! What a process used of the processor, as Linux counts it. It must never be asked for a process that may have ended.

use std::fs;

use anyhow::{Context, Result};

/// User and system time, in hundredths of a second.
pub(crate) fn cpu_ticks(pid: i32) -> Result<i64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in brackets may have spaces; what follows it are numbers, of which the 12th and 13th are wanted.
    let (_, numbers) = stat.rsplit_once(") ").context("no process name")?;
    let numbers: Vec<&str> = numbers.split(' ').collect();
    let ticks = |at: usize| -> Result<i64> { Ok(numbers.get(at).context("a short stat file")?.parse()?) };
    Ok(ticks(11)? + ticks(12)?)
}
