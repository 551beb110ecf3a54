//! The programs of another revision of this repository, built beside those of the work tree, for `cargo xtask bench compare REV`.
//!
//! It must never touch the work tree, nor its target folder: both stay what is compared. The source is git's own copy of the revision.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::interrupt::Interrupt;
use crate::process::{OwnedProcess, ProcessCommand};
use crate::{cargo, progress, repository};

const STOP_LIMIT: Duration = Duration::from_secs(10);
/// What is kept of a build. One service program is measured beside the other, so both lie together.
const PROGRAMS: [&str; 2] = ["ledger", "order-service"];

/// Builds a revision where that was not done before; gives the path of its `ledger`, beside which its `order-service` lies.
///
/// # Errors
/// When git does not know the revision, or it cannot be built.
pub fn ledger_of(revision: &str, interrupt: &Interrupt) -> Result<PathBuf> {
    let commit = commit_of(revision)?;
    let root = repository::target_dir().join("compared");
    let programs = root.join(&commit);
    if PROGRAMS.iter().all(|name| programs.join(name).is_file()) {
        return Ok(programs.join("ledger"));
    }
    // One folder for all revisions, so that their dependencies are compiled once.
    let source = root.join("source");
    progress::line(&format!("building {revision} ({commit}) in {}", source.display()));
    extract(&commit, &source)?;
    let mut command = ProcessCommand::new(repository::cargo()).args(cargo::BUILD_BINARIES).current_dir(&source);
    command.environment.push(("CARGO_TARGET_DIR".to_owned(), path_text(&root.join("target"))?.to_owned()));
    let status = OwnedProcess::spawn_visible("cargo", &command)?.wait_unless(interrupt, STOP_LIMIT)?;
    ensure!(status.success(), "{revision} cannot be built ({status})");
    fs::create_dir_all(&programs)?;
    for name in PROGRAMS {
        let (built, kept) = (root.join("target/release").join(name), programs.join(name));
        fs::copy(&built, &kept).with_context(|| format!("{revision} has no program `{name}`"))?;
    }
    Ok(programs.join("ledger"))
}

fn commit_of(revision: &str) -> Result<String> {
    let commit = format!("{revision}^{{commit}}");
    let mut command = git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit]);
    let output = command.output().context("git cannot be started")?;
    ensure!(output.status.success(), "`{revision}` is no revision of this repository");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The files of a commit, in place of those of the one before it.
fn extract(commit: &str, folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    fs::create_dir_all(folder)?;
    let mut archive = git(&["archive", "--format=tar", commit]).stdout(Stdio::piped()).spawn()?;
    let files = archive.stdout.take().context("git archive has no output")?;
    let unpacked = Command::new("tar").args(["--extract", "--directory"]).arg(folder).stdin(files).status()?;
    let archived = archive.wait()?;
    ensure!(archived.success() && unpacked.success(), "the files of {commit} cannot be had ({archived}, {unpacked})");
    Ok(())
}

fn git(words: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.args(words).current_dir(repository::root()).stdin(Stdio::null());
    command
}

fn path_text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{}: not UTF-8", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_revision_is_named() {
        let error = commit_of("no-such-revision").expect_err("refused");
        assert_eq!(error.to_string(), "`no-such-revision` is no revision of this repository");
        // A word that git would take for a flag is none.
        commit_of("--all").expect_err("refused");
    }
}
