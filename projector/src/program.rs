//! What the binaries have in common: the command line is read, one command runs, and its outcome becomes an exit code. It
//! must never decide anything itself.

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::{commands, exit, logging};

/// Runs the process.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    logging::start(&cli.log);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit::report(&error.into()),
    };
    let outcome = runtime.block_on(commands::run(cli.command));
    // Whatever still runs (a client that waits for a dead broker) must not hold the process.
    runtime.shutdown_background();
    match outcome {
        Ok(done) => done.code(),
        Err(error) => exit::report(&error),
    }
}
