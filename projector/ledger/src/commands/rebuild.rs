//! `ledger rebuild`: its flags. It must never decide what is rebuilt, or whether rows may change. Read next:
//! `rebuild/mod.rs`.

use std::time::Duration;

use clap::Args;
use ledger_operator::generations::swap::Patience;
use ledger_operator::rebuild::{self, Consent, RebuildOptions, RebuildOutcome};
use projector::intake::Limits;
use projector::writer::BatchSettings;
use tokio_util::sync::CancellationToken;

use super::project::stop_on_signal;
use crate::exit::{CommandError, Done};
use crate::flags;
use crate::flags::{Hidden, KafkaArgs, OutputArgs, OutputTopicsArgs, bounded};
use crate::output;

#[derive(Debug, Args)]
pub struct RebuildArgs {
    /// Swap the new tables in also where rows change by it, without a question
    #[arg(long)]
    pub yes: bool,
    /// Build the new tables, compare them with the live ones, and drop them
    #[arg(long)]
    pub dry_run: bool,
    /// Drop what an interrupted rebuild left, instead of continuing it
    #[arg(long)]
    pub restart: bool,
    /// Most differences between live and new rows that are listed (all are counted)
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub limit: u32,
    #[command(flatten)]
    pub kafka: KafkaArgs,
    #[command(flatten)]
    pub topics: OutputTopicsArgs,
    /// mysql://USER:PASSWORD@HOST:PORT/DATABASE of the owner
    #[arg(long, env = "LEDGER_OWNER_DATABASE_URL", hide_env_values = true)]
    pub owner_database_url: Option<Hidden>,
    /// Writers, each with a connection and a share of the partitions
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub writers: u8,
    /// Most records in one transaction. Nobody waits for a single one here: larger than the projector's
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub batch_max_records: u32,
    /// Bytes of records after which a transaction takes no more (one record may be larger)
    #[arg(long, default_value_t = 4 * 1024 * 1024, value_parser = clap::value_parser!(u32).range(1024..=8 * 1024 * 1024))]
    pub batch_max_bytes: u32,
    /// How often it is tried to swap the tables while others hold them
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub swap_attempts: u32,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// How long a transaction waits for more records than are there, so that few are small.
const LINGER: Duration = Duration::from_millis(5);

pub async fn run(args: RebuildArgs) -> Result<Done, CommandError> {
    let database =
        flags::database_url("--owner-database-url", "LEDGER_OWNER_DATABASE_URL", args.owner_database_url.as_ref())?;
    let limits = Limits { records: bounded(args.batch_max_records), bytes: bounded(args.batch_max_bytes) };
    let options = RebuildOptions {
        kafka: args.kafka.settings()?,
        database,
        topics: args.topics.named(args.kafka.orders_topic),
        writers: usize::from(args.writers),
        batch: BatchSettings { limits, linger: LINGER },
        restart: args.restart,
        dry_run: args.dry_run,
        consent: Consent::of(args.yes),
        difference_limit: bounded(args.limit),
        patience: Patience { attempts: args.swap_attempts, ..Patience::default() },
    };
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    let summary = rebuild::run(&options, &stop).await?;
    output::print(&summary, args.output)?;
    Ok(match summary.outcome {
        RebuildOutcome::Swapped | RebuildOutcome::SwappedBefore => Done::Ok,
        RebuildOutcome::DryRun if !summary.changes_rows() => Done::Ok,
        RebuildOutcome::DryRun | RebuildOutcome::Refused => {
            // JSON on stdout says it, too; a person in front of a pipe sees only this.
            summary.changes().iter().for_each(|line| output::say(line));
            Done::Difference
        }
    })
}
