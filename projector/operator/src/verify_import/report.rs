//! How a comparison of an old table with the ledger is shown.

use super::difference::{ImportDifference, ImportVerified, Kind};
use crate::output::Report;
use ledger_schema::printable::printable_line;

impl Report for ImportVerified {
    fn header(&self) -> Vec<&'static str> {
        vec!["old table", "rows", "compared", "changed", "missing", "extra", "unreadable"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let Self { rows, compared, changed, missing, extra, unreadable, .. } = *self;
        let counts = [rows, compared, changed, missing, extra, unreadable];
        vec![std::iter::once(self.table.clone()).chain(counts.map(|count| count.to_string())).collect()]
    }

    fn summary(&self) -> Option<String> {
        let mut lines: Vec<String> =
            self.first.iter().map(|difference| printable_line(&difference.line()).into_owned()).collect();
        let listed = u64::try_from(self.first.len()).expect("in memory");
        if self.differing() > listed && self.first.len() >= self.limit {
            lines.push("there are more; `--limit` lists them".to_owned());
        }
        lines.extend(self.warnings.iter().map(|warning| format!("note: {warning}")));
        lines.push(if self.agrees() { "old table and ledger agree" } else { "old table and ledger differ" }.to_owned());
        Some(lines.join("\n"))
    }
}

impl ImportDifference {
    /// On one line.
    fn line(&self) -> String {
        let or_null = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".to_owned());
        let old_id = self.old_id.as_ref().map_or_else(String::new, |old| format!(" ({old})"));
        let id = self.order_id.clone().unwrap_or_else(|| "a row".to_owned());
        let (old, ledger) = (or_null(&self.old), or_null(&self.ledger));
        match self.kind {
            Kind::Missing => format!("{id}{old_id}: no order in the ledger; the old table has {old}"),
            Kind::Extra => format!("{id}{old_id}: no row in the old table; the ledger has {ledger}"),
            Kind::Changed => {
                let column = self.column.unwrap_or("row");
                format!("{id}{old_id}: {column}: the old table has {old}, the ledger {ledger}")
            }
            Kind::Unreadable => {
                format!("{id}{old_id}: its id {}; the old table has {old}", self.why.as_deref().unwrap_or("is none"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ledger_schema::OrderId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_differs_is_named_in_full() {
        let id = OrderId::from_uuid(Uuid::from_u128(7));
        let mut verified = ImportVerified::new("old.orders".to_owned(), 3, vec!["told".to_owned()]);
        assert!(verified.agrees());
        verified.rows = 5;
        verified.missing(id, Some("12345".to_owned()), "user_id a".to_owned());
        verified.extra(id, "user_id b".to_owned());
        verified.unreadable(Some("\u{1b}[31m".to_owned()), "must be a UUID".to_owned(), "user_id c".to_owned());
        verified.unreadable(None, "is NULL".to_owned(), "user_id d".to_owned());
        assert!(!verified.agrees());
        assert_eq!(verified.rows(), [["old.orders", "5", "0", "0", "1", "1", "2"].map(str::to_owned)]);
        let shown = Report::summary(&verified).expect("something to say");
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(
            lines,
            [
                "00000000-0000-0000-0000-000000000007 (12345): no order in the ledger; the old table has user_id a",
                "00000000-0000-0000-0000-000000000007: no row in the old table; the ledger has user_id b",
                "a row (\\u{1b}[31m): its id must be a UUID; the old table has user_id c",
                "there are more; `--limit` lists them",
                "note: told",
                "old table and ledger differ",
            ]
        );
    }
}
