//! `ledger config show`: each setting, its value, and where that comes from. It must never show a secret. Read next: `config/mod.rs`.

use clap::{ArgMatches, Args, Command, Subcommand};

use super::examples;
use crate::config::{Config, origins};
use crate::exit::{CommandError, Done};
use crate::flags::OutputArgs;
use crate::output;

#[derive(Debug, Args)]
pub struct ConfigShowArgs {
    #[command(subcommand)]
    pub command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Shows each setting of each command, its value and its origin; secrets are masked
    #[command(after_help = examples::CONFIG_SHOW)]
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    pub output: OutputArgs,
}

/// # Errors
/// When stdout cannot be written.
pub fn run(
    args: &ConfigShowArgs,
    command: &Command,
    config: &Config,
    matches: &ArgMatches,
) -> Result<Done, CommandError> {
    let ConfigCommand::Show(ShowArgs { output }) = &args.command;
    output::print(&origins(command, config, matches, |name| std::env::var_os(name)), *output)?;
    Ok(Done::Ok)
}
