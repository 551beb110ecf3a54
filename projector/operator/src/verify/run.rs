//! `ledger verify` from end to end: what is compared with what, shared out to two workers, and what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger_database::DatabaseUrl;
use ledger_database::Tables;
use ledger_fold::log_safety::{LogIdentity, LogRefusal, Watermarks};
use ledger_kafka::{KafkaSettings, LogInspector, ask, check_uncompressed};
use serde::Serialize;

use super::difference::Differences;
use super::error::VerifyError;
use super::job::{Job, MAX_WRONG_ROWS, View, WorkerFindings};
use super::positions::Positions;
use super::progress::Progress;
use super::snapshot;
use super::table::ALL;
use super::worker;
use crate::output::Report;

/// Connections that read at once. Two fill a small server's cores; it has the live projector to serve, too.
const WORKERS: usize = 2;

/// What is verified, and with what.
#[derive(Debug)]
pub struct VerifyOptions {
    pub kafka: KafkaSettings,
    pub orders_topic: String,
    /// Needs no more rights than a reader's.
    pub database: DatabaseUrl,
    /// Most differences that are listed.
    pub limit: usize,
}

/// What verifying came to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    pub topic: String,
    /// Records that were folded again.
    pub records: u64,
    /// Of these, repetitions, which leave no row.
    pub duplicates: u64,
    #[serde(flatten)]
    pub differences: Differences,
    /// Whether so many rows differ that the rest was not compared.
    pub gave_up: bool,
}

/// Compares every row of the tables with the log.
///
/// # Errors
/// [`VerifyError`]: the log is not the one that the tables belong to, or something could not be read. A difference is no error.
pub async fn verify(options: VerifyOptions) -> Result<Verified, VerifyError> {
    let Prepared { identity, views, records } = prepare(&options, WORKERS).await?;
    let job = Arc::new(Job {
        kafka: options.kafka,
        topic: options.orders_topic,
        identity,
        tables: Tables::live(),
        limit: options.limit,
        progress: Progress::new("records verified", records),
    });
    let workers: Vec<_> = views.into_iter().map(|view| tokio::spawn(worker::run(job.clone(), view))).collect();
    let mut findings = Vec::new();
    for worker in workers {
        findings.push(worker.await.unwrap_or(Err(VerifyError::WorkerDied))?);
    }
    job.progress.end();
    Ok(Verified::of(job.topic.clone(), Differences::new(job.limit, &ALL), findings))
}

/// What is known before anything is compared.
pub(super) struct Prepared {
    pub(super) identity: LogIdentity,
    /// One per worker.
    pub(super) views: Vec<View>,
    /// How many records are before the positions, as far as offsets say.
    pub(super) records: u64,
}

/// Takes the snapshots and refuses a log that the tables do not belong to.
pub(super) async fn prepare(options: &VerifyOptions, workers: usize) -> Result<Prepared, VerifyError> {
    let inspector = LogInspector::new(&options.kafka)?;
    let topic = options.orders_topic.clone();
    let asked = inspector.clone();
    let identity = ask(move || asked.identity(&topic)).await?;
    let mut views = Vec::new();
    for number in 0..workers {
        views.push(open_view(options, &identity, number, workers).await?);
    }
    // After the snapshots, so that the log's ends cannot lie before their positions.
    let records = find_ends(&inspector, &options.orders_topic, &mut views).await?;
    check_uncompressed(&options.kafka, &options.orders_topic).await?;
    Ok(Prepared { identity, views, records })
}

/// A snapshot for one worker, with the partitions that are its own.
async fn open_view(
    options: &VerifyOptions,
    identity: &LogIdentity,
    number: usize,
    workers: usize,
) -> Result<View, VerifyError> {
    let (topic, tables) = (&options.orders_topic, Tables::live());
    let mut connection = snapshot::open(&options.database, &tables).await?;
    let positions = Positions::read(&mut connection, &tables, topic, identity.partition_count).await?;
    if positions.rows.is_empty() {
        return Err(VerifyError::NoPositions { topic: topic.clone() });
    }
    positions.check_log(topic, identity)?;
    let own = (0..identity.partition_count).skip(number).step_by(workers);
    Ok(View { connection, positions, ends: own.map(|partition| (partition, 0)).collect(), takes_others: number == 0 })
}

/// Fills in the log's ends; gives how many records are to be folded, as far as offsets say.
async fn find_ends(inspector: &LogInspector, topic: &str, views: &mut [View]) -> Result<u64, VerifyError> {
    let partitions: Vec<i32> = views.iter().flat_map(|view| view.ends.keys().copied()).collect();
    let (asked, of) = (inspector.clone(), topic.to_owned());
    let found: BTreeMap<i32, Watermarks> = ask(move || {
        let watermarks = |partition: i32| asked.watermarks(&of, partition).map(|found| (partition, found));
        partitions.into_iter().map(watermarks).collect()
    })
    .await?;
    let mut records = 0;
    for view in views {
        for (partition, end) in &mut view.ends {
            let Watermarks { low, high } = *found.get(partition).expect("they were read of each partition");
            if low != 0 {
                let (topic, partition) = (topic.to_owned(), *partition);
                return Err(LogRefusal::BeginningGone { topic, partition, found: low }.into());
            }
            *end = high;
            // Of a partition without a position nothing is folded: the missing position is the difference.
            let folded = view.positions.next_offset(*partition).unwrap_or(0).clamp(0, high);
            records += u64::try_from(folded).expect("no offset below 0");
        }
    }
    Ok(records)
}

impl Verified {
    fn of(topic: String, differences: Differences, all: Vec<WorkerFindings>) -> Self {
        let mut verified = Self { topic, records: 0, duplicates: 0, differences, gave_up: false };
        for WorkerFindings { differences, records, duplicates, gave_up } in all {
            verified.differences.absorb(differences);
            verified.records += records;
            verified.duplicates += duplicates;
            verified.gave_up |= gave_up;
        }
        verified
    }

    /// Whether the tables are what the log says.
    pub fn is_proved(&self) -> bool {
        self.differences.is_empty() && !self.gave_up
    }
}

impl Report for Verified {
    fn header(&self) -> Vec<&'static str> {
        self.differences.header()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.differences.rows()
    }

    fn summary(&self) -> Option<String> {
        let Self { topic, records, duplicates, .. } = self;
        let mut lines = self.differences.lines();
        if self.gave_up {
            lines.push(format!("more than {MAX_WRONG_ROWS} rows differ: the rest was not compared"));
        }
        lines.push(format!("{records} records of {topic} folded again, {duplicates} of them duplicates"));
        lines.push(match self.is_proved() {
            true => "the tables are what the log says".to_owned(),
            false => format!("{} rows differ: `ledger rebuild` makes them anew", self.differences.differing()),
        });
        Some(lines.join("\n"))
    }
}
