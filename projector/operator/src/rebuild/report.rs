//! What a rebuild came to, for people and programs.

use ledger_store::FOLD_VERSION;
use ledger_store::generations::{Counts, Phase};
use serde::Serialize;

use super::progress::millis;
use crate::generations::swap::Swapped;
use crate::output::Report;
use crate::verify::{Difference, Differences, ToldCounts};

/// How a rebuild ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RebuildOutcome {
    /// The new tables are live.
    Swapped,
    /// An earlier run had swapped them, and died before it wrote that down.
    SwappedBefore,
    /// As asked: built, compared, dropped.
    DryRun,
    /// Rows would change, and nobody agreed to that. The new tables are kept.
    Refused,
}

/// How long a phase took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PhaseTime {
    pub phase: Phase,
    pub milliseconds: u64,
}

/// One table of the new generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TableSummary {
    pub table: &'static str,
    /// `None` where it was not counted.
    pub rows: Option<i64>,
    /// What was compared, and found to differ, live against new.
    pub compared: u64,
    pub changed: u64,
    /// In the new table only.
    pub added: u64,
    /// In the live table only.
    pub removed: u64,
}

/// The summary of a rebuild.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub outcome: RebuildOutcome,
    pub generation: i32,
    /// The generation that was live at the start; `None` when nothing had been folded.
    pub replaced: Option<i32>,
    pub fold_version: i32,
    /// The phase of an earlier run that this one continued.
    pub resumed_from: Option<Phase>,
    /// Records of the log that the tables are a fold of (offsets: marks of transactions are counted, too).
    pub records: i64,
    /// Folded by this run.
    pub records_folded: u64,
    pub records_per_second: u64,
    /// Exclusive ends, by partition.
    pub ends: Vec<i64>,
    pub tables: Vec<TableSummary>,
    /// Whether live and new tables were compared: not when there was nothing to compare with.
    pub compared: bool,
    /// Why they could not be, where there was something to compare with: it is asked about as if rows would change.
    pub not_compared: Option<String>,
    /// Rows are in the live tables, and no positions: all of them would be replaced.
    pub live_rows_of_unknown_origin: bool,
    pub first_differences: Vec<Difference>,
    pub more_differences: bool,
    pub phases: Vec<PhaseTime>,
    /// How long the statement took that swapped the tables.
    pub swap_milliseconds: Option<u64>,
    pub swap_attempts: Option<u32>,
    /// Events between partitions that were told again after the swap.
    pub lines_told: Option<u64>,
    /// What partitions tell each other, held against the log; `None` where this run has not folded it all.
    pub between: Option<ToldCounts>,
}

impl Summary {
    /// Of a rebuild that begins.
    pub(super) fn new(generation: i32, replaced: Option<i32>, resumed_from: Option<Phase>) -> Self {
        Self {
            outcome: RebuildOutcome::Refused,
            generation,
            replaced,
            fold_version: FOLD_VERSION,
            resumed_from,
            records: 0,
            records_folded: 0,
            records_per_second: 0,
            ends: Vec::new(),
            tables: Vec::new(),
            compared: false,
            not_compared: None,
            live_rows_of_unknown_origin: false,
            first_differences: Vec::new(),
            more_differences: false,
            phases: Vec::new(),
            swap_milliseconds: None,
            swap_attempts: None,
            lines_told: None,
            between: None,
        }
    }

    /// Whether the swap changes rows, as far as that is known.
    pub fn changes_rows(&self) -> bool {
        self.live_rows_of_unknown_origin
            || self.not_compared.is_some()
            || self.tables.iter().any(|table| table.changed + table.added + table.removed > 0)
    }

    fn table(&mut self, name: &'static str) -> &mut TableSummary {
        let at = self.tables.iter().position(|table| table.table == name).unwrap_or_else(|| {
            self.tables.push(TableSummary { table: name, rows: None, compared: 0, changed: 0, added: 0, removed: 0 });
            self.tables.len() - 1
        });
        &mut self.tables[at]
    }

    pub(super) fn take_counts(&mut self, counts: &Counts) {
        let Counts { records, orders, movements, dead_letters } = *counts;
        self.records = records;
        for (table, rows) in [("orders", orders), ("stock_movements", movements), ("dead_letters", dead_letters)] {
            self.table(table).rows = Some(rows);
        }
    }

    pub(super) fn take_swap(&mut self, swapped: Swapped, attempt: u32, lines_told: u64) {
        self.lines_told = Some(lines_told);
        match swapped {
            Swapped::Now { old, took, .. } => {
                self.outcome = RebuildOutcome::Swapped;
                self.replaced = old;
                self.swap_attempts = Some(attempt);
                self.swap_milliseconds = Some(millis(took));
            }
            Swapped::Before => self.outcome = RebuildOutcome::SwappedBefore,
        }
    }

    pub(super) fn take_differences(&mut self, differences: Differences) {
        self.compared = true;
        for counts in &differences.tables {
            let table = self.table(counts.table);
            table.compared = counts.compared;
            table.changed = counts.changed;
            table.added = counts.missing;
            table.removed = counts.extra;
        }
        self.more_differences = differences.more;
        self.first_differences = differences.first;
    }

    /// What the swap would change, in lines.
    pub fn changes(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.live_rows_of_unknown_origin {
            lines.push("the live tables hold rows and no positions: all of them would be replaced".to_owned());
        }
        if let Some(why) = &self.not_compared {
            lines.push(format!("the live tables were not compared with the new ones: {why}"));
        }
        for TableSummary { table, changed, added, removed, .. } in &self.tables {
            if changed + added + removed > 0 {
                lines.push(format!("{table}: {changed} rows would change, {added} be added, {removed} be removed"));
            }
        }
        lines.extend(self.first_differences.iter().map(Difference::line));
        if self.more_differences {
            lines.push("... and more".to_owned());
        }
        lines
    }

    fn sentence(&self) -> String {
        let Self { generation, .. } = self;
        match (self.outcome, self.replaced) {
            (RebuildOutcome::Swapped, Some(old)) => format!(
                "generation {generation} is live, folded from {} records; generation {old} is kept for `ledger rollback`",
                self.records
            ),
            (RebuildOutcome::Swapped, None) => {
                format!("generation {generation} is live, folded from {} records", self.records)
            }
            (RebuildOutcome::SwappedBefore, _) => {
                format!("generation {generation} was live already: an earlier run swapped it in")
            }
            (RebuildOutcome::DryRun, _) => {
                "a dry run: the new tables were dropped, the live ones are untouched".to_owned()
            }
            (RebuildOutcome::Refused, _) => format!(
                "refused: rows would change. The live tables are untouched; generation {generation} is kept: `ledger rebuild \
                 --yes` swaps it in, `ledger generations drop {generation}` removes it"
            ),
        }
    }
}

impl Report for Summary {
    fn header(&self) -> Vec<&'static str> {
        vec!["table", "rows", "compared", "changed", "added", "removed"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |table: &TableSummary| {
            let rows = table.rows.map_or_else(String::new, |rows| rows.to_string());
            let counts = [table.compared, table.changed, table.added, table.removed];
            let counts = counts.map(|count| if self.compared { count.to_string() } else { String::new() });
            [table.table.to_owned(), rows].into_iter().chain(counts).collect()
        };
        self.tables.iter().map(row).collect()
    }

    fn summary(&self) -> Option<String> {
        let mut lines = self.changes();
        match &self.between {
            Some(between) => lines.extend(between.lines()),
            None => lines.push(
                "what partitions tell each other was not held against the log, since an earlier run folded some of it: `ledger verify` does"
                    .to_owned(),
            ),
        }
        let times: Vec<String> = self
            .phases
            .iter()
            .map(|PhaseTime { phase, milliseconds }| {
                format!("{} {}.{:03} s", phase.as_str(), milliseconds / 1000, milliseconds % 1000)
            })
            .collect();
        lines.push(format!("{}: {} records/s", times.join(", "), self.records_per_second));
        if let (Some(took), Some(attempts)) = (self.swap_milliseconds, self.swap_attempts) {
            lines.push(format!("the swap took {took} ms, in attempt {attempts}"));
        }
        if let Some(told) = self.lines_told.filter(|told| *told > 0) {
            lines.push(format!("{told} lines were told again, for partitions that may wait for them"));
        }
        lines.push(self.sentence());
        Some(lines.join("\n"))
    }
}
