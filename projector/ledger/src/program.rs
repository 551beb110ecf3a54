//! What the binaries have in common: the configuration file becomes defaults, the command line is read, one command runs, and its outcome becomes an
//! exit code. It must never decide anything itself.

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use crate::cli::{Cli, Command};
use crate::commands::{
    completions, config, dead_letters, debug, doctor, generations, import, keys, man, migrate, order, pause, project,
    rebuild, rollback, skip, status, stock, verify, verify_import,
};
use crate::config::Config;
use crate::exit::{self, CommandError, Done};
use crate::logging;
use crate::usage::UsageError;

/// For librdkafka, too. Records are many and small, made by one thread and freed by another; glibc's allocator spends a tenth of a fold's
/// time on putting such pieces together again (measured with `bench lines-fold`, this one preloaded into the same build: 1.13 times as fast in
/// as much memory; Debian's mimalloc 1.08 times, newer ones are faster and take half as much memory again and more).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Runs the process.
pub fn run() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let config = Config::load(&Cli::command(), &arguments);
    // A file that is wrong must not keep anybody from `--help`; the command line ends the process here where it asks for that, or is wrong.
    let command = config.as_ref().map_or_else(|_| Cli::command(), |config| config.apply(Cli::command()));
    let matches = command.get_matches_from(&arguments);
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.format(&mut Cli::command()).exit(),
    };
    let outcome = match before(&cli.command, config, &matches) {
        Before::Done(outcome) => outcome,
        Before::Refused(error) => Err(error),
        Before::Runs(known) => {
            logging::start(&cli.log);
            run_async(cli.command, known)
        }
    };
    match outcome {
        Ok(done) => done.code(),
        Err(error) => exit::report(&error),
    }
}

/// What stands before a command that works with servers.
enum Before {
    /// It was one that is about the program itself.
    Done(Result<Done, CommandError>),
    /// The configuration file is wrong.
    Refused(CommandError),
    /// With what is known of the settings, where the command shows them.
    Runs(debug::Known),
}

fn before(command: &Command, config: Result<Config, crate::config::ConfigError>, matches: &ArgMatches) -> Before {
    // The program's own definition: what a file says is none of a manual's business.
    match command {
        Command::Completions(args) => return Before::Done(completions::run(args, Cli::command())),
        Command::Man(args) => return Before::Done(man::run(args, &Cli::command())),
        _ => {}
    }
    match (command, config) {
        (_, Err(error)) => Before::Refused(UsageError::from(error).into()),
        (Command::Config(args), Ok(config)) => Before::Done(config::run(args, &Cli::command(), &config, matches)),
        (Command::Debug(_), Ok(config)) => match debug::Known::of(&Cli::command(), &config, matches) {
            Ok(known) => Before::Runs(known),
            Err(error) => Before::Refused(error),
        },
        (_, Ok(_)) => Before::Runs(debug::Known::default()),
    }
}

fn run_async(command: Command, known: debug::Known) -> Result<Done, CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(run_command(command, known));
    // Whatever still runs (a client that waits for a dead broker) must not hold the process.
    runtime.shutdown_background();
    outcome
}

/// Runs a command.
///
/// # Errors
/// [`CommandError`], which knows its exit code.
async fn run_command(command: Command, known: debug::Known) -> Result<Done, CommandError> {
    match command {
        Command::Project(args) => project::run(args).await,
        Command::Migrate(args) => migrate::run(args).await,
        Command::Order(args) => order::run(args).await,
        Command::DeadLetters(args) => dead_letters::run(args).await,
        Command::Import(args) => import::run(args).await,
        Command::VerifyImport(args) => verify_import::run(args).await,
        Command::Rollback(args) => rollback::run(args).await,
        Command::Generations(args) => generations::run(args).await,
        Command::Rebuild(args) => rebuild::run(args).await,
        Command::Pause(args) => pause::pause(args).await,
        Command::Resume(args) => pause::resume(args).await,
        Command::Skip(args) => skip::run(args).await,
        Command::Status(args) => status::run(args).await,
        Command::Verify(args) => verify::run(args).await,
        Command::Stock(args) => stock::run(args).await,
        Command::Keys(args) => keys::run(args).await,
        Command::Doctor(args) => doctor::run(*args).await,
        Command::Debug(args) => debug::run(args, known).await,
        // They are about the program itself, and have run.
        Command::Config(_) | Command::Completions(_) | Command::Man(_) => Ok(Done::Ok),
    }
}
