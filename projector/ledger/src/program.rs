//! What the binaries have in common: the command line is read, one command runs, and its outcome becomes an exit code. It
//! must never decide anything itself.

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::commands::{
    dead_letters, generations, import, migrate, project, rebuild, rollback, status, stock, verify, verify_import,
};
use crate::exit::{self, CommandError, Done};
use crate::logging;

/// For librdkafka, too. Records are many and small, made by one thread and freed by another; glibc's allocator spends a tenth of a fold's
/// time on putting such pieces together again (measured with `bench lines-fold`, this one preloaded into the same build: 1.13 times as fast in
/// as much memory; Debian's mimalloc 1.08 times, newer ones are faster and take half as much memory again and more).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Runs the process.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    logging::start(&cli.log);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit::report(&error.into()),
    };
    let outcome = runtime.block_on(run_command(cli.command));
    // Whatever still runs (a client that waits for a dead broker) must not hold the process.
    runtime.shutdown_background();
    match outcome {
        Ok(done) => done.code(),
        Err(error) => exit::report(&error),
    }
}

/// Runs a command.
///
/// # Errors
/// [`CommandError`], which knows its exit code.
async fn run_command(command: Command) -> Result<Done, CommandError> {
    match command {
        Command::Project(args) => project::run(args).await,
        Command::Migrate(args) => migrate::run(args).await,
        Command::DeadLetters(args) => dead_letters::run(args).await,
        Command::Import(args) => import::run(args).await,
        Command::VerifyImport(args) => verify_import::run(args).await,
        Command::Rollback(args) => rollback::run(args).await,
        Command::Generations(args) => generations::run(args).await,
        Command::Rebuild(args) => rebuild::run(args).await,
        Command::Status(args) => status::run(args).await,
        Command::Verify(args) => verify::run(args).await,
        Command::Stock(args) => stock::run(args).await,
    }
}
