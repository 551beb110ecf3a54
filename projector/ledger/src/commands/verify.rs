//! `ledger verify`: compares the tables with the log, and what partitions tell each other. It needs no more rights than a reader's. Read next: `verify/mod.rs`.

use clap::Args;
use ledger_operator::verify::{self, VerifyOptions};

use crate::exit::{CommandError, Done};
use crate::flags::{KafkaArgs, OutputTopicsArgs, ReaderArgs, bounded};
use crate::output;

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Most differences that are listed; all are counted
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub limit: u32,
    /// A quick look instead: this many records of each partition, taken at random, and the stock of their products
    #[arg(long, value_name = "RECORDS", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub sample: Option<u32>,
    #[command(flatten)]
    pub kafka: KafkaArgs,
    #[command(flatten)]
    pub topics: OutputTopicsArgs,
    #[command(flatten)]
    pub reader: ReaderArgs,
}

pub async fn run(args: VerifyArgs) -> Result<Done, CommandError> {
    let database = args.reader.url()?;
    let options = VerifyOptions {
        kafka: args.kafka.settings()?,
        topics: args.topics.named(args.kafka.orders_topic),
        database,
        limit: bounded(args.limit),
    };
    let is_right = match args.sample {
        None => {
            let verified = verify::verify(options).await?;
            output::print(&verified, args.reader.output)?;
            verified.is_proved()
        }
        Some(records) => {
            let sampled = verify::sample(options, records).await?;
            output::print(&sampled, args.reader.output)?;
            sampled.differences.is_empty()
        }
    };
    Ok(if is_right { Done::Ok } else { Done::Difference })
}
