//! What was found out about a partition while its rows were compared.

use ledger_fold::Level;

use super::table::TableShape;

/// A product as the log has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LastLevel {
    pub(super) level: Level,
    /// Of the record that changed it last.
    pub(super) offset: i64,
}

/// Which records the rows of the tables are of: by which a wrong position is known from wrong rows.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Evidence {
    /// The last record whose effect stands in some table.
    pub(super) last_found: Option<i64>,
    /// The first record whose row is missing.
    pub(super) first_missing: Option<i64>,
    /// The last record from the position on that some table has a row of.
    pub(super) last_beyond: Option<i64>,
}

impl Evidence {
    pub(super) fn found(&mut self, offset: i64) {
        self.last_found = self.last_found.max(Some(offset));
    }

    pub(super) fn missing(&mut self, offset: i64) {
        self.first_missing = Some(self.first_missing.map_or(offset, |first| first.min(offset)));
    }

    pub(super) fn beyond(&mut self, offset: i64) {
        self.last_beyond = self.last_beyond.max(Some(offset));
    }
}

/// How many rows of a table were found under their keys.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct FoundRows {
    pub(super) orders: u64,
    pub(super) movements: u64,
    pub(super) reservations: u64,
}

impl FoundRows {
    pub(super) fn of(&self, shape: &TableShape) -> u64 {
        match shape.name {
            "orders" => self.orders,
            "stock_movements" => self.movements,
            "reservations" => self.reservations,
            name => unreachable!("rows of {name} are not counted"),
        }
    }
}
