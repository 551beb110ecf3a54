//! The shape that the migrations give the tables: `schema/tables.txt`, read once. A test makes the tables by the migrations and
//! compares; whoever adds a migration writes down here what it changes.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::table_shape::{Column, TableShape};

const TEXT: &str = include_str!("../../../tables.txt");

/// By name.
#[expect(clippy::expect_used, reason = "the text is a part of the program, and a test reads it")]
pub(super) static TABLES: LazyLock<BTreeMap<String, TableShape>> =
    LazyLock::new(|| parse(TEXT).expect("schema/tables.txt is of its form"));

/// `table NAME` begins a table; the lines below say what it has, as [`TableShape`] shows it.
fn parse(text: &str) -> Result<BTreeMap<String, TableShape>, String> {
    let mut tables = BTreeMap::new();
    let mut name = "";
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        if let Some(begun) = line.strip_prefix("table ") {
            name = begun;
            let (kind, engine) = ("BASE TABLE".to_owned(), "InnoDB".to_owned());
            tables.insert(name.to_owned(), TableShape { kind, engine, ..TableShape::default() });
            continue;
        }
        let table = tables.get_mut(name).ok_or_else(|| format!("line {number}: no table was begun"))?;
        take(table, line.trim()).ok_or_else(|| format!("line {number}: `{line}` is not of the form"))?;
    }
    Ok(tables)
}

fn take(table: &mut TableShape, line: &str) -> Option<()> {
    if let Some(columns) = line.strip_prefix("primary key ") {
        table.primary_key = Some(columns.to_owned());
        return Some(());
    }
    let (kind, rest) = line.split_once(' ')?;
    let (name, text) = rest.split_once(' ')?;
    let (name, text) = (name.to_owned(), text.to_owned());
    match kind {
        // What may be left out is asked of other people's columns only.
        "column" => drop(table.columns.insert(name, Column { definition: text, can_be_left_out: false })),
        "key" => drop(table.keys.insert(name, text)),
        "check" => drop(table.checks.insert(name, text)),
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_of_its_form_and_shown_as_it_is_written() {
        let shown: String = TABLES.iter().map(|(name, shape)| format!("table {name}\n{shape}")).collect();
        let written: Vec<&str> = TEXT.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        assert_eq!(shown.lines().collect::<Vec<_>>(), written);
        assert_eq!(TABLES.len(), 16);
    }

    #[test]
    fn another_line_is_named() {
        assert_eq!(parse("  column a int"), Err("line 1: no table was begun".to_owned()));
        assert_eq!(
            parse("# c\n\ntable t\n  colum a int"),
            Err("line 4: `  colum a int` is not of the form".to_owned())
        );
    }
}
