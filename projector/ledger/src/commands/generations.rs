//! `ledger generations list|drop`: which sets of tables there are, and dropping one. It must never decide what may be dropped.
//! Read next: `generations/mod.rs`.

use clap::{Args, Subcommand};
use ledger_operator::generations::drop;
use ledger_operator::generations::list;

use crate::exit::{CommandError, Done};
use crate::flags;
use crate::flags::{Hidden, OutputArgs};
use crate::output;

#[derive(Debug, Args)]
pub struct GenerationsArgs {
    #[command(subcommand)]
    pub command: GenerationsCommand,
}

#[derive(Debug, Subcommand)]
pub enum GenerationsCommand {
    /// Lists all generations of the tables: which is live, which can be rolled back to, which is being built
    List(OwnerArgs),
    /// Drops the tables of a generation that is not live
    Drop(DropArgs),
}

#[derive(Debug, Args)]
pub struct DropArgs {
    /// Number of the generation
    #[arg(value_parser = clap::value_parser!(i32).range(0..))]
    pub generation: i32,
    #[command(flatten)]
    pub owner: OwnerArgs,
}

#[derive(Debug, Args)]
pub struct OwnerArgs {
    #[arg(long, env = "LEDGER_ORDERS_TOPIC", default_value = ledger_schema::topics::ORDERS)]
    pub orders_topic: String,
    /// mysql://USER:PASSWORD@HOST:PORT/DATABASE of the owner, who sees all tables
    #[arg(long, env = "LEDGER_OWNER_DATABASE_URL", hide_env_values = true)]
    pub owner_database_url: Option<Hidden>,
    #[command(flatten)]
    pub output: OutputArgs,
}

pub async fn run(args: GenerationsArgs) -> Result<Done, CommandError> {
    let owner_url = |args: &OwnerArgs| {
        flags::database_url("--owner-database-url", "LEDGER_OWNER_DATABASE_URL", args.owner_database_url.as_ref())
    };
    match args.command {
        GenerationsCommand::List(args) => {
            output::print(&list::run(&owner_url(&args)?, &args.orders_topic).await?, args.output)?;
        }
        GenerationsCommand::Drop(DropArgs { generation, owner }) => {
            let dropped = drop::run(&owner_url(&owner)?, &owner.orders_topic, generation).await?;
            output::print(&dropped, owner.output)?;
        }
    }
    Ok(Done::Ok)
}
