//! `ledger import`: its flags, and how its summary looks. It must never decide what is imported. Read next:
//! `import/mod.rs`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ledger_operator::import::{self, ImportOptions};
use tokio_util::sync::CancellationToken;

use super::project::stop_on_signal;
use crate::exit::{CommandError, Done};
use crate::flags::{KafkaArgs, OutputTopicsArgs, ReaderArgs, bounded};
use crate::old_world::OldWorldArgs;
use crate::output;

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The topic that the old services wrote: Connect JSON records (schema and payload, or the payload alone)
    #[arg(long)]
    pub topic: String,
    /// Opening stock, appended before the first order: CSV with the header `product_id,quantity`
    #[arg(long, value_name = "FILE.csv")]
    pub stock: Option<PathBuf>,
    #[command(flatten)]
    pub old_world: OldWorldArgs,
    /// Where `--derive-ids` writes old ids and those that are derived from them, before it appends [default: derived-ids-TOPIC.csv]
    #[arg(long, value_name = "FILE.csv", requires = "derive_ids")]
    pub derived_ids: Option<PathBuf>,
    /// Most orders that one run remembers, so that one that stands twice in the topic is named: 38 to 75 bytes of memory each
    #[arg(long, value_name = "ORDERS", default_value_t = 20_000_000)]
    pub remembered_orders: u32,
    /// Keep on until stopped (Ctrl-C), while old services still write
    #[arg(long)]
    pub follow: bool,
    /// Longest that one open transaction of the old topic is waited for: what is behind it cannot be read before it ends. Producers'
    /// own time-out is a minute by default, the broker's limit for it a quarter of an hour
    #[arg(long, env = "LEDGER_IMPORT_TRANSACTION_WAIT", value_name = "SECONDS", default_value_t = 90,
          value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub transaction_wait: u32,
    #[command(flatten)]
    pub kafka: KafkaArgs,
    #[command(flatten)]
    pub output_topics: OutputTopicsArgs,
    #[command(flatten)]
    pub reader: ReaderArgs,
}

/// Runs the import and prints its summary. Records that never were orders are part of a good end: they are named. Conflicts, changes of
/// orders, and a topic of which nothing can be taken are a difference.
pub async fn run(args: ImportArgs) -> Result<Done, CommandError> {
    let kafka = args.kafka.settings()?;
    let database = args.reader.url()?;
    let derived_ids = args
        .old_world
        .derive_ids
        .then(|| args.derived_ids.unwrap_or_else(|| PathBuf::from(format!("derived-ids-{}.csv", args.topic))));
    let options = ImportOptions {
        rules: args.old_world.rules()?,
        derived_ids,
        remembered_orders: bounded(args.remembered_orders),
        topic: args.topic,
        stock: args.stock,
        follow: args.follow,
        transaction_patience: Duration::from_secs(u64::from(args.transaction_wait)),
        orders_topic: args.kafka.orders_topic,
        other_topics: vec![
            args.output_topics.outcomes_topic,
            args.output_topics.dead_letters_topic,
            args.output_topics.cursors_topic,
        ],
    };
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    let summary = import::run(options, &kafka, database, stop).await?;
    output::print(&summary, args.reader.output)?;
    Ok(if summary.is_whole() { Done::Ok } else { Done::Difference })
}
