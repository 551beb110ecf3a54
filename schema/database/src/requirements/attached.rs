//! What others hung on our tables: triggers, and foreign keys of their own tables. Neither follows a RENAME that swaps tables: both
//! stay with the tables that were replaced. Only the owner can see them.

use sqlx::AssertSqlSafe;

use super::problem::{Findings, Problem};
use crate::statements::placeholders;
use crate::watched::Watched;

/// These are never swapped, nor written in the transaction of a batch.
const BOOKKEEPING: [&str; 6] =
    ["api_key_uses", "api_keys", "generation_guard", "generation_numbers", "generations", "redrives"];

/// Finds them on those of `tables` that are folded into.
///
/// # Errors
/// The database's.
pub(super) async fn find(connection: &mut Watched, tables: &[&str]) -> Result<Findings, sqlx::Error> {
    let tables: Vec<&str> = tables.iter().copied().filter(|table| !BOOKKEEPING.contains(table)).collect();
    let mut refused = triggers(connection, &tables).await?;
    refused.append(&mut foreign_keys(connection, &tables).await?);
    Ok(Findings { refused, warnings: Vec::new() })
}

async fn triggers(connection: &mut Watched, tables: &[&str]) -> Result<Vec<Problem>, sqlx::Error> {
    let text = format!(
        "SELECT event_object_table, trigger_name, CONCAT(action_timing, ' ', event_manipulation) \
         FROM information_schema.triggers WHERE event_object_schema = DATABASE() AND event_object_table IN ({}) \
         ORDER BY event_object_table, trigger_name",
        placeholders(tables.len())
    );
    let query = sqlx::query_as::<_, (String, String, String)>(AssertSqlSafe(text));
    let rows = tables.iter().fold(query, |query, table| query.bind(table)).fetch_all(connection).await?;
    let problem = |(table, name, when): (String, String, String)| {
        let what = format!("table {table}, trigger {name}");
        let remedy = "drop it: it would change what is folded, and stay with the old table after a rebuild";
        Problem::new(what, "none", format!("one {when}"), remedy)
    };
    Ok(rows.into_iter().map(problem).collect())
}

/// Foreign keys of the database's other tables: those of our own are in their shapes. (To look through all databases the server opens
/// every table that it has.)
async fn foreign_keys(connection: &mut Watched, tables: &[&str]) -> Result<Vec<Problem>, sqlx::Error> {
    let ours = placeholders(tables.len());
    let text = format!(
        "SELECT DISTINCT table_name, constraint_name, referenced_table_name \
         FROM information_schema.key_column_usage \
         WHERE table_schema = DATABASE() AND referenced_table_schema = DATABASE() \
         AND referenced_table_name IN ({ours}) AND table_name NOT IN ({ours}) ORDER BY 1, 2"
    );
    let query = sqlx::query_as::<_, (String, String, String)>(AssertSqlSafe(text));
    let query = tables.iter().chain(tables).fold(query, |query, table| query.bind(table));
    let rows = query.fetch_all(connection).await?;
    let problem = |(table, name, refers_to): (String, String, String)| {
        let what = format!("table {refers_to}, foreign key {name} of table {table}");
        let remedy = "drop it: it would follow the old table after a rebuild, and keep it from being dropped";
        Problem::new(what, "none", format!("one that refers to {refers_to}"), remedy)
    };
    Ok(rows.into_iter().map(problem).collect())
}
