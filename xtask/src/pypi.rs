//! Programs in Python that checks need: installed once from PyPI, at pinned versions, each into a virtual environment of its own below
//! `.ledger/tools/`.
//!
//! It must never install into the system's Python or the user's, and never be skipped: where one cannot be had, the check
//! fails and says what is missing. Read [`crate::npm`] for those in JavaScript.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::{install, lock, progress, repository};

/// Written last: an environment without it was not finished.
const COMPLETE: &str = "complete";

/// One program: its package and its binary have one name.
#[derive(Debug, Clone, Copy)]
pub struct PythonTool {
    package: &'static str,
    /// Every package by its version, made by `pip freeze`.
    requirements: &'static str,
    /// What is not checked without it.
    for_what: &'static str,
}

/// Holds a service against its own OpenAPI document: `e2e/tests/e2e/contract.rs`.
pub const SCHEMATHESIS: PythonTool = PythonTool {
    package: "schemathesis",
    requirements: include_str!("../schemathesis/requirements.txt"),
    for_what: "the REST contract",
};
/// Generates a client from it: `e2e/tests/e2e/clients.rs`.
pub const OPENAPI_PYTHON_CLIENT: PythonTool = PythonTool {
    package: "openapi-python-client",
    requirements: include_str!("../openapi-python-client/requirements.txt"),
    for_what: "what generated clients make of the API",
};
/// All of them.
pub const ALL: [PythonTool; 2] = [SCHEMATHESIS, OPENAPI_PYTHON_CLIENT];

impl PythonTool {
    /// Its name on PyPI.
    #[must_use]
    pub const fn package(self) -> &'static str {
        self.package
    }

    /// The program, which is installed first where it is not there.
    ///
    /// # Errors
    /// When Python is missing and cannot be installed, or PyPI cannot be reached.
    pub fn program(self) -> Result<PathBuf> {
        Ok(self.folder()?.join("bin").join(self.package))
    }

    /// The Python that has its packages.
    ///
    /// # Errors
    /// As [`Self::program`].
    pub fn python(self) -> Result<PathBuf> {
        Ok(self.folder()?.join("bin/python"))
    }

    fn folder(self) -> Result<PathBuf> {
        let version = self.version()?;
        // A folder for each version, so that a new pin does not find the old program.
        let folder = repository::root().join(".ledger/tools").join(format!("{}-{version}", self.package));
        // Pins of what it needs can change without its own.
        let is_complete = || fs::read_to_string(folder.join(COMPLETE)).is_ok_and(|text| text == self.requirements);
        if is_complete() {
            return Ok(folder);
        }
        let _lock = lock::of_command(self.package)?;
        if is_complete() {
            return Ok(folder);
        }
        install::install_python()?;
        progress::section(&format!("Installing {} {version}", self.package));
        let begin = Instant::now();
        self.make(&folder)?;
        fs::write(folder.join(COMPLETE), self.requirements)?;
        progress::done(&format!("installed {}", self.package), begin.elapsed());
        Ok(folder)
    }

    fn version(self) -> Result<&'static str> {
        let pinned = self.requirements.lines().find_map(|line| line.strip_prefix(self.package)?.strip_prefix("=="));
        pinned.with_context(|| format!("xtask/{}/requirements.txt names no version of it", self.package))
    }

    /// A fresh environment with all packages. It is made where it stays: its programs know their own path.
    fn make(self, folder: &Path) -> Result<()> {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => fs::create_dir_all(folder)?,
        }
        let python = install::program("python3")?;
        said(Command::new(python).args(["-m", "venv"]).arg(folder)).context("`python3 -m venv`")?;
        let requirements = folder.join("requirements.txt");
        fs::write(&requirements, self.requirements)?;
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
        pip.args(["--only-binary", ":all:", "--requirement"]).arg(requirements);
        said(&mut pip).with_context(|| {
            let (package, for_what) = (self.package, self.for_what);
            format!("{package} cannot be installed from PyPI, and without it {for_what} is not checked; with internet access run `cargo xtask test` again")
        })
    }
}

/// Runs it, and says what it said where it fails.
pub(crate) fn said(command: &mut Command) -> Result<()> {
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
        for tool in ALL {
            assert!(tool.version().unwrap().split('.').all(|number| number.parse::<u32>().is_ok()));
            let packages = tool.requirements.lines().filter(|line| !line.starts_with('#'));
            for package in packages {
                let (name, version) = package.split_once("==").unwrap();
                assert!(!name.is_empty() && version.starts_with(|c: char| c.is_ascii_digit()), "{package}");
            }
        }
    }
}
