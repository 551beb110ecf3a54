//! `ledger dead-letters list|show|redrive`: their flags, and how the answers look. It must never
//! decide what may be redriven. Read next: `dead_letters/mod.rs`.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use ledger_operator::dead_letters::{self, Filter, RedriveOptions};
use ledger_schema::{ParkReason, Position};

use crate::exit::{CommandError, Done};
use crate::flags;
use crate::flags::{Hidden, KafkaArgs, OutputArgs, ReaderArgs};
use crate::output;

/// Largest file that is read for an event: far above what an event may be, which is then refused by its own rule.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

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
    /// Appends a corrected event to the log that names the parked record it mends; the parked record stays as it is
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
pub struct RedriveArgs {
    /// The parked record to mend, as PARTITION:OFFSET
    pub position: Position,
    /// The corrected event, as JSON in the log's own format; `-` reads it from standard input
    #[arg(long, value_name = "FILE")]
    pub event: PathBuf,
    #[command(flatten)]
    pub kafka: KafkaArgs,
    /// mysql://USER:PASSWORD@HOST:PORT/DATABASE of the owner, who marks what is redriven
    #[arg(long, env = "LEDGER_OWNER_DATABASE_URL", hide_env_values = true)]
    pub owner_database_url: Option<Hidden>,
    #[command(flatten)]
    pub output: OutputArgs,
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
        DeadLettersCommand::Redrive(args) => {
            let owner = flags::database_url(
                "--owner-database-url",
                "LEDGER_OWNER_DATABASE_URL",
                args.owner_database_url.as_ref(),
            )?;
            let options = RedriveOptions {
                kafka: args.kafka.settings()?,
                orders_topic: args.kafka.orders_topic,
                owner,
                mended: args.position,
                event: read_event(&args.event)
                    .map_err(|error| CommandError::Refused(format!("{}: {error}", args.event.display())))?,
            };
            output::print(&dead_letters::redrive(options).await?, args.output)?;
        }
    }
    Ok(Done::Ok)
}

fn read_event(path: &Path) -> std::io::Result<Vec<u8>> {
    let source: Box<dyn Read> =
        if path == Path::new("-") { Box::new(std::io::stdin()) } else { Box::new(std::fs::File::open(path)?) };
    let mut event = Vec::new();
    source.take(MAX_FILE_BYTES).read_to_end(&mut event)?;
    Ok(event)
}
