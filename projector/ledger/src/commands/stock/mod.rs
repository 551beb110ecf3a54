//! `ledger stock`: with a subcommand, stock as the services have it now; without one, from the log alone, as it was and why. The two share a name
//! because they answer one question; a flag of the one is refused beside a subcommand of the other. It must never mix them.

mod log;
mod services;

use clap::Args;

use crate::exit::{CommandError, Done};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct StockArgs {
    #[command(subcommand)]
    pub command: Option<services::StockCommand>,
    #[command(flatten)]
    pub log: log::LogStockArgs,
}

pub async fn run(args: StockArgs) -> Result<Done, CommandError> {
    match args.command {
        Some(command) => services::run(command).await,
        None => log::run(args.log).await,
    }
}
