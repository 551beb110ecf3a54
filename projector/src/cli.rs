//! What can be asked of `ledger`, as flags that are also environment variables. It must never connect to anything or
//! print a secret: values of database URLs are hidden. Read next: `commands/`.

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::{
    dead_letters::DeadLettersArgs, generations::GenerationsArgs, import::ImportArgs, migrate::MigrateArgs,
    project::ProjectArgs, rebuild::RebuildArgs, rollback::RollbackArgs, status::StatusArgs, stock::StockArgs,
    verify::VerifyArgs,
};

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

#[derive(Debug, Args)]
pub struct LogArgs {
    /// What is logged, as a tracing filter (`info`, `projector=debug,info`)
    #[arg(long, env = "LEDGER_LOG", default_value = "info", global = true)]
    pub log: String,
    #[arg(long, env = "LEDGER_LOG_FORMAT", default_value = "text", global = true)]
    pub log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// Where Kafka is, and how its topics are named.
#[derive(Debug, Clone, Args)]
pub struct KafkaArgs {
    /// Bootstrap servers, comma separated
    #[arg(long, env = "LEDGER_KAFKA_BROKERS", default_value = "127.0.0.1:29092")]
    pub kafka_brokers: String,
    /// Further librdkafka properties for every client, as `key=value`, comma separated
    #[arg(long, env = "LEDGER_KAFKA_PROPERTIES", default_value = "", hide_env_values = true)]
    pub kafka_properties: Hidden,
    #[arg(long, env = "LEDGER_ORDERS_TOPIC", default_value = ledger_schema::topics::ORDERS)]
    pub orders_topic: String,
}

/// The topics that the projector writes.
#[derive(Debug, Clone, Args)]
pub struct OutputTopicsArgs {
    #[arg(long, env = "LEDGER_OUTCOMES_TOPIC", default_value = ledger_schema::topics::OUTCOMES)]
    pub outcomes_topic: String,
    #[arg(long, env = "LEDGER_DEAD_LETTERS_TOPIC", default_value = ledger_schema::topics::DEAD_LETTERS)]
    pub dead_letters_topic: String,
    /// Where the relay keeps how far it has published
    #[arg(long, env = "LEDGER_CURSORS_TOPIC", default_value = ledger_schema::topics::CURSORS)]
    pub cursors_topic: String,
}

#[derive(Debug, Clone, Copy, Args)]
pub struct OutputArgs {
    /// Default: a table on a terminal, JSON otherwise
    #[arg(long)]
    pub output: Option<OutputFormat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    Table,
    Json,
}

/// Text that may hold a secret. It takes any text, so that a mistake in it is never echoed by the parser; whoever reads it
/// checks it and names the flag only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

impl From<&str> for Hidden {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl std::str::FromStr for Hidden {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::from(text))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_hidden_value_does_not_show() {
        assert_eq!(format!("{:?}", Hidden::from("mysql://u:secret@h/d")), "(hidden)");
    }
}
