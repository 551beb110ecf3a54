//! promtool, which holds Prometheus' rules against their grammar and against the tests beside them: the machine's own, or that of a Debian release, unpacked
//! once into `.ledger/promtool`.
//!
//! It must never be installed into the system, and never be skipped: where it cannot be had, the check fails and says what is missing. What is checked
//! with it: `e2e/tests/e2e/observability.rs`. Read [`crate::debian`] for how it is fetched.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::debian::{self, Wanted};
use crate::{install, repository};

const NAME: &str = "promtool";
const PROGRAM: &str = "usr/bin/promtool";
/// Of bookworm: a later release has no promtool in that package. Of all that the package depends on, promtool needs the C library alone, and that of any
/// system that this is built on will do: so it is run as it is.
const WANTED: Wanted = Wanted { release: "bookworm", packages: &[], bare_packages: &["prometheus"], programs: &[] };

/// The program, which is fetched first where it is not there.
///
/// # Errors
/// As [`debian::fetch`].
pub fn program() -> Result<PathBuf> {
    if let Some(found) = install::find_program(NAME) {
        return Ok(found);
    }
    let home = repository::root().join(".ledger").join(NAME);
    debian::fetch(WANTED, "promtool (20 MB)", &home).context("the alert rules cannot be checked")?;
    Ok(home.join(PROGRAM))
}
