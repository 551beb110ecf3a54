//! `ledger debug bundle`: one file for a bug report. The settings, and which of them are secrets, are read before the command runs, where the program's
//! own definition is at hand. Read next: `bundle/mod.rs` of the operator.

use std::path::PathBuf;

use clap::{ArgMatches, Args, Command, Subcommand};
use ledger_operator::bundle;
use serde_json::Value;

use super::examples;
use crate::config::{Config, origins, secrets};
use crate::exit::{CommandError, Done};
use crate::flags::OutputArgs;
use crate::look_flags::LookArgs;
use crate::output;

#[derive(Debug, Args)]
pub struct DebugArgs {
    #[command(subcommand)]
    pub command: DebugCommand,
}

#[derive(Debug, Subcommand)]
pub enum DebugCommand {
    /// Writes one file with what a bug report needs: findings, status, settings, versions, topics, sizes. No secrets, no orders
    #[command(after_help = examples::DEBUG_BUNDLE)]
    Bundle(Box<BundleArgs>),
}

#[derive(Debug, Args)]
pub struct BundleArgs {
    /// The file that is written; default: ledger-debug-TIME.tar in the working directory
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Replaces a file that is there
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub look: LookArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What is known of the settings before a command runs.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// As `ledger config show` prints them.
    settings: Value,
    /// Values that must not be shown.
    secrets: Vec<String>,
}

impl Known {
    /// # Errors
    /// When the settings are no JSON, which no setting can bring about.
    pub fn of(command: &Command, config: &Config, matches: &ArgMatches) -> Result<Self, CommandError> {
        let variable = |name: &str| std::env::var_os(name);
        let shown = origins(command, config, matches, variable);
        let settings = serde_json::to_value(shown).map_err(std::io::Error::other)?;
        Ok(Self { settings, secrets: secrets(command, config, variable) })
    }
}

pub async fn run(args: DebugArgs, known: Known) -> Result<Done, CommandError> {
    let DebugCommand::Bundle(args) = args.command;
    let BundleArgs { file, force, look, output } = *args;
    let Known { settings, secrets } = known;
    let options = bundle::Options { look: look.options()?, settings, secrets, file, force };
    let bundled = Box::pin(bundle::run(options)).await?;
    output::print(&bundled, output)?;
    Ok(Done::Ok)
}
