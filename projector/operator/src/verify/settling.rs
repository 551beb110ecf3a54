//! Orders and lines, whose rows the log changes after it made them. The tables have how they stand at the position, the fold comes to it
//! record by record: so a row is compared when it is made and whenever it is changed, and what differs is kept until the end
//! ([`Unsettled`](super::unsettled::Unsettled)). Until then it stands in for the row, for whatever is folded.

use ledger_database::{Tables, Watched};
use ledger_fold::{OrderRow, ReservationRow, Stage};
use ledger_store::{Ids, StoreError};

use super::compared_row::ComparedRow;
use super::difference::Differences;
use super::expected;
use super::lookup::{FoundUnder, Lookups};
use super::partition::PartitionCheck;
use super::table::{ORDERS, RESERVATIONS, TableShape};

/// Rows that are looked up at once when differences are named.
const AT_ONCE: usize = 500;
/// What the log changes of an order's row; the rest is of the record that placed it.
const CHANGING: [&str; 3] = ["status", "line_status", "reason"];
const CHANGING_LINE: [&str; 2] = ["status", "confirmed"];

impl PartitionCheck {
    /// An order that the batch made. `found` are all rows under its id.
    pub(super) fn new_order(&mut self, row: &OrderRow, found: &[ComparedRow]) {
        self.seen.set(ORDERS.name, row.order.order_id(), row.offset);
        self.found_rows.orders += u64::try_from(found.len()).expect("rows in memory");
        if found.is_empty() {
            self.evidence.missing(row.offset);
        } else {
            self.evidence.found(row.offset);
        }
        self.settle_order(row, found);
    }

    /// An order as the batch leaves it.
    pub(super) fn settle_order(&mut self, row: &OrderRow, found: &[ComparedRow]) {
        let (id, expected) = (row.order.order_id(), expected::order(self.partition.number, row));
        if found == expected {
            self.orders.settle(&id);
            return;
        }
        let has_ended = matches!(row.state.stage(), Stage::Rejected | Stage::Cancelled(_));
        let is_wrong = has_ended || !are_alike(&ORDERS, &CHANGING, found, &expected);
        self.orders.differ(id, row.clone(), is_wrong);
    }

    /// A line of an order that is at home elsewhere, which the batch decided.
    pub(super) fn new_reservation(&mut self, row: &ReservationRow, found: Option<&ComparedRow>) {
        self.seen.set(RESERVATIONS.name, row.key, row.offset);
        self.found_rows.reservations += u64::from(found.is_some());
        match found {
            Some(_) => self.evidence.found(row.offset),
            None => self.evidence.missing(row.offset),
        }
        self.settle_reservation(row, found);
    }

    pub(super) fn settle_reservation(&mut self, row: &ReservationRow, found: Option<&ComparedRow>) {
        let expected = [expected::reservation(self.partition.number, row)];
        let found = found.map_or(&[][..], std::slice::from_ref);
        if found == expected {
            self.reservations.settle(&row.key);
            return;
        }
        let is_wrong = !are_alike(&RESERVATIONS, &CHANGING_LINE, found, &expected);
        self.reservations.differ(row.key, row.clone(), is_wrong);
    }

    /// Names what differs. `is_all`: everything was folded.
    pub(super) async fn name_unsettled(
        &self,
        tables: &Tables,
        connection: &mut Watched,
        is_all: bool,
        differences: &mut Differences,
    ) -> Result<(), StoreError> {
        let lookups = Lookups::new(tables);
        let mut orders = self.orders.differences(is_all);
        orders.sort_unstable_by_key(|(_, row)| row.offset);
        let mut lines = self.reservations.differences(is_all);
        lines.sort_unstable_by_key(|(_, row)| row.offset);
        for orders in orders.chunks(AT_ONCE) {
            let ids = Ids { orders: orders.iter().map(|(id, _)| **id).collect(), ..Ids::default() };
            let found = lookups.rows(connection, self.partition.number, &ids).await?;
            for (id, row) in orders {
                name(&ORDERS, found.order(id.as_uuid()), &expected::order(self.partition.number, row), differences);
            }
        }
        for lines in lines.chunks(AT_ONCE) {
            let ids = Ids { reservations: lines.iter().map(|(key, _)| **key).collect(), ..Ids::default() };
            let found: FoundUnder = lookups.rows(connection, self.partition.number, &ids).await?;
            for (key, row) in lines {
                let found = found.reservation(key).map_or(&[][..], std::slice::from_ref);
                name(&RESERVATIONS, found, &[expected::reservation(self.partition.number, row)], differences);
            }
        }
        Ok(())
    }

    /// Every row that was found under the key of a record was compared.
    pub(super) fn count_compared(&self, differences: &mut Differences) {
        differences.equal(&ORDERS, self.found_rows.orders);
        differences.equal(&RESERVATIONS, self.found_rows.reservations);
    }
}

/// Whether the rows are the same but for the columns that may change.
fn are_alike(shape: &TableShape, changing: &[&str], found: &[ComparedRow], expected: &[ComparedRow]) -> bool {
    found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| {
            let mut found = found.clone();
            changing.iter().for_each(|column| found.set(shape, column, expected.get(shape, column).clone()));
            found == *expected
        })
}

/// Both in order of their keys.
fn name(shape: &'static TableShape, found: &[ComparedRow], expected: &[ComparedRow], differences: &mut Differences) {
    for expected in expected {
        match found.iter().find(|found| found.key(shape) == expected.key(shape)) {
            Some(found) if found == expected => {}
            Some(found) => differences.differ(shape, found, expected),
            None => differences.missing(shape, expected),
        }
    }
    let is_extra = |found: &&ComparedRow| !expected.iter().any(|expected| expected.key(shape) == found.key(shape));
    found.iter().filter(is_extra).for_each(|found| differences.extra(shape, found));
}
