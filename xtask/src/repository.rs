//! Where the repository and cargo's output lie.
//!
//! It must never call cargo or git: both paths are known without a child process.

use std::env;
use std::path::{Path, PathBuf};

/// The repository's root: the folder that holds `xtask/`.
#[must_use]
pub fn root() -> PathBuf {
    let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest_dir.parent().unwrap_or(manifest_dir).to_path_buf()
}

/// Cargo's target folder, as `CARGO_TARGET_DIR` says or `target/` in the root.
#[must_use]
pub fn target_dir() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// The folder of the binaries: the repository has one profile, release.
#[must_use]
pub fn binary_dir() -> PathBuf {
    target_dir().join("release")
}

/// The cargo that runs us, or the one on the path.
#[must_use]
pub fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}
