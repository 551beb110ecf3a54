//! `ledger dead-letters list|show|redrive`: their flags, and how the answers look. It must never
//! decide what may be redriven. Read next: `dead_letters/mod.rs`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use clap::{ArgGroup, Args, Subcommand};
use ledger_operator::dead_letters::{self, AsReceivedOptions, Filter, RedriveOptions, RedriveSummary, Which};
use ledger_schema::domain::parse_timestamp;
use ledger_schema::{ParkReason, Position};

/// How often a run of many says how far it is.
const BETWEEN_TELLINGS: Duration = Duration::from_secs(1);

use super::examples;
use crate::exit::{CommandError, Done};
use crate::flags;
use crate::flags::{Hidden, KafkaArgs, OutputArgs, ReaderArgs};
use crate::input;
use crate::output;

#[derive(Debug, Args)]
pub struct DeadLettersArgs {
    #[command(subcommand)]
    pub command: DeadLettersCommand,
}

#[derive(Debug, Subcommand)]
pub enum DeadLettersCommand {
    /// Lists parked records, in order of position, and which of them are redriven
    List(ListArgs),
    /// Shows a parked record whole: key, value, headers, and why it was parked
    Show(ShowArgs),
    /// Appends a corrected event, or the event as it was received, to the log, and names the parked record it mends; the parked record stays as it is
    #[command(after_help = examples::REDRIVE)]
    Redrive(RedriveArgs),
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only those parked for this reason
    #[arg(long, value_parser = park_reason)]
    pub reason: Option<ParkReason>,
    /// Only those of this partition of the log
    #[arg(long, value_parser = clap::value_parser!(i32).range(0..))]
    pub partition: Option<i32>,
    /// Most that are listed
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub limit: u32,
    #[command(flatten)]
    pub reader: ReaderArgs,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Which one, as PARTITION:OFFSET
    pub position: Position,
    #[command(flatten)]
    pub reader: ReaderArgs,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).multiple(true).args(["position", "reason", "since"]))]
pub struct RedriveArgs {
    /// The parked record to mend, as PARTITION:OFFSET; without it, all that --reason and --since name
    #[arg(conflicts_with_all = ["reason", "since"])]
    pub position: Option<Position>,
    /// The corrected event, as JSON in the log's own format; `-` reads it from standard input. Without it the record is appended
    /// as it was received, where it belongs
    #[arg(long, value_name = "FILE", requires = "position", conflicts_with_all = ["reason", "since", "dry_run"])]
    pub event: Option<PathBuf>,
    /// All that were parked for this reason, as they were received, one after the other
    #[arg(long, value_parser = park_reason)]
    pub reason: Option<ParkReason>,
    /// All that came into the log at this time (RFC 3339) or later
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub since: Option<DateTime<Utc>>,
    /// Say what would become of each, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub kafka: KafkaArgs,
    /// mysql://USER:PASSWORD@HOST:PORT/DATABASE of the owner, who marks what is redriven
    #[arg(long, env = "LEDGER_OWNER_DATABASE_URL", hide_env_values = true)]
    pub owner_database_url: Option<Hidden>,
    #[command(flatten)]
    pub output: OutputArgs,
}

fn time(text: &str) -> Result<DateTime<Utc>, String> {
    parse_timestamp(text).map_err(|_| "must be a time as 2026-11-23T10:00:00Z".to_owned())
}

fn park_reason(word: &str) -> Result<ParkReason, String> {
    ParkReason::from_word(word).ok_or_else(|| {
        let words: Vec<&str> = ParkReason::ALL.iter().map(|reason| reason.as_str()).collect();
        format!("must be one of {}", words.join(", "))
    })
}

pub async fn run(args: DeadLettersArgs) -> Result<Done, CommandError> {
    match args.command {
        DeadLettersCommand::List(ListArgs { reason, partition, limit, reader }) => {
            let listing = dead_letters::list(&reader.url()?, Filter { reason, partition, limit }).await?;
            output::print(&listing, reader.output)?;
        }
        DeadLettersCommand::Show(ShowArgs { position, reader }) => {
            output::print(&dead_letters::show(&reader.url()?, position).await?, reader.output)?;
        }
        DeadLettersCommand::Redrive(args) => return redrive(args).await,
    }
    Ok(Done::Ok)
}

async fn redrive(args: RedriveArgs) -> Result<Done, CommandError> {
    let RedriveArgs { position, event, reason, since, dry_run, kafka, owner_database_url, output } = args;
    let owner = flags::database_url("--owner-database-url", "LEDGER_OWNER_DATABASE_URL", owner_database_url.as_ref())?;
    let (settings, orders_topic) = (kafka.settings()?, kafka.orders_topic);
    if let (Some(mended), Some(event)) = (position, event) {
        let event = input::bytes(&event)?;
        let options = RedriveOptions { kafka: settings, orders_topic, owner, mended, event };
        output::print(&dead_letters::redrive(options).await?, output)?;
        return Ok(Done::Ok);
    }
    let which = position.map_or(Which::Many { reason, since }, Which::One);
    let options = AsReceivedOptions { kafka: settings, orders_topic, owner, which, dry_run };
    let mut told_at = Instant::now();
    let told = |summary: &RedriveSummary| {
        if told_at.elapsed() >= BETWEEN_TELLINGS {
            told_at = Instant::now();
            let RedriveSummary { found, redriven, skipped, refused, .. } = summary;
            output::say(&format!(
                "{} of {found}: {redriven} redriven, {skipped} skipped, {refused} refused",
                summary.done()
            ));
        }
    };
    let (summary, ended) = dead_letters::redrive_as_received(options, told).await;
    // What was done is done, also where something then ended the run.
    if ended.is_ok() || summary.done() > 0 {
        output::print(&summary, output)?;
    }
    ended?;
    Ok(if summary.refused > 0 { Done::Difference } else { Done::Ok })
}
