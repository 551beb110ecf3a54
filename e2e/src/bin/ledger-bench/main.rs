//! Benchmarks of the whole, on servers that `cargo xtask bench` starts. What counts are ratios within one run: machines
//! differ, and the same machine differs from hour to hour. Prints a table; figures go to `target/bench/NAME.json`.
//!
//! - `fold`: orders/s and memory of the projector over a backlog, beside LOAD DATA of the same rows into the same table.
//! - `visible`: from a POST to the order in `GET`, one client, idle system.
//! - `rebuild`: events/s and memory of a rebuild, beside LOAD DATA and the index build of the same rows, and the longest
//!   pauses while its tables are swapped in. `--events N` says how many (default 1,000,000).
//! - `import`: records/s and memory of an import of an old topic, into an empty ledger and again once all is folded. `--events N` says how
//!   many records. `LEDGER_BENCH_OTHER=PATH` of another build of `ledger`: both in turn, and their ratio.
//! - `lines`: orders of several lines, all three of: `lines-fold`, the fold of single-line orders (`--events N`, default 1,000,000), with
//!   `LEDGER_BENCH_OTHER=PATH` beside another build; `lines-wait`, three lines in three partitions beside one line, POST with `Prefer: wait` to
//!   201, at 300 orders/s; `lines-holds`, what 100,000 open holds cost an idle projector.
//! - `reads`: `GET /stock/{id}` by 32 readers at one service; with `LEDGER_BENCH_OTHER=PATH` of another `ledger`, the `order-service` beside that
//!   in turn.
//! - `wait`: from a POST with `Prefer: wait` to its 201, at 1,000 orders/s.
//!
//! It must never pass or fail by a figure.

mod fold;
mod import;
mod lines;
mod processor;
mod reads;
mod rebuild;
mod visible;
mod wait;

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};
use serde_json::Value;

const NAMES: [&str; 9] =
    ["visible", "wait", "reads", "fold", "lines-fold", "lines-wait", "lines-holds", "rebuild", "import"];
/// Several at once.
const LINES: &str = "lines";
const EVENTS: i64 = 1_000_000;

fn main() -> Result<()> {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let events = take_events(&mut words)?;
    let asked: Vec<&str> = if words.is_empty() { NAMES.to_vec() } else { words.iter().map(String::as_str).collect() };
    let names: Vec<&str> = asked.into_iter().flat_map(named).collect();
    if let Some(unknown) = names.iter().find(|name| !NAMES.contains(name)) {
        bail!("there is no benchmark `{unknown}`: expected {LINES}, {}", NAMES.join(", "));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    for name in names {
        let figures = match name {
            "visible" => runtime.block_on(visible::run())?,
            "wait" => runtime.block_on(wait::run())?,
            "lines-fold" => runtime.block_on(lines::against::run(events))?,
            "lines-wait" => runtime.block_on(lines::waits::run())?,
            "lines-holds" => runtime.block_on(lines::holds::run())?,
            "reads" => runtime.block_on(reads::run())?,
            "import" => runtime.block_on(import::run(events))?,
            "rebuild" => runtime.block_on(rebuild::run(events))?,
            _ => runtime.block_on(fold::run())?,
        };
        print(name, &figures);
        let folder = xtask::repository::root().join("target/bench");
        write(&folder, name, &figures)?;
    }
    Ok(())
}

/// The benchmarks of a word.
fn named(word: &str) -> Vec<&str> {
    if word == LINES { NAMES.into_iter().filter(|name| name.starts_with(LINES)).collect() } else { vec![word] }
}

/// Takes `--events N` out of the words.
fn take_events(words: &mut Vec<String>) -> Result<i64> {
    let Some(at) = words.iter().position(|word| word == "--events") else { return Ok(EVENTS) };
    let count = words.drain(at..(at + 2).min(words.len())).nth(1).unwrap_or_default();
    match count.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => bail!("--events: expected a number above 0, found `{count}`"),
    }
}

#[expect(clippy::print_stdout, reason = "the table is what the command is for")]
fn print(name: &str, figures: &Value) {
    println!("{name}");
    for (figure, value) in figures.as_object().into_iter().flatten() {
        println!("  {figure:<44} {value:>14}");
    }
}

fn write(folder: &Path, name: &str, figures: &Value) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(format!("{name}.json")), serde_json::to_string_pretty(figures)?)?;
    Ok(())
}
