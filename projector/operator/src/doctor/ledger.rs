//! The tables and the log together: whether they belong to each other, how far they are apart, and what waits for a person. It is what
//! `ledger status` reads, with the login that may do least.

use chrono::SecondsFormat;
use ledger_database::DatabaseUrl;
use ledger_database::requirements::Role;
use ledger_kafka::LogInspector;
use projector::status::{Counts, Status, StatusError, StatusReader};

use super::finding::Sheet;
use super::{Options, QUESTION_LIMIT};

/// A projector that works is seconds behind.
const LAG_SECONDS: f64 = 60.0;
/// Holds and lines are decided within seconds.
const UNDECIDED_SECONDS: i64 = 60;

pub(super) async fn look(sheet: &Sheet, options: &Options) {
    let Some(database) = least_login(options) else {
        return sheet.skip("status", "no login of the database is given: --reader-database-url");
    };
    let inspector = match LogInspector::new(&options.kafka) {
        Ok(inspector) => inspector.with_timeout(QUESTION_LIMIT),
        Err(error) => return sheet.skip("status", error),
    };
    let reader = StatusReader::new(&options.kafka, inspector, database, &options.topics.orders);
    match reader.read_with_counts().await {
        Ok((status, counts)) => {
            standing(sheet, &status);
            waiting(sheet, &counts);
        }
        Err(error @ StatusError::NotMigrated) => sheet.wrong("status", error, "ledger migrate"),
        Err(error @ StatusError::NoPositions { .. }) => sheet.warn("positions", error, "ledger project"),
        // Whose fault that is stands in its own area.
        Err(error) => sheet.skip("status", error),
    }
}

/// The login that may do least of those that are given.
pub(crate) fn least_login(options: &Options) -> Option<DatabaseUrl> {
    of_roles(options, [Role::Reader, Role::Projector, Role::Owner])
}

/// The login that sees most.
pub(crate) fn most_login(options: &Options) -> Option<DatabaseUrl> {
    of_roles(options, [Role::Owner, Role::Projector, Role::Reader])
}

fn of_roles(options: &Options, roles: [Role; 3]) -> Option<DatabaseUrl> {
    let of = |role| options.logins.iter().find(|login| login.role == role).map(|login| login.url.clone());
    roles.into_iter().find_map(of)
}

fn standing(sheet: &Sheet, status: &Status) {
    let Status { topic, topic_id, cluster_id, log, lag, generation, fold_version, program_fold_version, .. } = status;
    match &log.refusal {
        Some(refusal) => sheet.wrong(
            "the log is the one that was folded",
            refusal,
            "no projector folds it: bring that log back, or make the tables anew from this one (`ledger rebuild`)",
        ),
        None => {
            sheet.fine("the log is the one that was folded", format!("{topic}, id {topic_id}, cluster {cluster_id}"));
        }
    }
    let seconds = status.partitions.iter().map(|partition| partition.lag_seconds).fold(0.0, f64::max);
    let found = format!("{lag} records, the oldest {seconds:.1} s old");
    if seconds > LAG_SECONDS {
        let advice = "see that a projector runs and is ready (its /readyz says why not), and which partition waits: ledger status --watch";
        sheet.warn("records left to fold", found, advice);
    } else {
        sheet.fine("records left to fold", found);
    }
    for (partition, pause) in status.partitions.iter().filter_map(|one| Some((one.partition, one.paused.as_ref()?))) {
        let advice = format!("ledger resume {partition}, once what it was paused for is mended");
        sheet.warn(format!("partition {partition}"), pause, advice);
    }
    if fold_version == program_fold_version {
        sheet.fine("live tables", format!("generation {generation}, fold version {fold_version}"));
    } else {
        let found = format!(
            "generation {generation}, fold version {fold_version}; this program folds by {program_fold_version}"
        );
        sheet.warn("live tables", found, "ledger rebuild");
    }
    match (&status.rebuild, &status.working) {
        (Some(rebuild), _) if !rebuild.running => {
            sheet.warn("rebuild", rebuild, "ledger rebuild (it continues), or ledger generations drop");
        }
        (Some(rebuild), _) => sheet.fine("rebuild", rebuild),
        (None, Some(holder)) => sheet.fine("work on generations", holder),
        (None, None) => sheet.fine("rebuild", "none runs or is unfinished"),
    }
}

fn waiting(sheet: &Sheet, counts: &Counts) {
    let Counts { pending_orders, oldest_pending, held_orders, dead_letters, .. } = counts;
    match dead_letters {
        0 => sheet.fine("dead letters", 0),
        some => sheet.warn(
            "dead letters",
            some,
            "ledger dead-letters list, then show and redrive: what they meant has no effect yet",
        ),
    }
    sheet.fine("orders that are held", held_orders);
    let old = oldest_pending.filter(|since| (chrono::Utc::now() - *since).num_seconds() > UNDECIDED_SECONDS);
    match old {
        Some(since) => sheet.warn(
            "orders of several lines that are not decided",
            format!("{pending_orders}, the oldest since {}", since.to_rfc3339_opts(SecondsFormat::Secs, true)),
            "see that every partition is folded (ledger status) and published: a line waits for another partition's answer",
        ),
        None => sheet.fine("orders of several lines that are not decided", pending_orders),
    }
}
