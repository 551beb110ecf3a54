//! The binary `ledger`: reads the command line, runs one command, ends with its exit code. It must never decide
//! anything itself. Read next: `cli.rs` (what can be asked), `commands/` (one file per command), `exit.rs` (the codes).

use std::process::ExitCode;

use clap::Parser;
use projector::cli::Cli;
use projector::{commands, exit, logging};

fn main() -> ExitCode {
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
