//! What an import did: counts, and the name of every record and row that was not taken. Every one of them is logged as it
//! is met; the summary lists the first thousand. Next: [`super::run`], which fills it.

use std::borrow::Cow;

use ledger_schema::Position;
use serde::Serialize;

use super::refusal::Refusal;

/// Most refusals and most conflicts that a summary lists (each list has its own limit). The counts have none.
pub const MAX_LISTED: usize = 1000;

/// A record or row that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotTaken {
    /// `PARTITION:OFFSET` in the old topic, or `line N` of the opening stock.
    pub position: String,
    pub field: Cow<'static, str>,
    pub why: String,
}

impl NotTaken {
    pub(super) fn record(position: Position, refusal: Refusal) -> Self {
        Self { position: position.to_string(), field: refusal.field, why: refusal.why }
    }

    pub(super) fn row(line: u64, refusal: Refusal) -> Self {
        Self { position: format!("line {line}"), field: refusal.field, why: refusal.why }
    }
}

/// What became of the records of the old topic, or of the rows of the opening stock. In the end `read` is the sum of
/// `imported`, `already_there`, `repeats`, `refused` and `conflicts`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    pub read: u64,
    /// Appended, and acknowledged by all in-sync replicas.
    pub imported: u64,
    /// Folded by an earlier run, with the same contents.
    pub already_there: u64,
    /// Met before in this run, with the same contents.
    pub repeats: u64,
    pub refused: u64,
    /// Of the refused: records that change an order or take it back, as a connector of changes writes them.
    pub changes: u64,
    /// Met or folded earlier under the same id, with other contents.
    pub conflicts: u64,
    pub first_refusals: Vec<NotTaken>,
    pub first_conflicts: Vec<NotTaken>,
}

impl Tally {
    /// Whether the ledger now holds what the old world holds, but for records that never were orders: nothing conflicts, nothing
    /// changed, and not everything was refused.
    pub fn is_whole(&self) -> bool {
        let took_none = self.read > 0 && self.read == self.refused;
        self.conflicts == 0 && self.changes == 0 && !took_none
    }

    pub(super) fn refuse(&mut self, not_taken: NotTaken) {
        self.refused += 1;
        if self.first_refusals.len() < MAX_LISTED {
            self.first_refusals.push(not_taken);
        }
    }

    pub(super) fn conflict(&mut self, not_taken: NotTaken) {
        self.conflicts += 1;
        if self.first_conflicts.len() < MAX_LISTED {
            self.first_conflicts.push(not_taken);
        }
    }
}

/// The opening stock's part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StockSummary {
    pub file: String,
    #[serde(flatten)]
    pub rows: Tally,
}

/// The file of derived ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DerivedIdsSummary {
    pub file: String,
    /// Rows that it has now.
    pub ids: u64,
}

/// Everything that an import did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The old topic.
    pub topic: String,
    #[serde(flatten)]
    pub orders: Tally,
    /// `None` without an opening stock.
    pub stock: Option<StockSummary>,
    /// `None` where no ids are derived.
    pub derived_ids: Option<DerivedIdsSummary>,
    /// What the operator should know, although it stopped nothing.
    pub warnings: Vec<String>,
}

impl Summary {
    /// Whether all is as an operator wants it ([`Tally::is_whole`]).
    pub fn is_whole(&self) -> bool {
        self.orders.is_whole() && self.stock.as_ref().is_none_or(|stock| stock.rows.is_whole())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_is_what_is_documented() {
        let mut summary = Summary {
            topic: "legacy".to_owned(),
            orders: Tally { read: 3, imported: 1, already_there: 0, ..Tally::default() },
            stock: Some(StockSummary { file: "stock.csv".to_owned(), rows: Tally { read: 1, ..Tally::default() } }),
            derived_ids: Some(DerivedIdsSummary { file: "ids.csv".to_owned(), ids: 2 }),
            warnings: Vec::new(),
        };
        let position = Position { partition: 0, offset: 17 };
        summary.orders.refuse(NotTaken::record(position, Refusal::new("qty", "is missing or null")));
        summary.orders.conflict(NotTaken::record(position, Refusal::new("order_id", "stands")));
        let json = serde_json::to_string(&summary).expect("serializes");
        let none = r#""firstRefusals":[],"firstConflicts":[]"#;
        let expected = format!(
            r#"{{"topic":"legacy","read":3,"imported":1,"alreadyThere":0,"repeats":0,"refused":1,"changes":0,"conflicts":1,"firstRefusals":[{{"position":"0:17","field":"qty","why":"is missing or null"}}],"firstConflicts":[{{"position":"0:17","field":"order_id","why":"stands"}}],"stock":{{"file":"stock.csv","read":1,"imported":0,"alreadyThere":0,"repeats":0,"refused":0,"changes":0,"conflicts":0,{none}}},"derivedIds":{{"file":"ids.csv","ids":2}},"warnings":[]}}"#
        );
        assert_eq!(json, expected);
    }

    #[test]
    fn lists_are_bounded_and_counts_are_not() {
        let mut tally = Tally::default();
        for line in 0..=1000 {
            tally.refuse(NotTaken::row(line, Refusal::new("row", "")));
        }
        assert_eq!((tally.refused, tally.first_refusals.len()), (1001, MAX_LISTED));
    }

    #[test]
    fn what_the_ledger_does_not_hold_is_no_whole_import() {
        let tally = |read, refused, changes, conflicts| Tally { read, refused, changes, conflicts, ..Tally::default() };
        for (tally, whole) in [
            (tally(0, 0, 0, 0), true),
            (tally(3, 0, 0, 0), true),
            (tally(3, 2, 0, 0), true),
            (tally(3, 3, 0, 0), false),
            (tally(3, 1, 1, 0), false),
            (tally(3, 0, 0, 1), false),
        ] {
            assert_eq!(tally.is_whole(), whole, "{tally:?}");
        }
    }
}
