//! How an import's summary is shown.

use super::summary::NotTaken;
use super::summary::{DerivedIdsSummary, Summary, Tally};
use crate::output::Report;

/// Refusals and conflicts that the table lists; JSON and the log have more.
const LISTED_IN_TABLE: usize = 20;

impl Report for Summary {
    fn header(&self) -> Vec<&'static str> {
        vec!["from", "read", "imported", "already there", "repeats", "refused", "conflicts"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |from: String, tally: &Tally| {
            let Tally { read, imported, already_there, repeats, refused, conflicts, .. } = *tally;
            let counts = [read, imported, already_there, repeats, refused, conflicts];
            std::iter::once(from).chain(counts.map(|count| count.to_string())).collect()
        };
        let stock = self.stock.as_ref().map(|stock| row(format!("file {}", stock.file), &stock.rows));
        stock.into_iter().chain([row(format!("topic {}", self.topic), &self.orders)]).collect()
    }

    fn summary(&self) -> Option<String> {
        let mut lines = Vec::new();
        if let Some(stock) = &self.stock {
            name(&mut lines, &stock.file, &stock.rows);
        }
        name(&mut lines, &self.topic, &self.orders);
        if let Some(DerivedIdsSummary { file, ids }) = &self.derived_ids {
            lines.push(format!("derived ids: {file} has {ids}"));
        }
        lines.extend(self.warnings.iter().map(|warning| format!("warning: {warning}")));
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

fn name(lines: &mut Vec<String>, from: &str, tally: &Tally) {
    for (what, count, named) in
        [("refused", tally.refused, &tally.first_refusals), ("conflicts", tally.conflicts, &tally.first_conflicts)]
    {
        let listed = named.iter().take(LISTED_IN_TABLE);
        lines.extend(
            listed.map(|NotTaken { position, field, why }| format!("{what}: {from} {position}: {field} {why}")),
        );
        let shown = u64::try_from(LISTED_IN_TABLE.min(named.len())).expect("20 at most");
        if count > shown {
            lines.push(format!("{what}: {} more from {from}; the log names every one", count - shown));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(n: usize) -> NotTaken {
        NotTaken { position: format!("0:{n}"), field: "qty".into(), why: "is missing or null".to_owned() }
    }

    #[test]
    fn the_table_names_what_was_not_taken() {
        let orders = Tally {
            read: 25,
            imported: 2,
            refused: 22,
            conflicts: 1,
            first_refusals: (0..22).map(refusal).collect(),
            first_conflicts: vec![refusal(24)],
            ..Tally::default()
        };
        let warnings = vec!["its beginning is gone".to_owned()];
        let derived_ids = Some(DerivedIdsSummary { file: "ids.csv".to_owned(), ids: 2 });
        let summary = Summary { topic: "legacy".to_owned(), orders, stock: None, derived_ids, warnings };
        assert_eq!(summary.rows(), [["topic legacy", "25", "2", "0", "0", "22", "1"].map(str::to_owned).to_vec()]);
        let lines = Report::summary(&summary).expect("there is something to name");
        let lines: Vec<&str> = lines.lines().collect();
        assert_eq!(lines.len(), 20 + 1 + 1 + 1 + 1);
        assert_eq!(lines[0], "refused: legacy 0:0: qty is missing or null");
        assert_eq!(lines[20], "refused: 2 more from legacy; the log names every one");
        assert_eq!(lines[21], "conflicts: legacy 0:24: qty is missing or null");
        assert_eq!(lines[22], "derived ids: ids.csv has 2");
        assert_eq!(lines[23], "warning: its beginning is gone");
    }

    #[test]
    fn nothing_to_name_is_no_line() {
        let (orders, warnings) = (Tally::default(), Vec::new());
        let summary = Summary { topic: "legacy".to_owned(), orders, stock: None, derived_ids: None, warnings };
        assert_eq!(Report::summary(&summary), None);
    }
}
