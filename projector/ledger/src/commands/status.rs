//! `ledger status`: position, ends and lag of each partition, and the generations of the tables; with `--watch` again and again, with rates and
//! counts. Needs no more rights than a reader's.

use std::ops::ControlFlow;
use std::time::Duration;

use chrono::Utc;
use clap::Args;
use ledger_kafka::LogInspector;
use ledger_operator::watched_status::WatchedStatus;
use projector::status::StatusReader;
use tokio::time::Instant;

use crate::exit::{CommandError, Done};
use crate::flags::{KafkaArgs, OutputArgs, ReaderArgs};
use crate::output;

#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Looks again and again, until Ctrl-C: with records per second, open orders and dead letters; JSON is one line per look
    #[arg(long)]
    pub watch: bool,
    /// Seconds between two looks of --watch
    #[arg(long, value_name = "SECONDS", default_value_t = 2, requires = "watch", value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub interval: u16,
    #[command(flatten)]
    pub kafka: KafkaArgs,
    #[command(flatten)]
    pub reader: ReaderArgs,
}

pub async fn run(args: StatusArgs) -> Result<Done, CommandError> {
    let url = args.reader.url()?;
    let kafka = args.kafka.settings()?;
    let inspector = LogInspector::new(&kafka)?;
    let reader = StatusReader::new(&kafka, inspector, url, &args.kafka.orders_topic);
    if args.watch {
        return watch(&reader, Duration::from_secs(args.interval.into()), args.reader.output).await;
    }
    let status = reader.read().await?;
    output::print(&status, args.reader.output)?;
    Ok(if status.log.refusal.is_none() { Done::Ok } else { Done::Difference })
}

/// The first look says whether there is anything to watch; one that fails later is told, and made again.
async fn watch(reader: &StatusReader, interval: Duration, args: OutputArgs) -> Result<Done, CommandError> {
    let mut last: Option<(WatchedStatus, Instant)> = None;
    loop {
        let begun = Instant::now();
        match reader.read_with_counts().await {
            Ok(found) => {
                let before = last.as_ref().map(|(before, at)| (before, begun - *at));
                let now = WatchedStatus::after(before, found, Utc::now());
                if output::redraw(&now, args)? == ControlFlow::Break(()) {
                    return Ok(Done::Ok);
                }
                last = Some((now, begun));
            }
            Err(error) if last.is_some() => output::say(&format!("{error}; looking again in {interval:?}")),
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(interval).await;
    }
}
