//! `cargo xtask`: parses the arguments and calls the library. Read `lib.rs` next.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use xtask::interrupt::Interrupt;
use xtask::process::record;
use xtask::{progress, servers};

/// The order ledger's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: XtaskCommand,
}

#[derive(Debug, Subcommand)]
enum XtaskCommand {
    /// A Kafka and a MariaDB for running single tests by hand
    #[command(subcommand)]
    Servers(ServersCommand),
    /// Records the calling process and becomes PROGRAM
    #[command(hide = true)]
    Launch(LaunchArguments),
}

#[derive(Debug, Subcommand)]
enum ServersCommand {
    /// Start them on fresh data and print the variables to `eval`; says so when they run
    Start,
    /// Stop them and remove their data
    Stop,
}

#[derive(Debug, clap::Args)]
struct LaunchArguments {
    #[arg(long)]
    run_dir: PathBuf,
    #[arg(long)]
    name: String,
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            progress::line(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: XtaskCommand) -> Result<ExitCode> {
    let done = ExitCode::SUCCESS;
    match command {
        XtaskCommand::Servers(ServersCommand::Start) => servers::start_for_hand(&Interrupt::install()?).map(|()| done),
        XtaskCommand::Servers(ServersCommand::Stop) => servers::stop_for_hand().map(|()| done),
        XtaskCommand::Launch(LaunchArguments { run_dir, name, command }) => {
            let (program, arguments) = command.split_first().context("no program")?;
            record::launch(&run_dir, &name, program, arguments).map(|()| done)
        }
    }
}
