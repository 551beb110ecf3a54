//! `ledger generations list|drop`: which sets of tables there are, and dropping one. It must never decide what may be dropped.
//! Read next: `generations/mod.rs`.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};

use crate::cli::{Hidden, OutputArgs};
use crate::database::DatabaseUrl;
use crate::exit::{CommandError, Done};
use crate::generations::drop::{self, Dropped};
use crate::generations::list::{self, Listed, Listing, Standing};
use crate::output::{self, Report};

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

pub(super) async fn run(args: GenerationsArgs) -> Result<Done, CommandError> {
    let owner_url = |args: &OwnerArgs| {
        DatabaseUrl::of_flag("--owner-database-url", "LEDGER_OWNER_DATABASE_URL", args.owner_database_url.as_ref())
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

const NONE: &str = "(none)";

fn number(number: Option<i64>) -> String {
    number.map_or(NONE.to_owned(), |number| number.to_string())
}

fn time(time: Option<DateTime<Utc>>) -> String {
    time.map_or(NONE.to_owned(), |time| time.format("%Y-%m-%d %H:%M:%S").to_string())
}

impl Report for Listing {
    fn header(&self) -> Vec<&'static str> {
        vec!["generation", "state", "phase", "fold", "records", "bytes", "started (UTC)", "live since", "builder"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |listed: &Listed| {
            vec![
                listed.generation.to_string(),
                listed.state.as_str().to_owned(),
                listed.phase.map_or(NONE, |phase| phase.as_str()).to_owned(),
                number(listed.fold_version.map(i64::from)),
                number(listed.records),
                number(listed.bytes),
                time(listed.started_at),
                time(listed.swapped_at),
                listed.builder.clone().unwrap_or_else(|| NONE.to_owned()),
            ]
        };
        self.items.iter().map(row).collect()
    }

    fn summary(&self) -> Option<String> {
        let mut lines = Vec::new();
        if self.live.is_none() {
            lines.push(format!("nothing was folded from topic {} yet: no generation is live", self.topic));
        }
        if let Some(holder) = &self.working {
            lines.push(format!("running: {holder}"));
        }
        if self.items.iter().any(|listed| listed.state == Standing::Interrupted) {
            lines.push("interrupted: `ledger rebuild` goes on with it".to_owned());
        }
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

impl Report for Dropped {
    fn header(&self) -> Vec<&'static str> {
        vec!["generation", "tables dropped"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let tables = if self.tables.is_empty() { NONE.to_owned() } else { self.tables.join(", ") };
        vec![vec![self.generation.to_string(), tables]]
    }
}
