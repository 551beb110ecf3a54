//! What a doctor finds, one thing a line: what was looked at, the value, what it means, and what to change. It must never hold a secret: it is printed,
//! and goes into bundles for bug reports.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use ledger_schema::topic_rules::Weight;
use serde::Serialize;

use crate::output::Report;

/// Where it was looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Area {
    Kafka,
    Database,
    /// The tables and the log together.
    Ledger,
    /// Services and projector.
    Parts,
    Clocks,
}

impl Area {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Database => "database",
            Self::Ledger => "ledger",
            Self::Parts => "parts",
            Self::Clocks => "clocks",
        }
    }
}

/// What it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Fine,
    /// It works, and less well than it could.
    Warning,
    /// It loses something, refuses something, or keeps a part from starting.
    Wrong,
    /// It cannot be known: a right is missing, or an answer that it rests on.
    NotLookedAt,
    /// No answer.
    Unreachable,
}

impl Verdict {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Warning => "warning",
            Self::Wrong => "WRONG",
            Self::NotLookedAt => "not looked at",
            Self::Unreachable => "UNREACHABLE",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub area: Area,
    pub what: String,
    pub verdict: Verdict,
    /// The value; where there is none, why.
    pub found: String,
    /// A command or a setting, and what it is good for; none where nothing is to be done.
    pub advice: Option<String>,
}

/// All that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// Of this program.
    pub version: &'static str,
    /// By this machine's clock.
    pub looked_at: DateTime<Utc>,
    pub wrong: usize,
    pub warnings: usize,
    pub not_looked_at: usize,
    pub unreachable: usize,
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    /// Sorted by area; within one as they were found.
    pub(super) fn of(looked_at: DateTime<Utc>, mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| finding.area);
        let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            looked_at,
            wrong: count(Verdict::Wrong),
            warnings: count(Verdict::Warning),
            not_looked_at: count(Verdict::NotLookedAt),
            unreachable: count(Verdict::Unreachable),
            findings,
        }
    }
}

impl Report for Diagnosis {
    fn header(&self) -> Vec<&'static str> {
        vec!["", "where", "what", "found", "what to do"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |finding: &Finding| {
            vec![
                finding.verdict.as_str().to_owned(),
                finding.area.as_str().to_owned(),
                finding.what.clone(),
                finding.found.clone(),
                finding.advice.clone().unwrap_or_default(),
            ]
        };
        self.findings.iter().map(row).collect()
    }

    fn summary(&self) -> Option<String> {
        let Self { wrong, warnings, not_looked_at, unreachable, findings, .. } = self;
        let looked = findings.len();
        Some(format!(
            "{looked} looked at: {wrong} wrong, {warnings} warnings, {unreachable} unreachable, {not_looked_at} not looked at; nothing was changed"
        ))
    }
}

/// Where an area writes down what it finds. What stands there stays, also when the rest is given up. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Sheet {
    area: Area,
    found: Arc<Mutex<Vec<Finding>>>,
}

impl Sheet {
    pub(super) fn new(area: Area) -> Self {
        Self { area, found: Arc::default() }
    }

    /// The same sheet, for what belongs to another area.
    pub(super) fn of(&self, area: Area) -> Self {
        Self { area, found: Arc::clone(&self.found) }
    }

    pub(super) fn fine(&self, what: impl Into<String>, found: impl Display) {
        self.add(what, Verdict::Fine, found, None);
    }

    pub(super) fn warn(&self, what: impl Into<String>, found: impl Display, advice: impl Into<String>) {
        self.add(what, Verdict::Warning, found, Some(advice.into()));
    }

    pub(super) fn wrong(&self, what: impl Into<String>, found: impl Display, advice: impl Into<String>) {
        self.add(what, Verdict::Wrong, found, Some(advice.into()));
    }

    pub(super) fn skip(&self, what: impl Into<String>, because: impl Display) {
        self.add(what, Verdict::NotLookedAt, format!("not looked at, because {because}"), None);
    }

    pub(super) fn unreachable(&self, what: impl Into<String>, error: impl Display, advice: impl Into<String>) {
        self.add(what, Verdict::Unreachable, error, Some(advice.into()));
    }

    /// As heavy as a rule says.
    pub(super) fn weigh(&self, what: impl Into<String>, weight: Weight, found: impl Display, advice: Option<String>) {
        let verdict = match weight {
            Weight::Fine => Verdict::Fine,
            Weight::Warning => Verdict::Warning,
            Weight::Wrong => Verdict::Wrong,
        };
        self.add(what, verdict, found, advice);
    }

    fn add(&self, what: impl Into<String>, verdict: Verdict, found: impl Display, advice: Option<String>) {
        let finding = Finding { area: self.area, what: what.into(), verdict, found: found.to_string(), advice };
        self.found.lock().unwrap_or_else(PoisonError::into_inner).push(finding);
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_counted_and_sorted_by_area() {
        let database = Sheet::new(Area::Database);
        database.fine("version", "10.11");
        database.of(Area::Clocks).warn("clock", "2 s", "set it");
        database.wrong("sync", 0, "set it to 1");
        let kafka = Sheet::new(Area::Kafka);
        kafka.unreachable("brokers", "no answer", "start it");
        kafka.skip("versions", "nobody answered");
        let all = [database.findings(), kafka.findings()].concat();
        let diagnosis = Diagnosis::of(DateTime::UNIX_EPOCH, all);
        let areas: Vec<Area> = diagnosis.findings.iter().map(|finding| finding.area).collect();
        assert_eq!(areas, [Area::Kafka, Area::Kafka, Area::Database, Area::Database, Area::Clocks]);
        let Diagnosis { wrong, warnings, unreachable, not_looked_at, .. } = diagnosis;
        assert_eq!((wrong, warnings, unreachable, not_looked_at), (1, 1, 1, 1));
        assert_eq!(diagnosis.findings[1].found, "not looked at, because nobody answered");
    }
}
