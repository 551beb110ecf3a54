//! `cargo xtask mutants`: changes the fold and the arithmetic of positions line by line and runs their tests; a change that no test
//! notices fails. It takes longer than `cargo xtask test` may, so it is a command of its own.
//!
//! It must never change the work tree: cargo-mutants works on a copy.

use anyhow::{Context, Result};

use crate::interrupt::Interrupt;
use crate::{install, repository, tools};

/// What is changed. Each is tested by its own crate's tests.
const MUTATED: [&str; 2] = ["projector/fold/src/*.rs", "schema/src/position.rs"];

/// Runs it; `arguments` go to cargo-mutants.
///
/// # Errors
/// When cargo-mutants cannot be installed or a mutant survives.
pub fn run(arguments: &[String]) -> Result<()> {
    let interrupt = Interrupt::install()?;
    install::install_missing()?;
    let output = repository::target_dir().join("mutants");
    std::fs::create_dir_all(&output)?;
    let output = output.to_str().context("the path of the target folder is not UTF-8")?;
    let mut words = vec!["mutants", "--profile=release", "--gitignore=true", "--output", output];
    words.extend(MUTATED.iter().flat_map(|file| ["--file", file]));
    words.extend(arguments.iter().map(String::as_str));
    tools::MUTANTS.run(&words, &interrupt).context("mutants survived, or could not be tested")
}
