//! What an old table and the ledger disagree about, as JSON shows it. Next: [`super::run`], which fills it.

use ledger_schema::OrderId;
use serde::Serialize;

/// How an order differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The old table has a row, and the ledger no order.
    Missing,
    /// The ledger has an order, and the old table no row.
    Extra,
    /// A column differs.
    Changed,
    /// The old row cannot be compared: its id is none.
    Unreadable,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportDifference {
    pub kind: Kind,
    /// In full; `None` where the old row has none that can be read.
    pub order_id: Option<String>,
    /// As the old table spells it, where that is another spelling.
    pub old_id: Option<String>,
    /// The field, where one differs.
    pub column: Option<&'static str>,
    /// What the old table holds; `None`: NULL, or no row.
    pub old: Option<String>,
    /// What the ledger holds; `None`: no order.
    pub ledger: Option<String>,
    /// What is wrong with an id that cannot be read.
    pub why: Option<String>,
}

/// What was compared, and what differs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportVerified {
    /// The old table.
    pub table: String,
    /// Rows of the old table.
    pub rows: u64,
    /// Rows that have an order in the ledger.
    pub compared: u64,
    pub missing: u64,
    pub extra: u64,
    /// Of the compared rows, those with a column that differs.
    pub changed: u64,
    /// Rows whose id is none.
    pub unreadable: u64,
    /// Differences, up to the limit; all are counted.
    pub first: Vec<ImportDifference>,
    pub warnings: Vec<String>,
    #[serde(skip)]
    pub(super) limit: usize,
}

impl ImportVerified {
    pub(super) fn new(table: String, limit: usize, warnings: Vec<String>) -> Self {
        Self { table, limit, warnings, ..Self::default() }
    }

    /// Whether both sides say the same.
    pub fn agrees(&self) -> bool {
        self.differing() == 0
    }

    pub(super) fn differing(&self) -> u64 {
        self.missing + self.extra + self.changed + self.unreadable
    }

    pub(super) fn list(&mut self, difference: ImportDifference) {
        if self.first.len() < self.limit {
            self.first.push(difference);
        }
    }

    /// A row without an order.
    pub(super) fn missing(&mut self, id: OrderId, old_id: Option<String>, old: String) {
        self.missing += 1;
        self.list(ImportDifference {
            kind: Kind::Missing,
            order_id: Some(id.to_string()),
            old_id,
            column: None,
            old: Some(old),
            ledger: None,
            why: None,
        });
    }

    /// An order without a row.
    pub(super) fn extra(&mut self, id: OrderId, ledger: String) {
        self.extra += 1;
        self.list(ImportDifference {
            kind: Kind::Extra,
            order_id: Some(id.to_string()),
            old_id: None,
            column: None,
            old: None,
            ledger: Some(ledger),
            why: None,
        });
    }

    /// A row that nobody can find an order for.
    pub(super) fn unreadable(&mut self, old_id: Option<String>, why: String, old: String) {
        self.unreadable += 1;
        self.list(ImportDifference {
            kind: Kind::Unreadable,
            order_id: None,
            old_id,
            column: None,
            old: Some(old),
            ledger: None,
            why: Some(why),
        });
    }
}
