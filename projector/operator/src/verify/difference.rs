//! What a difference is, and how differences are counted, listed and shown. All of them are counted; only the first are
//! listed, so that tables which differ everywhere take no more memory than tables that are right. It must never cut an id.

use serde::Serialize;

use super::compared_row::ComparedRow;
use super::table::TableShape;
use crate::output::Report;

/// How a row differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A column of it.
    Changed,
    /// It should be there and is not.
    Missing,
    /// It is there and should not be.
    Extra,
}

/// One column of a row, or a whole row, that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    pub table: &'static str,
    /// The primary key, each column by name, in full.
    pub key: String,
    pub kind: Kind,
    /// Absent where the whole row is missing or extra.
    pub column: Option<&'static str>,
    /// `None`: NULL, or no row.
    pub found: Option<String>,
    /// `None`: NULL, or no row.
    pub expected: Option<String>,
}

impl Difference {
    /// On one line.
    pub fn line(&self) -> String {
        let Self { table, key, .. } = self;
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".to_owned());
        let (found, expected) = (shown(&self.found), shown(&self.expected));
        match (self.kind, self.column) {
            (Kind::Missing, _) => format!("{table} {key}: no row, expected {expected}"),
            (Kind::Extra, _) => format!("{table} {key}: a row too many: {found}"),
            (Kind::Changed, column) => {
                format!("{table} {key}: {}: found {found}, expected {expected}", column.unwrap_or("row"))
            }
        }
    }
}

/// What was compared in one table, in rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TableCounts {
    pub table: &'static str,
    /// Rows that are on both sides.
    pub compared: u64,
    /// Of these, how many have a column that differs.
    pub changed: u64,
    pub missing: u64,
    pub extra: u64,
}

impl TableCounts {
    /// Rows that are not as they should be.
    pub fn differing(&self) -> u64 {
        self.changed + self.missing + self.extra
    }
}

/// All that was found. The first differences are in order of table and key as far as they were found in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Differences {
    /// In the order in which the tables were made known.
    pub tables: Vec<TableCounts>,
    /// At most as many as were asked for.
    pub first: Vec<Difference>,
    /// Whether there are more than are listed.
    pub more: bool,
    #[serde(skip)]
    limit: usize,
}

impl Differences {
    /// Nothing yet, of these tables. At most `limit` differences are listed; all are counted.
    pub fn new(limit: usize, tables: &[&TableShape]) -> Self {
        let counts =
            |shape: &&TableShape| TableCounts { table: shape.name, compared: 0, changed: 0, missing: 0, extra: 0 };
        Self { tables: tables.iter().map(counts).collect(), first: Vec::new(), more: false, limit }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.differing() == 0
    }

    /// How many rows differ, in all tables.
    pub fn differing(&self) -> u64 {
        self.tables.iter().map(TableCounts::differing).sum()
    }

    /// How many rows were compared, in all tables.
    pub fn compared(&self) -> u64 {
        self.tables.iter().map(|counts| counts.compared).sum()
    }

    /// Compares the row that was found under a key with the one that is expected there; gives whether they are equal.
    pub fn compare(&mut self, shape: &'static TableShape, found: &ComparedRow, expected: &ComparedRow) -> bool {
        self.count(shape, |counts| counts.compared += 1);
        if found == expected {
            return true;
        }
        self.differ(shape, found, expected);
        false
    }

    /// Rows that were found equal, and are not counted one by one.
    pub fn equal(&mut self, shape: &'static TableShape, rows: u64) {
        self.count(shape, |counts| counts.compared += rows);
    }

    /// A row that differs from what is expected under its key, and is counted among those that were compared already.
    pub fn differ(&mut self, shape: &'static TableShape, found: &ComparedRow, expected: &ComparedRow) {
        self.count(shape, |counts| counts.changed += 1);
        let key = expected.key_text(shape);
        let cells = found.values().iter().zip(expected.values());
        for (column, (found, expected)) in shape.columns.iter().zip(cells) {
            if found != expected {
                self.list(Difference {
                    table: shape.name,
                    key: key.clone(),
                    kind: Kind::Changed,
                    column: Some(column.name),
                    found: found.shown(),
                    expected: expected.shown(),
                });
            }
        }
    }

    /// A row that should be there.
    pub fn missing(&mut self, shape: &'static TableShape, expected: &ComparedRow) {
        self.count(shape, |counts| counts.missing += 1);
        let (key, expected) = (expected.key_text(shape), Some(expected.rest_text(shape)));
        self.list(Difference { table: shape.name, key, kind: Kind::Missing, column: None, found: None, expected });
    }

    /// A row that should not be there.
    pub fn extra(&mut self, shape: &'static TableShape, found: &ComparedRow) {
        self.count(shape, |counts| counts.extra += 1);
        let (key, found) = (found.key_text(shape), Some(found.rest_text(shape)));
        self.list(Difference { table: shape.name, key, kind: Kind::Extra, column: None, found, expected: None });
    }

    /// Rows of a partition that are too many and cannot be named.
    pub fn unnamed(&mut self, shape: &'static TableShape, partition: i32, rows: u64) {
        if rows == 0 {
            return;
        }
        self.count(shape, |counts| counts.extra += rows);
        let key = format!("kafka_partition={partition}");
        let found = Some(format!("{rows} further rows, which cannot be distinguished from others"));
        self.list(Difference { table: shape.name, key, kind: Kind::Extra, column: None, found, expected: None });
    }

    /// A row whose columns were compared one by one, by other rules than equality.
    pub fn judged(&mut self, shape: &'static TableShape, wrong: Vec<Difference>) {
        self.count(shape, |counts| {
            counts.compared += 1;
            counts.changed += u64::from(!wrong.is_empty());
        });
        wrong.into_iter().for_each(|difference| self.list(difference));
    }

    /// Takes over what another found, in other rows of the same tables.
    pub fn absorb(&mut self, other: Self) {
        for counts in other.tables {
            let own = self.table(counts.table);
            own.compared += counts.compared;
            own.changed += counts.changed;
            own.missing += counts.missing;
            own.extra += counts.extra;
        }
        self.more |= other.more;
        other.first.into_iter().for_each(|difference| self.list(difference));
    }

    fn count(&mut self, shape: &TableShape, change: impl FnOnce(&mut TableCounts)) {
        change(self.table(shape.name));
    }

    /// A difference that is counted nowhere would make wrong tables look right.
    fn table(&mut self, name: &str) -> &mut TableCounts {
        let found = self.tables.iter_mut().find(|counts| counts.table == name);
        found.expect("one of the tables that were made known")
    }

    fn list(&mut self, difference: Difference) {
        if self.first.len() < self.limit {
            self.first.push(difference);
        } else {
            self.more = true;
        }
    }

    /// The listed differences, one on a line, and what there is beyond them.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.first.iter().map(Difference::line).collect();
        if self.more {
            lines.push(format!("these are the first {}; {} rows differ in all", self.first.len(), self.differing()));
        }
        lines
    }
}

impl Report for Differences {
    fn header(&self) -> Vec<&'static str> {
        vec!["table", "rows compared", "changed", "missing", "extra"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |counts: &TableCounts| {
            let TableCounts { table, compared, changed, missing, extra } = counts;
            let numbers = [compared, changed, missing, extra].map(u64::to_string);
            std::iter::once((*table).to_owned()).chain(numbers).collect()
        };
        self.tables.iter().map(row).collect()
    }

    /// Lines, not a table: a table would break ids to fit the terminal.
    fn summary(&self) -> Option<String> {
        let lines = self.lines();
        Some(if lines.is_empty() { "no difference".to_owned() } else { lines.join("\n") })
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::STOCK;
    use super::super::value::Value;
    use super::*;

    fn stock(product: &str, available: i64) -> ComparedRow {
        ComparedRow::new([product.into(), Value::Integer(available), 0.into(), 1.into(), Value::Integer(5)])
    }

    #[test]
    fn a_difference_names_table_key_column_found_and_expected() {
        let mut found = Differences::new(9, &[&STOCK]);
        assert!(found.compare(&STOCK, &stock("a", 3), &stock("a", 3)));
        assert!(found.is_empty());
        assert!(!found.compare(&STOCK, &stock("b", 4), &stock("b", 3)));
        found.missing(&STOCK, &stock("c", 1));
        found.extra(&STOCK, &stock("d", 2));
        assert_eq!(
            found.lines(),
            [
                "stock product_id=b: available: found 4, expected 3",
                "stock product_id=c: no row, expected available=1 held=0 kafka_partition=1 kafka_offset=5",
                "stock product_id=d: a row too many: available=2 held=0 kafka_partition=1 kafka_offset=5",
            ]
        );
        let counts = TableCounts { table: "stock", compared: 2, changed: 1, missing: 1, extra: 1 };
        assert_eq!(found.tables, [counts]);
        assert_eq!((found.differing(), found.compared()), (3, 2));
        let json = serde_json::to_value(&found).expect("JSON");
        assert_eq!(
            json["first"][0],
            serde_json::json!({ "table": "stock", "key": "product_id=b", "kind": "changed", "column": "available",
                "found": "4", "expected": "3" })
        );
    }

    #[test]
    fn all_are_counted_and_the_first_are_listed() {
        let mut found = Differences::new(2, &[&STOCK]);
        for name in ["a", "b", "c"] {
            found.missing(&STOCK, &stock(name, 1));
        }
        let mut other = Differences::new(2, &[&STOCK]);
        other.extra(&STOCK, &stock("d", 1));
        found.absorb(other);
        assert_eq!((found.first.len(), found.more, found.differing()), (2, true, 4));
        assert_eq!(found.lines()[2], "these are the first 2; 4 rows differ in all");
        assert_eq!(found.rows(), [["stock", "0", "0", "3", "1"].map(str::to_owned).to_vec()]);
    }
}
