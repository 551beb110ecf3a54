//! schemathesis, which holds a service against its own OpenAPI document: a Python program, installed once from PyPI at pinned
//! versions into a virtual environment of its own below `.ledger/tools/`.
//!
//! It must never install into the system's Python or the user's, and never be skipped: where it cannot be had, the check
//! fails and says what is missing. What is checked with it, and how: `e2e/tests/e2e/contract.rs`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::{install, lock, progress, repository};

/// Every package by its version, schemathesis first of all.
const REQUIREMENTS: &str = include_str!("../schemathesis/requirements.txt");

const PACKAGE: &str = "schemathesis";
/// Written last: an environment without it was not finished.
const COMPLETE: &str = "complete";

/// The program, which is installed first where it is not there.
///
/// # Errors
/// When Python is missing and cannot be installed, or PyPI cannot be reached.
pub fn program() -> Result<PathBuf> {
    let version = version()?;
    // A folder for each version, so that a new pin does not find the old program.
    let folder = repository::root().join(".ledger/tools").join(format!("{PACKAGE}-{version}"));
    let program = folder.join("bin").join(PACKAGE);
    // Pins of what it needs can change without its own.
    let is_complete = || fs::read_to_string(folder.join(COMPLETE)).is_ok_and(|text| text == REQUIREMENTS);
    if is_complete() {
        return Ok(program);
    }
    let _lock = lock::of_command(PACKAGE)?;
    if is_complete() {
        return Ok(program);
    }
    install::install_python()?;
    progress::section(&format!("Installing {PACKAGE} {version}"));
    let begin = Instant::now();
    make(&folder)?;
    fs::write(folder.join(COMPLETE), REQUIREMENTS)?;
    progress::done(&format!("installed {PACKAGE}"), begin.elapsed());
    Ok(program)
}

fn version() -> Result<&'static str> {
    let pinned = REQUIREMENTS.lines().find_map(|line| line.strip_prefix(PACKAGE)?.strip_prefix("=="));
    pinned.context("xtask/schemathesis/requirements.txt names no version of schemathesis")
}

/// A fresh environment with all packages. It is made where it stays: its programs know their own path.
fn make(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => fs::create_dir_all(folder)?,
    }
    let python = install::program("python3")?;
    said(Command::new(python).args(["-m", "venv"]).arg(folder)).context("`python3 -m venv`")?;
    let requirements = folder.join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS)?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--only-binary",
        ":all:",
    ]);
    pip.arg("--requirement").arg(requirements);
    said(&mut pip).with_context(|| {
        format!("{PACKAGE} cannot be installed from PyPI, and without it the REST contract is not checked; with internet access run `cargo xtask test` again")
    })
}

fn said(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let words = [output.stdout, output.stderr].concat();
        bail!("{}: {}", output.status, String::from_utf8_lossy(&words).trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_has_one_exact_version() {
        assert!(version().unwrap().split('.').all(|number| number.parse::<u32>().is_ok()));
        let packages = REQUIREMENTS.lines().filter(|line| !line.starts_with('#'));
        for package in packages {
            let (name, version) = package.split_once("==").unwrap();
            assert!(!name.is_empty() && version.starts_with(|c: char| c.is_ascii_digit()), "{package}");
        }
    }
}
