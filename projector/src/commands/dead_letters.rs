//! `ledger dead-letters list|show|redrive`: what can be asked about parked records, and how the answers look. It must never
//! decide what may be redriven. Read next: `dead_letters/mod.rs`.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use ledger_schema::{ParkReason, Position};

use crate::cli::{Hidden, KafkaArgs, OutputArgs};
use crate::database::DatabaseUrl;
use crate::dead_letters::{self, Filter, Letter, Listed, Listing, Mark, RedriveOptions, Redriven, Shown};
use crate::exit::{CommandError, Done};
use crate::kafka::KafkaSettings;
use crate::output::{self, Report};

/// Largest file that is read for an event: far above what an event may be, which is then refused by its own rule.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// Characters of a key in the table of a list.
const BRIEF_KEY: usize = 32;

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
pub struct ReaderArgs {
    /// mysql://USER:PASSWORD@HOST:PORT/DATABASE of the reader
    #[arg(long, env = "LEDGER_READER_DATABASE_URL", hide_env_values = true)]
    pub reader_database_url: Option<Hidden>,
    #[command(flatten)]
    pub output: OutputArgs,
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

pub(super) async fn run(args: DeadLettersArgs) -> Result<Done, CommandError> {
    match args.command {
        DeadLettersCommand::List(ListArgs { reason, partition, limit, reader }) => {
            let listing = dead_letters::list(&reader_url(&reader)?, Filter { reason, partition, limit }).await?;
            output::print(&listing, reader.output)?;
        }
        DeadLettersCommand::Show(ShowArgs { position, reader }) => {
            output::print(&dead_letters::show(&reader_url(&reader)?, position).await?, reader.output)?;
        }
        DeadLettersCommand::Redrive(args) => {
            let owner = DatabaseUrl::of_flag(
                "--owner-database-url",
                "LEDGER_OWNER_DATABASE_URL",
                args.owner_database_url.as_ref(),
            )?;
            let options = RedriveOptions {
                kafka: KafkaSettings::of(&args.kafka)?,
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

fn reader_url(args: &ReaderArgs) -> Result<DatabaseUrl, CommandError> {
    let url = args.reader_database_url.as_ref();
    Ok(DatabaseUrl::of_flag("--reader-database-url", "LEDGER_READER_DATABASE_URL", url)?)
}

fn read_event(path: &Path) -> std::io::Result<Vec<u8>> {
    let source: Box<dyn Read> =
        if path == Path::new("-") { Box::new(std::io::stdin()) } else { Box::new(std::fs::File::open(path)?) };
    let mut event = Vec::new();
    source.take(MAX_FILE_BYTES).read_to_end(&mut event)?;
    Ok(event)
}

fn mark_text(mark: Option<Mark>) -> String {
    match mark {
        None => String::new(),
        Some(Mark::Appended(position)) => format!("at {position}"),
        Some(Mark::Unfinished) => "unfinished".to_owned(),
    }
}

impl Report for Listing {
    fn header(&self) -> Vec<&'static str> {
        vec!["position", "reason", "detail", "key", "value bytes", "redriven"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |letter: &Listed| {
            vec![
                letter.position.clone(),
                letter.reason.clone(),
                dead_letters::printable(&letter.detail),
                letter.key.as_ref().map_or("(none)".to_owned(), |key| key.brief(BRIEF_KEY)),
                letter.value_bytes.map_or("(none)".to_owned(), |bytes| bytes.to_string()),
                mark_text(letter.redriven),
            ]
        };
        self.items.iter().map(row).collect()
    }

    fn summary(&self) -> Option<String> {
        let redriven = self.items.iter().filter(|letter| letter.redriven.is_some()).count();
        let more = if self.more { "; there are more: raise --limit, or choose by --reason or --partition" } else { "" };
        Some(format!("{} parked records, {redriven} of them redriven{more}", self.items.len()))
    }
}

impl Report for Letter {
    fn header(&self) -> Vec<&'static str> {
        vec!["what", "content"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let whole = |shown: Option<&Shown>| shown.map_or("(none)".to_owned(), Shown::whole);
        let row = |what: &str, content: String| vec![what.to_owned(), content];
        let mut rows = vec![
            row("position", self.position.clone()),
            row("reason", self.reason.clone()),
            row("detail", dead_letters::printable(&self.detail)),
            row("redriven", mark_text(self.redriven)),
            row("key", whole(self.key.as_ref())),
        ];
        let header = |header: &dead_letters::Header| {
            row(&format!("header {}", dead_letters::printable(&header.name)), whole(header.value.as_ref()))
        };
        rows.extend(self.headers.iter().map(header));
        rows.push(row("value bytes", self.value_bytes.map_or("(none)".to_owned(), |bytes| bytes.to_string())));
        rows.push(row("value", whole(self.value.as_ref())));
        rows
    }
}

impl Report for Redriven {
    fn header(&self) -> Vec<&'static str> {
        vec!["parked record", "mended by", "event", "id"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![vec![self.mended.clone(), self.position.clone(), self.event_type.to_owned(), self.id.clone()]]
    }

    fn summary(&self) -> Option<String> {
        self.resumed.then(|| "an earlier redrive that did not end was finished".to_owned())
    }
}
