//! `ledger status`: position, ends and lag of each partition, and the generations of the tables. Needs no more rights than a reader's.

use clap::Args;
use ledger_kafka::LogInspector;
use projector::status::StatusReader;

use crate::exit::{CommandError, Done};
use crate::flags;
use crate::flags::{Hidden, KafkaArgs, OutputArgs};
use crate::output;

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

pub async fn run(args: StatusArgs) -> Result<Done, CommandError> {
    let url =
        flags::database_url("--reader-database-url", "LEDGER_READER_DATABASE_URL", args.reader_database_url.as_ref())?;
    let kafka = args.kafka.settings()?;
    let inspector = LogInspector::new(&kafka)?;
    let status = StatusReader::new(&kafka, inspector, url, &args.kafka.orders_topic).read().await?;
    output::print(&status, args.output)?;
    Ok(if status.log.refusal.is_none() { Done::Ok } else { Done::Difference })
}
