//! The auditor: reads the raw log, decides by itself what every record must have done ([`expected`]), reads the tables
//! ([`tables`]), and names what differs; then it holds what was published against the rows themselves (`agreement`).
//!
//! It must never share code with the system: where both are wrong in the same way, that is at least not because they
//! are the same lines. Nor may it make a plausible value of one that it cannot read.

mod agreement;
pub mod effect;
pub mod expected;
mod listed;
mod published;
pub mod tables;
pub mod topic;

use std::collections::BTreeMap;

use anyhow::Result;
use sqlx::MySqlPool;

pub use expected::Expected;
use tables::Tables;
use topic::RawLog;

/// A table as the auditor compares it: key and row, both as text.
pub type Rows = BTreeMap<String, String>;

/// What an audit found.
#[derive(Debug, Default)]
pub struct Report {
    pub record_count: usize,
    pub confirmed_count: usize,
    pub rejected_count: usize,
    pub parked_count: usize,
    pub duplicate_count: usize,
    /// Empty when all is right.
    pub differences: Vec<String>,
}

/// The topics of a ledger.
#[derive(Debug, Clone)]
pub struct Topics {
    pub orders: String,
    pub outcomes: String,
    pub dead_letters: String,
}

/// Audits a ledger at rest: everything that is on the log must be folded and published.
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
    let mut report = Report {
        record_count: log.record_count(),
        confirmed_count: expected.confirmed_count,
        rejected_count: expected.rejected_count,
        parked_count: expected.dead_letters.len(),
        duplicate_count: expected.duplicate_count,
        differences: Vec::new(),
    };
    let actual = tables::read(pool, &topics.orders).await?;
    for (table, expected, actual) in [
        ("orders", &expected.orders, &actual.orders),
        ("stock", &expected.stock, &actual.stock),
        ("stock_movements", &expected.movements, &actual.movements),
        ("dead_letters", &expected.dead_letters, &actual.dead_letters),
        ("positions", &expected.positions, &actual.positions),
    ] {
        report.differences.extend(differences(table, expected, actual));
    }
    report.differences.extend(published::differences("outcomes", &expected.outcomes, &published::outcomes(&outcomes)));
    let letters = published::dead_letters(&dead_letters);
    report.differences.extend(published::differences("dead letters topic", &expected.parked, &letters));
    report.differences.extend(agreement::differences(&outcomes, &actual)?);
    report.differences.extend(listed::differences(&log, &actual));
    Ok(Evidence { log, expected, tables: actual, report })
}

/// One line for each row that is missing, too many, or other than expected.
fn differences(table: &str, expected: &Rows, actual: &Rows) -> Vec<String> {
    let missing = expected.iter().filter_map(|(key, row)| match actual.get(key) {
        None => Some(format!("{table} {key}: expected {row}, found nothing")),
        Some(found) if found != row => Some(format!("{table} {key}: expected {row}, found {found}")),
        Some(_) => None,
    });
    let extra = actual
        .iter()
        .filter(|(key, _)| !expected.contains_key(*key))
        .map(|(key, row)| format!("{table} {key}: expected nothing, found {row}"));
    missing.chain(extra).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_difference_is_named() {
        let rows =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(key, row)| ((*key).into(), (*row).into())).collect::<Rows>();
        let expected = rows(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let actual = rows(&[("a", "1"), ("b", "x"), ("d", "4")]);
        assert_eq!(
            differences("stock", &expected, &actual),
            [
                "stock b: expected 2, found x",
                "stock c: expected 3, found nothing",
                "stock d: expected nothing, found 4"
            ]
        );
        assert!(differences("stock", &expected, &expected).is_empty());
    }
}
