//! Programs in JavaScript that checks need: installed once from npm's registry, at the versions and hashes of `xtask/npm/`, into a folder
//! below `.ledger/tools/`. No script of a package is run.
//!
//! It must never install into the system's folders or the user's, and never be skipped: where they cannot be had, the check fails
//! and says what is missing. Read [`crate::pypi`] for those in Python.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::pypi::said;
use crate::{install, lock, progress, repository};

const PACKAGES: &str = include_str!("../npm/package.json");
/// Every package by version and hash, without the address of a registry: the client knows that.
const LOCK: &str = include_str!("../npm/package-lock.json");
/// Written last: a folder without it was not finished.
const COMPLETE: &str = "complete";

/// The folder that has `node_modules`; what is missing is installed first.
///
/// # Errors
/// When Node.js is missing and cannot be installed, or the registry cannot be reached.
pub fn folder() -> Result<PathBuf> {
    let folder = repository::root().join(".ledger/tools/npm");
    let is_complete = || fs::read_to_string(folder.join(COMPLETE)).is_ok_and(|text| text == LOCK);
    if is_complete() {
        return Ok(folder);
    }
    let _lock = lock::of_command("npm")?;
    if is_complete() {
        return Ok(folder);
    }
    install::install_node()?;
    progress::section("Installing what npm has for checks");
    let begin = Instant::now();
    make(&folder)?;
    fs::write(folder.join(COMPLETE), LOCK)?;
    progress::done("installed packages of npm", begin.elapsed());
    Ok(folder)
}

/// Node.js itself.
///
/// # Errors
/// When it is not there: [`folder`] installs it.
pub fn node() -> Result<PathBuf> {
    install::program("node")
}

fn make(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => fs::create_dir_all(folder)?,
    }
    fs::write(folder.join("package.json"), PACKAGES)?;
    fs::write(folder.join("package-lock.json"), LOCK)?;
    let mut npm = Command::new(install::program("npm")?);
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]).current_dir(folder);
    said(&mut npm).context(
        "packages cannot be installed from npm's registry, and without them AsyncAPI's document and what generated clients make of the API \
         are not checked; with internet access run `cargo xtask test` again",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_package_has_one_exact_version_and_a_hash() {
        let lock: Value = serde_json::from_str(LOCK).unwrap();
        let packages = lock["packages"].as_object().unwrap();
        let wanted: Value = serde_json::from_str(PACKAGES).unwrap();
        for (name, version) in wanted["dependencies"].as_object().unwrap() {
            assert_eq!(packages[&format!("node_modules/{name}")]["version"], *version, "{name} is pinned");
        }
        for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
            assert!(package["integrity"].is_string(), "{name} has no hash");
            assert!(package.get("resolved").is_none(), "{name} names a registry");
        }
    }
}
