//! A table as it is against the one that it should be. Every difference that could stop a batch, bend a value, let a wrong row in or
//! refuse a swap is a problem; a missing index only makes things slow.

use std::collections::BTreeMap;

use super::problem::{Findings, Problem};
use super::role::{Extent, Role};
use super::table_shape::{Column, TableShape};

/// Compares one table.
pub(super) fn table(
    name: &str,
    expected: &TableShape,
    found: Option<&TableShape>,
    role: Role,
    extent: Extent,
) -> Findings {
    let mut findings = Findings::default();
    let Some(found) = found else {
        if extent == Extent::Whole {
            let remedy = "run `ledger migrate`, and then what it says";
            findings.refused.push(Problem::new(format!("table {name}"), "a table", "none", remedy));
        }
        return findings;
    };
    let compared = Compared { name, expected, found };
    if role == Role::Reader {
        findings.refused.extend(compared.columns());
        return findings;
    }
    findings.refused.extend(compared.engine());
    findings.refused.extend(compared.foreign_keys());
    if extent != Extent::AnyVersion {
        findings.refused.extend(compared.columns());
        findings.refused.extend(compared.others_columns());
        findings.refused.extend(compared.unique_keys());
        findings.refused.extend(compared.checks());
        findings.warnings.extend(compared.keys());
    }
    findings
}

struct Compared<'a> {
    name: &'a str,
    expected: &'a TableShape,
    found: &'a TableShape,
}

impl Compared<'_> {
    fn problem(&self, what: &str, expected: &str, found: &str, remedy: &str) -> Problem {
        Problem::new(format!("table {}{what}", self.name), expected, found, remedy)
    }

    fn engine(&self) -> Option<Problem> {
        let of = |shape: &TableShape| format!("{} of engine {}", shape.kind, shape.engine);
        let (expected, found) = (of(self.expected), of(self.found));
        let remedy = "only InnoDB keeps a position and its rows together: give it that engine";
        (expected != found).then(|| self.problem("", &expected, &found, remedy))
    }

    fn foreign_keys(&self) -> Vec<Problem> {
        let remedy = "drop it: it would refuse rows of the log, and no set of tables that is swapped has it";
        let all = self.found.foreign_keys.iter();
        all.map(|(name, text)| self.problem(&format!(", foreign key {name}"), "none", text, remedy)).collect()
    }

    fn columns(&self) -> Vec<Problem> {
        let differing = |(name, expected): (&String, &Column)| {
            let what = format!(", column {name}");
            match self.found.columns.get(name) {
                None => Some(self.problem(
                    &what,
                    &expected.definition,
                    "none",
                    "add it again, or drop the table and run `ledger migrate`",
                )),
                Some(found) if found.definition != expected.definition => {
                    Some(self.problem(&what, &expected.definition, &found.definition, "change it back"))
                }
                Some(_) => None,
            }
        };
        self.expected.columns.iter().filter_map(differing).collect()
    }

    /// Columns that somebody added: they are no harm while rows can be written without them.
    fn others_columns(&self) -> Vec<Problem> {
        let added = self.found.columns.iter().filter(|(name, _)| !self.expected.columns.contains_key(*name));
        let needed = added.filter(|(_, column)| !column.can_be_left_out);
        let problem = |(name, column): (&String, &Column)| {
            let expected = "no such column, or one with a default";
            self.problem(&format!(", column {name}"), expected, &column.definition, "drop it, or give it a default")
        };
        needed.map(problem).collect()
    }

    /// A key of somebody else would pass for an id that stands before.
    fn unique_keys(&self) -> Vec<Problem> {
        let shown = |key: &Option<String>| key.as_deref().unwrap_or("none").to_owned();
        let (expected, found) = (shown(&self.expected.primary_key), shown(&self.found.primary_key));
        let primary =
            (expected != found).then(|| self.problem(", primary key", &expected, &found, "make it what is expected"));
        let others = self.found.unique_keys.iter().map(|(name, columns)| {
            self.problem(&format!(", unique key {name}"), "none", columns, "drop it: it would refuse rows of the log")
        });
        primary.into_iter().chain(others).collect()
    }

    fn checks(&self) -> Vec<Problem> {
        let (expected, found) = (&self.expected.checks, &self.found.checks);
        let missing = |name: &str, text: &str| format!("add it again: CONSTRAINT {name} CHECK {text}");
        differences(expected, found)
            .map(|(name, expected, found)| {
                let remedy = match expected {
                    Some(text) => missing(name, text),
                    None => "drop it: it would refuse rows of the log".to_owned(),
                };
                let (expected, found) = (expected.unwrap_or("none"), found.unwrap_or("none"));
                self.problem(&format!(", check {name}"), expected, found, &remedy)
            })
            .collect()
    }

    /// Those of ours that are not there.
    fn keys(&self) -> Vec<Problem> {
        differences(&self.expected.keys, &self.found.keys)
            .filter_map(|(name, expected, found)| {
                let remedy = "queries are slow without it: add it again";
                Some(self.problem(&format!(", key {name}"), expected?, found.unwrap_or("none"), remedy))
            })
            .collect()
    }
}

/// What is on one side only, or differs: name, expected, found.
fn differences<'a>(
    expected: &'a BTreeMap<String, String>,
    found: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = (&'a str, Option<&'a str>, Option<&'a str>)> {
    let ours =
        expected.iter().map(|(name, text)| (name.as_str(), Some(text.as_str()), found.get(name).map(String::as_str)));
    let others = found.iter().filter(|(name, _)| !expected.contains_key(*name));
    let others = others.map(|(name, text)| (name.as_str(), None, Some(text.as_str())));
    ours.filter(|(_, expected, found)| expected != found).chain(others)
}

#[cfg(test)]
mod tests {
    use super::super::expected::TABLES;
    use super::*;

    fn changed(change: impl Fn(&mut TableShape)) -> TableShape {
        let mut shape = TABLES["stock"].clone();
        change(&mut shape);
        shape
    }

    fn says(found: Option<&TableShape>, role: Role, extent: Extent) -> (Vec<String>, Vec<String>) {
        let Findings { refused, warnings } = table("stock", &TABLES["stock"], found, role, extent);
        let shown = |problems: Vec<Problem>| problems.iter().map(Problem::to_string).collect();
        (shown(refused), shown(warnings))
    }

    fn column(definition: &str, can_be_left_out: bool) -> Column {
        Column { definition: definition.to_owned(), can_be_left_out }
    }

    #[test]
    fn each_difference_is_named() {
        let text = |map: &mut BTreeMap<String, String>, name: &str| drop(map.insert(name.to_owned(), "(x)".to_owned()));
        for (found, part) in [
            (
                changed(|shape| shape.engine = "Aria".to_owned()),
                "table stock: expected BASE TABLE of engine InnoDB, found BASE TABLE of engine Aria;",
            ),
            (
                changed(|shape| text(&mut shape.foreign_keys, "f")),
                "table stock, foreign key f: expected none, found (x); drop it",
            ),
            (
                changed(|shape| drop(shape.columns.remove("available"))),
                "table stock, column available: expected bigint(20) not null, found none; add it again",
            ),
            (
                changed(|shape| drop(shape.columns.insert("available".to_owned(), column("int(11)", true)))),
                "table stock, column available: expected bigint(20) not null, found int(11); change it back",
            ),
            (
                changed(|shape| drop(shape.columns.insert("shelf".to_owned(), column("int(11) not null", false)))),
                "table stock, column shelf: expected no such column, or one with a default, found int(11) not null; drop it",
            ),
            (
                changed(|shape| shape.primary_key = None),
                "table stock, primary key: expected (`product_id`), found none;",
            ),
            (
                changed(|shape| text(&mut shape.unique_keys, "u")),
                "table stock, unique key u: expected none, found (x); drop it",
            ),
            (
                changed(|shape| drop(shape.checks.remove("stock_never_negative"))),
                "table stock, check stock_never_negative: expected (`available` >= 0), found none; add it again: CONSTRAINT stock_never_negative CHECK",
            ),
            (changed(|shape| text(&mut shape.checks, "c")), "table stock, check c: expected none, found (x); drop it"),
        ] {
            let (refused, warnings) = says(Some(&found), Role::Projector, Extent::Whole);
            assert!(
                refused.len() == 1 && refused[0].starts_with(part) && warnings.is_empty(),
                "{refused:?} {warnings:?}\n{part}"
            );
        }
    }

    #[test]
    fn what_does_no_harm_is_left_alone() {
        let shelf = changed(|shape| drop(shape.columns.insert("shelf".to_owned(), column("int(11)", true))));
        let sorted = changed(|shape| drop(shape.keys.insert("by_available".to_owned(), "(`available`)".to_owned())));
        for found in [&TABLES["stock"], &shelf, &sorted] {
            assert_eq!(says(Some(found), Role::Owner, Extent::Whole), (vec![], vec![]));
        }
        let (refused, warnings) = says(Some(&changed(|shape| shape.keys.clear())), Role::Owner, Extent::Whole);
        assert_eq!((refused.len(), warnings.len()), (0, 1), "{warnings:?}");
    }

    #[test]
    fn everybody_is_told_what_it_rests_on() {
        let aria = changed(|shape| shape.engine = "Aria".to_owned());
        let unchecked = changed(|shape| drop(shape.checks.remove("stock_never_negative")));
        for (found, role, extent, refused) in [
            (None, Role::Projector, Extent::Whole, 1),
            (None, Role::Owner, Extent::Existing, 0),
            (Some(&aria), Role::Reader, Extent::Whole, 0),
            (Some(&aria), Role::Owner, Extent::AnyVersion, 1),
            (Some(&unchecked), Role::Owner, Extent::Existing, 1),
            (Some(&unchecked), Role::Owner, Extent::AnyVersion, 0),
        ] {
            assert_eq!(says(found, role, extent).0.len(), refused, "{found:?} {role:?} {extent:?}");
        }
    }
}
