//! `ledger status`: position, end and lag of each partition, and the generations of the tables. Needs no more rights than a reader's.

use clap::Args;

use crate::cli::{Hidden, KafkaArgs, OutputArgs};
use crate::database::DatabaseUrl;
use crate::exit::{CommandError, Done};
use crate::kafka::{KafkaSettings, LogInspector};
use crate::{output, status};

#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    pub kafka: KafkaArgs,
    /// mysql://USER:PASSWORD@HOST:PORT/DATABASE of the reader
    #[arg(long, env = "LEDGER_READER_DATABASE_URL", hide_env_values = true)]
    pub reader_database_url: Option<Hidden>,
    #[command(flatten)]
    pub output: OutputArgs,
}

pub(super) async fn run(args: StatusArgs) -> Result<Done, CommandError> {
    let url =
        DatabaseUrl::of_flag("--reader-database-url", "LEDGER_READER_DATABASE_URL", args.reader_database_url.as_ref())?;
    let inspector = LogInspector::new(&KafkaSettings::of(&args.kafka)?)?;
    let status = status::read(&url, &inspector, &args.kafka.orders_topic).await?;
    output::print(&status, args.output)?;
    Ok(Done::Ok)
}
