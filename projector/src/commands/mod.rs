//! One file per command. A command checks its flags, calls the part of the library that does the work, and prints; it
//! must never hold logic of its own.

pub mod dead_letters;
pub mod generations;
pub mod import;
pub mod migrate;
pub mod project;
pub mod rebuild;
pub mod rollback;
pub mod status;
pub mod stock;
pub mod verify;

use crate::cli::Command;
use crate::exit::{CommandError, Done};

/// Runs a command.
///
/// # Errors
/// [`CommandError`], which knows its exit code.
pub async fn run(command: Command) -> Result<Done, CommandError> {
    match command {
        Command::Project(args) => project::run(args).await,
        Command::Migrate(args) => migrate::run(args).await,
        Command::DeadLetters(args) => dead_letters::run(args).await,
        Command::Import(args) => import::run(args).await,
        Command::Rollback(args) => rollback::run(args).await,
        Command::Generations(args) => generations::run(args).await,
        Command::Rebuild(args) => rebuild::run(args).await,
        Command::Status(args) => status::run(args).await,
        Command::Verify(args) => verify::run(args).await,
        Command::Stock(args) => stock::run(args).await,
    }
}
