//! Tables for a person: on a terminal with borders, elsewhere too, but never with colours there.

use comfy_table::{ContentArrangement, Table};

/// A table as text.
#[must_use]
pub fn render<S: AsRef<str>>(header: &[S], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().map(AsRef::as_ref));
    table.add_rows(rows);
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_is_there() {
        let text = render(&["part", "pid"], &[vec!["kafka".to_owned(), "12".to_owned()]]);
        assert!(["part", "pid", "kafka", "12"].iter().all(|cell| text.contains(cell)), "{text}");
    }
}
