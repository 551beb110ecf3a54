//! `cargo xtask contracts`: builds and runs `ledger-contracts` (`schema/contracts/`), which writes the schemas of the topics and
//! AsyncAPI's document. [`check_asyncapi`] has AsyncAPI's own parser read the document.
//!
//! It must never write them itself, nor be needed by what runs. Read [`crate::npm`] for where the parser comes from.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use crate::interrupt::Interrupt;
use crate::process::family::Family;
use crate::process::{OwnedProcess, ProcessCommand};
use crate::{cargo, install, npm, repository};

const STOP_LIMIT: Duration = Duration::from_secs(10);
const PROGRAM: &str = "ledger-contracts";
const BUILD: [&str; 6] = ["build", "--release", "--package", PROGRAM, "--bin", PROGRAM];
const FOLDER: &str = "schema/contracts";
const READ_BY_ASYNCAPI: &str = include_str!("../npm/asyncapi.mjs");

/// `cargo xtask contracts`.
///
/// # Errors
/// When the build fails, a file cannot be written, or a release would break what was released.
pub fn run(release: bool) -> Result<()> {
    let interrupt = Interrupt::install()?;
    let _family = Family::adopt()?;
    install::install_missing()?;
    cargo::run_or_fail(&BUILD, &[], &interrupt)?;
    let program = ProcessCommand::new(repository::binary_dir().join(PROGRAM)).arg(repository::root().join(FOLDER));
    let program = if release { program.arg("--release") } else { program };
    let status = OwnedProcess::spawn_visible(PROGRAM, &program)?.wait_unless(&interrupt, STOP_LIMIT)?;
    ensure!(status.success(), "the contracts were not written ({status})");
    Ok(())
}

/// The committed document.
#[must_use]
pub fn asyncapi_document() -> PathBuf {
    repository::root().join(FOLDER).join("asyncapi.json")
}

/// What AsyncAPI's parser makes of a document and what it refers to: the number of its messages.
///
/// # Errors
/// When it has something against it, with all of that; when the parser cannot be had.
pub fn check_asyncapi(document: &Path) -> Result<usize> {
    let folder = npm::folder()?;
    // Given as a text, so that the parser is looked for from the working directory.
    let words = ["--input-type=module", "--eval", READ_BY_ASYNCAPI];
    let mut node = Command::new(npm::node()?);
    let output = node.args(words).arg(document).current_dir(folder).stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let messages = said.lines().find_map(|line| line.strip_prefix("messages ")?.parse().ok());
    match messages {
        Some(messages) if output.status.success() => Ok(messages),
        _ => bail!("{} ({})\n{said}{}", document.display(), output.status, String::from_utf8_lossy(&output.stderr)),
    }
}
