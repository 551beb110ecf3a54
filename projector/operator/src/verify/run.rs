//! `ledger verify` from end to end: what is compared with what, shared out to two workers, and what came of it.

use futures_util::future::LocalBoxFuture;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ledger_database::DatabaseUrl;
use ledger_database::Tables;
use ledger_fold::log_safety::{LogIdentity, LogRefusal, Watermarks, check_bounded, check_identity, check_settings};
use ledger_kafka::{KafkaSettings, KafkaUseError, LogInspector, ask};
use projector::blocked::{Blocked, blocked_among};
use projector::relay::RelayTopics;
use serde::Serialize;

use super::difference::Differences;
use super::error::VerifyError;
use super::job::{Job, MAX_WRONG_ROWS, View, WorkerFindings};
use super::positions::Positions;
use super::progress::Progress;
use super::snapshot;
use super::sums::Unbalanced;
use super::table::ALL;
use super::told::{Extent, ToldCounts};
use super::worker;
use crate::ends::EndReader;
use crate::output::Report;

/// Connections that read at once. Two fill a small server's cores; it has the live projector to serve, too.
const WORKERS: usize = 2;

/// What is verified, and with what.
#[derive(Debug)]
pub struct VerifyOptions {
    pub kafka: KafkaSettings,
    pub topics: RelayTopics,
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
    /// Of these, parked because operators had them skipped, which the log does not say.
    pub skipped: u64,
    #[serde(flatten)]
    pub differences: Differences,
    /// Products whose stock does not add up (INV-3), whatever the log says: at most as many as were asked for are listed.
    pub unbalanced: Unbalanced,
    /// What partitions tell each other, held against the log.
    pub between: ToldCounts,
    /// Whether so many rows differ that the rest was not compared.
    pub gave_up: bool,
    /// Partitions that an open transaction blocks: what stands behind it is in no table yet, and was not verified.
    pub blocked: Vec<Blocked>,
    /// Up to where each partition was folded.
    #[serde(skip)]
    folded: BTreeMap<i32, i64>,
}

/// Compares every row of the tables with the log.
///
/// # Errors
/// [`VerifyError`]: the log is not the one that the tables belong to, or something could not be read. A difference is no error.
pub fn verify(options: VerifyOptions) -> LocalBoxFuture<'static, Result<Verified, VerifyError>> {
    // Boxed here, so that it is compiled here, once, and not again in each program that awaits it.
    Box::pin(compare_all(options))
}

async fn compare_all(options: VerifyOptions) -> Result<Verified, VerifyError> {
    let cursors = cursors(&options).await?;
    let Prepared { inspector, identity, views, records, blocked } = prepare(&options, WORKERS).await?;
    let found = identity.clone();
    let log_ends = views.iter().flat_map(|view| view.ends.clone()).collect();
    let job = Arc::new(Job {
        kafka: options.kafka,
        topic: options.topics.orders,
        identity,
        tables: Tables::live(),
        limit: options.limit,
        progress: Progress::new("records verified", records),
        between: Mutex::default(),
    });
    let workers: Vec<_> = views.into_iter().map(|view| tokio::spawn(worker::run(job.clone(), view))).collect();
    let mut findings = Vec::new();
    for worker in workers {
        findings.push(worker.await.unwrap_or(Err(VerifyError::WorkerDied))?);
    }
    job.progress.end();
    // Once more: what was folded may have come from a topic that was made anew under the name meanwhile.
    let log = found_log(&inspector, &job.topic).await?;
    check_identity(&job.topic, &found, &log)?;
    check_keeps(&inspector, &job.topic).await?;
    let between = std::mem::take(&mut *job.between.lock().unwrap_or_else(PoisonError::into_inner));
    let mut verified = Verified::of(job.topic.clone(), Differences::new(job.limit, &ALL), findings);
    if !verified.gave_up {
        let (cursors, unknown_cursors) = match cursors {
            Ok(cursors) => (cursors, None),
            Err(why) => (BTreeMap::new(), Some(why)),
        };
        let folded = std::mem::take(&mut verified.folded);
        let blocked = blocked.iter().map(|blocked| blocked.partition).collect();
        let (counts, _) = between.judge(&Extent { folded, cursors, log_ends, blocked }, job.limit);
        verified.between = ToldCounts { unknown_cursors, ..counts };
    }
    Ok(Verified { blocked, ..verified })
}

/// How far each partition is published; why nobody knows, where the topics of a relay are not there. Read before anything else: what was
/// told before a cursor stands before the log's end that is found afterwards.
async fn cursors(options: &VerifyOptions) -> Result<Result<BTreeMap<i32, i64>, String>, VerifyError> {
    let (kafka, topics) = (options.kafka.clone(), options.topics.clone());
    let inspector = LogInspector::new(&kafka)?;
    let LogIdentity { topic_id, partition_count, .. } = found_log(&inspector, &topics.orders).await?;
    let reader = EndReader { kafka, inspector, topics, topic_id };
    Ok(reader.read(partition_count).await.map_err(|error| error.to_string()))
}

/// What is known before anything is compared.
pub(super) struct Prepared {
    pub(super) inspector: LogInspector,
    pub(super) identity: LogIdentity,
    /// One per worker.
    pub(super) views: Vec<View>,
    /// How many records are before the positions, as far as offsets say.
    pub(super) records: u64,
    /// Partitions that an open transaction blocks.
    pub(super) blocked: Vec<Blocked>,
}

/// Takes the snapshots and refuses a log that the tables do not belong to.
pub(super) async fn prepare(options: &VerifyOptions, workers: usize) -> Result<Prepared, VerifyError> {
    let inspector = LogInspector::new(&options.kafka)?;
    let identity = found_log(&inspector, &options.topics.orders).await?;
    let mut views = Vec::new();
    for number in 0..workers {
        views.push(open_view(options, &identity, number, workers).await?);
    }
    check_keeps(&inspector, &options.topics.orders).await?;
    // After the snapshots, so that the log's ends cannot lie before their positions.
    let (records, blocked) = find_ends(&inspector, options, &mut views).await?;
    Ok(Prepared { inspector, identity, views, records, blocked })
}

async fn found_log(inspector: &LogInspector, topic: &str) -> Result<LogIdentity, VerifyError> {
    let (inspector, topic) = (inspector.clone(), topic.to_owned());
    ask(move || Ok(inspector.identity(&topic)?)).await
}

/// A log that loses records is not the one that was folded, whatever is left of it.
async fn check_keeps(inspector: &LogInspector, topic: &str) -> Result<(), VerifyError> {
    let (inspector, topic) = (inspector.clone(), topic.to_owned());
    ask(move || {
        let settings = inspector.settings(&topic)?;
        check_settings(&topic, &settings)?;
        Ok(check_bounded(&topic, &settings)?)
    })
    .await
}

/// A snapshot for one worker, with the partitions that are its own.
async fn open_view(
    options: &VerifyOptions,
    identity: &LogIdentity,
    number: usize,
    workers: usize,
) -> Result<View, VerifyError> {
    let (topic, tables) = (&options.topics.orders, Tables::live());
    let mut connection = snapshot::open(&options.database, &tables).await?;
    let positions = Positions::read(&mut connection, &tables, topic, identity.partition_count).await?;
    if positions.rows.is_empty() {
        return Err(VerifyError::NoPositions { topic: topic.clone() });
    }
    positions.check_log(topic, identity)?;
    let skips = ledger_store::skips::of_log(&mut connection, &identity.topic_id).await?;
    let own = (0..identity.partition_count).skip(number).step_by(workers);
    let ends = own.map(|partition| (partition, 0)).collect();
    Ok(View { connection, positions, ends, skips, takes_others: number == 0 })
}

/// Fills in the log's ends, which are the last stable offsets: nothing at or after them can be in a table. Gives how many records are to
/// be folded, as far as offsets say, and what an open transaction blocks.
async fn find_ends(
    inspector: &LogInspector,
    options: &VerifyOptions,
    views: &mut [View],
) -> Result<(u64, Vec<Blocked>), VerifyError> {
    let partitions: Vec<i32> = views.iter().flat_map(|view| view.ends.keys().copied()).collect();
    let topic = &options.topics.orders;
    let (asked, of, kafka) = (inspector.clone(), topic.clone(), options.kafka.clone());
    let (found, blocked) = ask(move || {
        let found = asked.watermarks_of(&of, &partitions)?;
        let blocked = blocked_among(&kafka, &of, &found)?;
        Ok::<_, KafkaUseError>((found, blocked))
    })
    .await?;
    let mut records = 0;
    for view in views {
        for (partition, end) in &mut view.ends {
            let Watermarks { low, stable, .. } = *found.get(partition).expect("they were read of each partition");
            if low != 0 {
                let (topic, partition) = (topic.clone(), *partition);
                return Err(LogRefusal::BeginningGone { topic, partition, found: low }.into());
            }
            *end = stable;
            // Of a partition without a position nothing is folded: the missing position is the difference.
            let folded = view.positions.next_offset(*partition).unwrap_or(0).clamp(0, stable);
            records += u64::try_from(folded).expect("no offset below 0");
        }
    }
    Ok((records, blocked))
}

impl Verified {
    fn of(topic: String, differences: Differences, all: Vec<WorkerFindings>) -> Self {
        let mut verified = Self {
            topic,
            records: 0,
            duplicates: 0,
            skipped: 0,
            differences,
            unbalanced: Unbalanced::default(),
            between: ToldCounts::default(),
            gave_up: false,
            blocked: Vec::new(),
            folded: BTreeMap::new(),
        };
        for WorkerFindings { differences, records, duplicates, skipped, unbalanced, folded, gave_up } in all {
            verified.differences.absorb(differences);
            verified.folded.extend(folded);
            verified.unbalanced.absorb(unbalanced);
            verified.records += records;
            verified.duplicates += duplicates;
            verified.skipped += skipped;
            verified.gave_up |= gave_up;
        }
        verified
    }

    /// Whether the tables are what the log says, and the log has what its records tell. What stands on it beside that is a fact, and no
    /// difference.
    pub fn is_proved(&self) -> bool {
        self.differences.is_empty() && self.unbalanced.is_empty() && self.between.missing == 0 && !self.gave_up
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
        let Self { topic, records, duplicates, skipped, between, .. } = self;
        let mut lines = self.differences.lines();
        lines.extend(self.unbalanced.lines());
        lines.extend(between.lines());
        if self.gave_up {
            lines.push(format!("more than {MAX_WRONG_ROWS} rows differ: the rest was not compared"));
        }
        lines.push(format!("{records} records of {topic} folded again, {duplicates} of them duplicates"));
        if *skipped > 0 {
            lines.push(format!("{skipped} of them were skipped by operators: the table `skips` says so, not the log"));
        }
        lines.push(format!("{} events that partitions tell each other held against the log", between.told));
        lines.extend(self.blocked.iter().map(|blocked| format!("{blocked}; what is behind it was not verified")));
        lines.push(match (self.is_proved(), self.differences.is_empty() && self.unbalanced.is_empty()) {
            (true, _) => "the tables are what the log says".to_owned(),
            (false, true) => "the tables are what the log says, but it lacks what it tells".to_owned(),
            (false, false) => format!("{} rows differ: `ledger rebuild` makes them anew", self.differences.differing()),
        });
        Some(lines.join("\n"))
    }
}
