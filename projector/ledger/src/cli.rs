//! The commands of `ledger`: one variant each. Read next: `flags.rs` (what commands share), `commands/`.

use clap::{Parser, Subcommand};

use crate::commands::{
    dead_letters::DeadLettersArgs, generations::GenerationsArgs, import::ImportArgs, migrate::MigrateArgs,
    project::ProjectArgs, rebuild::RebuildArgs, rollback::RollbackArgs, status::StatusArgs, stock::StockArgs,
    verify::VerifyArgs, verify_import::VerifyImportArgs,
};
use crate::flags::LogArgs;

#[derive(Debug, Parser)]
#[command(name = "ledger", version, about = "The order ledger: its projector, and an operator's commands")]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub log: LogArgs,
}

/// One variant per file of `commands/`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Folds the log into the tables, until it is stopped
    Project(ProjectArgs),
    /// Creates database, users, tables and topics where they are missing
    Migrate(MigrateArgs),
    /// Shows what could not be folded, and mends it
    DeadLetters(DeadLettersArgs),
    /// Folds the old world in: a topic written for a connector, and a CSV of opening stock
    Import(ImportArgs),
    /// Compares the table that a connector's sink wrote with the ledger, and names what differs
    VerifyImport(VerifyImportArgs),
    /// Goes back to tables that were live before a rebuild
    Rollback(RollbackArgs),
    /// Lists the sets of tables that rebuilds made, and drops one
    Generations(GenerationsArgs),
    /// Folds the log anew from its beginning, beside the live tables, and swaps the result in
    Rebuild(RebuildArgs),
    /// Shows the position, the end and the lag of each partition
    Status(StatusArgs),
    /// Compares every row of the tables with the log, and names what differs
    Verify(VerifyArgs),
    /// Shows stock as it was after a record or at a time, and how a number came about
    Stock(StockArgs),
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
