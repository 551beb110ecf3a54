//! `ledger status`: position, ends and lag of each partition, and the generations of the tables. Needs no more rights than a reader's.

use clap::Args;
use ledger_kafka::LogInspector;
use projector::status::StatusReader;

use crate::exit::{CommandError, Done};
use crate::flags::{KafkaArgs, ReaderArgs};
use crate::output;

#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    pub kafka: KafkaArgs,
    #[command(flatten)]
    pub reader: ReaderArgs,
}

pub async fn run(args: StatusArgs) -> Result<Done, CommandError> {
    let url = args.reader.url()?;
    let kafka = args.kafka.settings()?;
    let inspector = LogInspector::new(&kafka)?;
    let status = StatusReader::new(&kafka, inspector, url, &args.kafka.orders_topic).read().await?;
    output::print(&status, args.reader.output)?;
    Ok(if status.log.refusal.is_none() { Done::Ok } else { Done::Difference })
}
