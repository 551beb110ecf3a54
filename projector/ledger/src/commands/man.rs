//! `ledger man DIR`: a manual page for each command, made from its definition. It must never know a command by name.

use std::path::PathBuf;

use clap::{Args, Command};
use ledger_operator::output::Report;
use serde::Serialize;

use crate::exit::{CommandError, Done};
use crate::flags::OutputArgs;
use crate::output;

#[derive(Debug, Args)]
pub struct ManArgs {
    /// Where the pages are written; made where it is missing
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Pages {
    folder: String,
    pages: usize,
}

impl Report for Pages {
    fn header(&self) -> Vec<&'static str> {
        vec!["folder", "pages"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![vec![self.folder.clone(), self.pages.to_string()]]
    }

    fn summary(&self) -> Option<String> {
        Some(format!(
            "`man -l {}/ledger.1` shows the first; in a folder man1 below one of MANPATH all are found by name",
            self.folder
        ))
    }
}

/// Writes the pages of the program as `command` defines it.
///
/// # Errors
/// [`CommandError::Refused`], with the folder's name.
pub fn run(args: &ManArgs, command: &Command) -> Result<Done, CommandError> {
    let folder = args.folder.display().to_string();
    let write = || {
        std::fs::create_dir_all(&args.folder)?;
        clap_mangen::generate_to(command.clone(), &args.folder)
    };
    write().map_err(|error: std::io::Error| CommandError::Refused(format!("{folder}: {error}")))?;
    let report = Pages { folder, pages: count(command) };
    output::print(&report, args.output)?;
    Ok(Done::Ok)
}

fn count(command: &Command) -> usize {
    1 + command.get_subcommands().map(count).sum::<usize>()
}
