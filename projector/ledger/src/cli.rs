//! The commands of `ledger`: one variant each. Read next: `flags.rs` (what commands share), `commands/`.

use clap::{Parser, Subcommand};

use crate::commands::{
    completions::CompletionsArgs, config::ConfigShowArgs, dead_letters::DeadLettersArgs, debug::DebugArgs,
    doctor::DoctorArgs, examples, generations::GenerationsArgs, import::ImportArgs, keys::KeysArgs, man::ManArgs,
    migrate::MigrateArgs, order::OrderArgs, pause::PauseArgs, project::ProjectArgs, rebuild::RebuildArgs,
    rollback::RollbackArgs, skip::SkipArgs, status::StatusArgs, stock::StockArgs, verify::VerifyArgs,
    verify_import::VerifyImportArgs,
};
use crate::flags::{ConfigArgs, LogArgs};

#[derive(Debug, Parser)]
#[command(name = "ledger", version, about = "The order ledger: its projector, and an operator's commands", after_help = examples::PROGRAM)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub log: LogArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// One variant per file of `commands/`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Folds the log into the tables, until it is stopped
    #[command(after_help = examples::PROJECT)]
    Project(ProjectArgs),
    /// Creates database, users, tables and topics where they are missing
    #[command(after_help = examples::MIGRATE)]
    Migrate(MigrateArgs),
    /// Places, shows, confirms, cancels and follows orders through the services
    #[command(after_help = examples::ORDER)]
    Order(OrderArgs),
    /// Shows and changes stock through the services; without a subcommand from the log: as it was after a record or at a time,
    /// and how a number came about
    #[command(after_help = examples::STOCK)]
    Stock(StockArgs),
    /// Shows the position, the end and the lag of each partition
    #[command(after_help = examples::STATUS)]
    Status(StatusArgs),
    /// Stops folding a partition, or all, until it is resumed
    #[command(after_help = examples::PAUSE)]
    Pause(PauseArgs),
    /// Lets a paused partition go on, or all
    #[command(after_help = examples::RESUME)]
    Resume(PauseArgs),
    /// Parks the record that a partition would fold next, such as one that stops it
    #[command(after_help = examples::SKIP)]
    Skip(SkipArgs),
    /// Looks at everything that the ledger rests on, and says of each thing what was found and what to change; changes nothing
    #[command(after_help = examples::DOCTOR)]
    Doctor(Box<DoctorArgs>),
    /// Puts together what a bug report needs
    #[command(after_help = examples::DEBUG)]
    Debug(DebugArgs),
    /// Shows what could not be folded, and mends it
    #[command(after_help = examples::DEAD_LETTERS)]
    DeadLetters(DeadLettersArgs),
    /// Compares every row of the tables with the log, and names what differs
    #[command(after_help = examples::VERIFY)]
    Verify(VerifyArgs),
    /// Folds the log anew from its beginning, beside the live tables, and swaps the result in
    #[command(after_help = examples::REBUILD)]
    Rebuild(RebuildArgs),
    /// Goes back to tables that were live before a rebuild
    #[command(after_help = examples::ROLLBACK)]
    Rollback(RollbackArgs),
    /// Lists the sets of tables that rebuilds made, and drops one
    #[command(after_help = examples::GENERATIONS)]
    Generations(GenerationsArgs),
    /// Folds the old world in: a topic written for a connector, and a CSV of opening stock
    #[command(after_help = examples::IMPORT)]
    Import(ImportArgs),
    /// Compares the table that a connector's sink wrote with the ledger, and names what differs
    #[command(after_help = examples::VERIFY_IMPORT)]
    VerifyImport(VerifyImportArgs),
    /// Makes, lists and revokes the API keys of whoever calls services and projector
    #[command(after_help = examples::KEYS)]
    Keys(KeysArgs),
    /// Shows the settings that count, and where each comes from
    #[command(after_help = examples::CONFIG)]
    Config(ConfigShowArgs),
    /// Prints the script that lets a shell complete commands and flags
    #[command(after_help = examples::COMPLETIONS)]
    Completions(CompletionsArgs),
    /// Writes a manual page for each command
    #[command(after_help = examples::MAN)]
    Man(ManArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
