//! The auditor: reads the raw log, decides by itself what every record must have done ([`expected`]), reads the tables
//! ([`tables`]), and names what differs; then it holds what was published against the rows themselves (`agreement`, `walk`), and the rows
//! against each other (`conservation`).
//!
//! It must never share code with the system: where both are wrong in the same way, that is at least not because they
//! are the same lines. Nor may it make a plausible value of one that it cannot read.

mod agreement;
mod conservation;
mod dead_letter;
pub mod effect;
pub mod expected;
mod listed;
pub mod published;
pub mod rows;
pub mod tables;
#[cfg(test)]
mod tests;
mod time;
mod told;
pub mod topic;
mod walk;

use anyhow::Result;
use sqlx::MySqlPool;

pub use expected::Expected;
use rows::differences;
use tables::Tables;
use topic::RawLog;

/// What an audit found.
#[derive(Debug, Default)]
pub struct Report {
    pub record_count: usize,
    /// Orders by where they stand.
    pub confirmed_count: usize,
    pub rejected_count: usize,
    pub cancelled_count: usize,
    pub held_count: usize,
    /// Orders of more than one line.
    pub several_count: usize,
    pub parked_count: usize,
    pub duplicate_count: usize,
    /// Records that came too late to change anything.
    pub overruled_count: usize,
    /// What partitions told each other.
    pub told_count: usize,
    /// Empty when all is right.
    pub differences: Vec<String>,
    /// Internal events that follow from nothing on the log: somebody else's, or sent by tables that were wrong. They are facts of the log,
    /// and change nothing that is not theirs.
    pub groundless: Vec<String>,
}

/// The topics of a ledger.
#[derive(Debug, Clone)]
pub struct Topics {
    pub orders: String,
    pub outcomes: String,
    pub dead_letters: String,
}

/// Audits a ledger at rest: everything that is on the log must be folded and published, and every order decided.
///
/// # Errors
/// When Kafka or MariaDB cannot be read, or a row makes no sense; differences are not errors, they are in the report.
pub async fn audit(brokers: &str, topics: &Topics, pool: &MySqlPool) -> Result<Report> {
    Ok(gather(brokers, topics, pool).await?.report)
}

/// What an audit read, for further comparisons.
#[derive(Debug)]
pub struct Evidence {
    pub log: RawLog,
    pub expected: Expected,
    pub tables: Tables,
    pub report: Report,
}

/// As [`audit`], with what was read.
///
/// # Errors
/// As [`audit`].
pub async fn gather(brokers: &str, topics: &Topics, pool: &MySqlPool) -> Result<Evidence> {
    let (brokers, names) = (brokers.to_owned(), topics.clone());
    let read = move || -> Result<_> {
        let log = topic::read_all(&brokers, &names.orders)?;
        Ok((log, topic::read_all(&brokers, &names.outcomes)?, topic::read_all(&brokers, &names.dead_letters)?))
    };
    let (log, outcomes, dead_letters) = tokio::task::spawn_blocking(read).await??;
    let expected = Expected::of(&log);
    let tables = tables::read(pool, &topics.orders).await?;
    let told = told::compare(&expected);
    let report = Report {
        record_count: log.record_count(),
        confirmed_count: expected.count("confirmed"),
        rejected_count: expected.count("rejected"),
        cancelled_count: expected.count("cancelled"),
        held_count: expected.count("held"),
        several_count: expected.orders.keys().filter(|key| key.line_no == 2).count(),
        parked_count: expected.dead_letters.len(),
        duplicate_count: expected.duplicate_count,
        overruled_count: expected.overruled_count,
        told_count: expected.heard.len(),
        differences: [compared(&expected, &tables), told.missing, topics_compared(&expected, &outcomes, &dead_letters)]
            .into_iter()
            .chain([agreement::differences(&outcomes, &tables)?, listed::differences(&log, &tables)])
            .chain([conservation::differences(&tables)])
            .flatten()
            .collect(),
        groundless: told.groundless,
    };
    Ok(Evidence { log, expected, tables, report })
}

/// Each table that must be against the one that is.
fn compared(expected: &Expected, actual: &Tables) -> Vec<String> {
    [
        differences("orders", &expected.orders, &actual.orders),
        differences("stock", &expected.stock, &actual.stock),
        differences("stock_movements", &expected.movements, &actual.movements),
        differences("reservations", &expected.reservations, &actual.reservations),
        differences("open_orders", &expected.open_orders, &actual.open_orders),
        differences("dead_letters", &expected.dead_letters, &actual.dead_letters),
        differences("positions", &expected.positions, &actual.positions),
    ]
    .concat()
}

fn topics_compared(expected: &Expected, outcomes: &RawLog, dead_letters: &RawLog) -> Vec<String> {
    let must = published::spelled(&expected.outcomes);
    let mut found = published::differences("outcomes", &must, &published::outcomes(outcomes));
    let letters = published::dead_letters(dead_letters);
    found.extend(published::differences("dead letters topic", &expected.parked, &letters));
    found
}
