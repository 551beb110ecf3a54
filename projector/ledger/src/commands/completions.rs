//! `ledger completions SHELL`: the script that lets a shell complete commands and flags, made from their definition. It must never know a command by name.

use clap::{Args, Command};
use clap_complete::Shell;

use crate::exit::{CommandError, Done};
use crate::output;

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    pub shell: Shell,
}

/// Prints the script for the program as `command` defines it.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(args: &CompletionsArgs, mut command: Command) -> Result<Done, CommandError> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    output::own_text(&script)?;
    Ok(Done::Ok)
}
