//! The cargo subcommands that checks need and a machine seldom has: compiled once, at a pinned version, into
//! `.ledger/tools/`.
//!
//! One that the machine already has is used as it is. It must never install into the user's own folder. Read
//! [`crate::checks`] next.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::interrupt::Interrupt;
use crate::process::{OwnedProcess, ProcessCommand};
use crate::{cargo, install, progress, repository};

const STOP_LIMIT: Duration = Duration::from_secs(10);

/// One subcommand: its package and binary have one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tool {
    name: &'static str,
    version: &'static str,
}

/// Licences, sources and bans of all dependencies, as `deny.toml` says. Compiled for longer than it runs.
pub const DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };
/// Dependencies that no source names.
pub const MACHETE: Tool = Tool { name: "cargo-machete", version: "0.9.2" };
/// Changes of the source that no test notices.
pub const MUTANTS: Tool = Tool { name: "cargo-mutants", version: "27.1.0" };

impl Tool {
    /// Its program, which is compiled first where there is none.
    ///
    /// # Errors
    /// When it cannot be compiled; the message has the line to run.
    pub fn program(self, interrupt: &Interrupt) -> Result<PathBuf> {
        if let Some(found) = install::find_program(self.name) {
            return Ok(found);
        }
        let tools = repository::root().join(".ledger/tools");
        // A folder for each version, so that a new pin does not find the old program.
        let root = tools.join(format!("{}-{}", self.name, self.version));
        let program = root.join("bin").join(self.name);
        if program.is_file() {
            return Ok(program);
        }
        progress::section(&format!("Installing {} {}", self.name, self.version));
        let begin = Instant::now();
        let text =
            |path: PathBuf| path.into_os_string().into_string().ok().context("the repository's path is not UTF-8");
        let (root, target) = (text(root)?, text(tools.join("target"))?);
        // Without optimization: they run for seconds, and compile for minutes.
        let pin = format!("={}", self.version);
        let words = ["install", "--locked", "--quiet", self.name, "--version", &pin, "--no-track", "--debug"];
        cargo::run_behind(&[&words[..], &["--root", &root, "--target-dir", &target]].concat(), interrupt)?;
        progress::done(&format!("installed {}", self.name), begin.elapsed());
        Ok(program)
    }

    /// Runs it in the repository's root.
    ///
    /// # Errors
    /// When it cannot be compiled, or ends with another code than 0.
    pub fn run(self, arguments: &[&str], interrupt: &Interrupt) -> Result<()> {
        let command = ProcessCommand::new(self.program(interrupt)?).args(arguments).current_dir(repository::root());
        progress::line(&format!("{} {}", self.name, arguments.join(" ")));
        let status = OwnedProcess::spawn_visible(self.name, &command)?.wait_unless(interrupt, STOP_LIMIT)?;
        ensure!(status.success(), "`{} {}` failed ({status})", self.name, arguments.join(" "));
        Ok(())
    }
}
