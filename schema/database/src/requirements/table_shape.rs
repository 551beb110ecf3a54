//! The shape of a table, as the server says it: what a fold, or a reader, rests on. Names of the server's own making, sizes and
//! comments are no part of it.

use std::collections::BTreeMap;
use std::fmt;

use sqlx::{AssertSqlSafe, Executor, FromRow, Row};

use crate::statements::placeholders;
use crate::watched::Watched;

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// `varchar(64) utf8mb4_nopad_bin not null`.
    pub definition: String,
    /// An insert that does not name it goes through.
    pub can_be_left_out: bool,
}

/// One table. Keys, checks and foreign keys are by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableShape {
    /// `BASE TABLE`, or what it is in its place.
    pub kind: String,
    pub engine: String,
    pub columns: BTreeMap<String, Column>,
    /// Its columns, in parentheses.
    pub primary_key: Option<String>,
    pub keys: BTreeMap<String, String>,
    pub unique_keys: BTreeMap<String, String>,
    pub checks: BTreeMap<String, String>,
    pub foreign_keys: BTreeMap<String, String>,
}

impl fmt::Display for TableShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, column) in &self.columns {
            writeln!(f, "  column {name} {}", column.definition)?;
        }
        if let Some(columns) = &self.primary_key {
            writeln!(f, "  primary key {columns}")?;
        }
        let named = [("key", &self.keys), ("unique key", &self.unique_keys), ("check", &self.checks)];
        for (kind, all) in named.into_iter().chain([("foreign key", &self.foreign_keys)]) {
            for (name, text) in all {
                writeln!(f, "  {kind} {name} {text}")?;
            }
        }
        Ok(())
    }
}

/// Those of `names` that are there.
///
/// # Errors
/// The database's.
pub(super) async fn read(
    connection: &mut Watched,
    names: &[&str],
) -> Result<BTreeMap<String, TableShape>, sqlx::Error> {
    let mut shapes = kinds(connection, names).await?;
    columns(connection, names, &mut shapes).await?;
    for (name, shape) in &mut shapes {
        if shape.kind != "VIEW" {
            let made = connection.fetch_one(AssertSqlSafe(format!("SHOW CREATE TABLE `{name}`"))).await?;
            shape.take_keys(made.try_get(1)?);
        }
    }
    Ok(shapes)
}

async fn kinds(connection: &mut Watched, names: &[&str]) -> Result<BTreeMap<String, TableShape>, sqlx::Error> {
    let text = format!(
        "SELECT table_name, table_type, COALESCE(engine, 'none') FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND table_name IN ({})",
        placeholders(names.len())
    );
    let query = sqlx::query_as::<_, (String, String, String)>(AssertSqlSafe(text));
    let rows = names.iter().fold(query, |query, name| query.bind(name)).fetch_all(connection).await?;
    let shape = |(name, kind, engine)| (name, TableShape { kind, engine, ..TableShape::default() });
    Ok(rows.into_iter().map(shape).collect())
}

/// As `information_schema` has it.
#[derive(FromRow)]
struct ColumnRow {
    table_name: String,
    column_name: String,
    column_type: String,
    collation_name: Option<String>,
    is_nullable: String,
    column_default: Option<String>,
    extra: String,
}

impl From<&ColumnRow> for Column {
    fn from(row: &ColumnRow) -> Self {
        let is_nullable = row.is_nullable == "YES";
        let collation = row.collation_name.as_deref();
        let parts = [Some(row.column_type.as_str()), collation, (!is_nullable).then_some("not null"), Some(&row.extra)];
        let parts: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
        let fills_itself = ["auto_increment", "GENERATED"].iter().any(|word| row.extra.contains(word));
        Self {
            definition: parts.join(" "),
            can_be_left_out: is_nullable || row.column_default.is_some() || fills_itself,
        }
    }
}

async fn columns(
    connection: &mut Watched,
    names: &[&str],
    shapes: &mut BTreeMap<String, TableShape>,
) -> Result<(), sqlx::Error> {
    let text = format!(
        "SELECT table_name AS table_name, column_name AS column_name, column_type AS column_type, \
         collation_name AS collation_name, is_nullable AS is_nullable, column_default AS column_default, extra AS extra \
         FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name IN ({})",
        placeholders(names.len())
    );
    let query = sqlx::query_as::<_, ColumnRow>(AssertSqlSafe(text));
    let rows = names.iter().fold(query, |query, name| query.bind(name)).fetch_all(connection).await?;
    for row in &rows {
        // A table that was made between the two statements: it is not looked at this time.
        if let Some(shape) = shapes.get_mut(&row.table_name) {
            shape.columns.insert(row.column_name.clone(), row.into());
        }
    }
    Ok(())
}

impl TableShape {
    /// Keys and constraints, from the text that the server would make the table by: a line each.
    fn take_keys(&mut self, made: &str) {
        for line in made.lines().map(|line| line.trim().trim_end_matches(',')) {
            if let Some(columns) = line.strip_prefix("PRIMARY KEY ") {
                self.primary_key = Some(columns.to_owned());
            } else if let Some((name, text)) = named(line, "CONSTRAINT ") {
                if let Some(condition) = text.strip_prefix("CHECK ") {
                    self.checks.insert(name, condition.to_owned());
                } else {
                    self.foreign_keys.insert(name, text.to_owned());
                }
            } else if let Some((name, columns)) = named(line, "UNIQUE KEY ") {
                self.unique_keys.insert(name, columns.to_owned());
            } else if let Some((name, columns)) = named(line, "KEY ") {
                self.keys.insert(name, columns.to_owned());
            } else if let Some((name, (_, condition))) =
                named(line, "").and_then(|(name, text)| Some((name, text.split_once(" CHECK ")?)))
            {
                // A condition of one column has no name.
                self.checks.insert(format!("of column {name}"), condition.to_owned());
            }
        }
    }
}

/// The quoted name that follows `prefix`, and the rest.
fn named<'a>(line: &'a str, prefix: &str) -> Option<(String, &'a str)> {
    let (name, rest) = line.strip_prefix(prefix)?.strip_prefix('`')?.split_once('`')?;
    Some((name.to_owned(), rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_constraints_are_found_in_the_server_s_text() {
        let made = "TABLE `stock` (\n  `product_id` varchar(64) NOT NULL,\n  `available` bigint(20) NOT NULL CHECK (`available` < 5),\n  \
                    PRIMARY KEY (`product_id`),\n  UNIQUE KEY `u` (`kafka_offset`),\n  KEY `k` (`kafka_partition`),\n  \
                    CONSTRAINT `f` FOREIGN KEY (`product_id`) REFERENCES `products` (`id`),\n  \
                    CONSTRAINT `c` CHECK (`available` >= 0)\n) ENGINE=InnoDB";
        let mut shape = TableShape::default();
        shape.take_keys(made);
        assert_eq!(
            shape.to_string(),
            "  primary key (`product_id`)\n  key k (`kafka_partition`)\n  unique key u (`kafka_offset`)\n  check c (`available` >= 0)\n  \
             check of column available (`available` < 5)\n  foreign key f FOREIGN KEY (`product_id`) REFERENCES `products` (`id`)\n"
        );
    }

    #[test]
    fn a_column_is_what_a_row_of_it_may_hold() {
        let row = |nullable: &str, default: Option<&str>, extra: &str| ColumnRow {
            table_name: "t".to_owned(),
            column_name: "c".to_owned(),
            column_type: "varchar(64)".to_owned(),
            collation_name: Some("ascii_bin".to_owned()),
            is_nullable: nullable.to_owned(),
            column_default: default.map(str::to_owned),
            extra: extra.to_owned(),
        };
        for (row, definition, can_be_left_out) in [
            (row("NO", None, ""), "varchar(64) ascii_bin not null", false),
            (row("YES", Some("NULL"), ""), "varchar(64) ascii_bin", true),
            (row("NO", Some("'x'"), ""), "varchar(64) ascii_bin not null", true),
            (row("NO", None, "auto_increment"), "varchar(64) ascii_bin not null auto_increment", true),
            (row("NO", None, "STORED GENERATED"), "varchar(64) ascii_bin not null STORED GENERATED", true),
        ] {
            assert_eq!(Column::from(&row), Column { definition: definition.to_owned(), can_be_left_out });
        }
    }
}
