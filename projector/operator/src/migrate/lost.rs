//! Tables, and positions, that were there and are gone: a migration brings them back, empty, by the statements that made them. The
//! tables are disposable, one as all: where rows of a fold are gone, the positions that speak of them are removed as well, so that
//! nothing is folded on, or shown, until `ledger rebuild` has made the whole anew (INV-5, INV-6, INV-13).
//!
//! Dying at any line is made good by the next migration: positions go before the first table is made, marks of migrations
//! before their tables, and what has no mark is run again.

use std::collections::BTreeSet;

use ledger_database::migrations::MIGRATOR;
use ledger_database::{Tables, Watched};
use ledger_fold::log_safety::LogRefusal;
use ledger_store::log_check::{LogCheckError, check_complete};
use ledger_store::positions;
use sqlx::migrate::Migration;
use sqlx::{AssertSqlSafe, Executor};

use super::error::MigrateError;
use super::observable;
use super::options::MigrateOptions;
use super::report::{Step, StepOutcome};
use super::retired;
use crate::generations::shadow;

const POSITIONS: &str = "positions";
const OUTBOX: &str = "outbox";
const GENERATIONS: &str = "generations";
const FURTHEST: &str = "furthest_positions";

/// What was found gone.
#[derive(Debug, Default)]
pub(super) struct Lost {
    tables: BTreeSet<&'static str>,
}

impl Lost {
    /// Tables whose migration was run, by `applied`, and that are not there (any more). One whose migrations have no mark, while
    /// later ones have, is being brought back: the run died that began it.
    pub(super) async fn find(connection: &mut Watched, applied: &[i64]) -> Result<Self, MigrateError> {
        let last = applied.iter().max().copied().unwrap_or(0);
        let mut lost = Self::default();
        for (table, version) in MIGRATOR.iter().filter_map(|migration| Some((created(migration)?, migration.version))) {
            let is_begun = version < last && !applied.contains(&version);
            if is_begun || (applied.contains(&version) && !exists(connection, table).await?) {
                lost.tables.insert(table);
            }
        }
        Ok(lost)
    }

    /// Whether rows are gone that positions speak of. Outcomes that nobody has published are such rows.
    fn of_the_fold(&self) -> bool {
        let live = Tables::live();
        self.tables.iter().any(|table| *table == OUTBOX || live.names().contains(table))
    }

    /// Prepares that the migrations make them anew.
    ///
    /// # Errors
    /// [`MigrateError`]; the next migration continues.
    pub(super) async fn prepare(
        &self,
        connection: &mut Watched,
        options: &MigrateOptions,
    ) -> Result<Vec<Step>, MigrateError> {
        let mut steps = Vec::new();
        if self.tables.is_empty() {
            return Ok(steps);
        }
        if self.of_the_fold() {
            if exists(connection, POSITIONS).await? {
                check_topic(connection, options).await?;
                remove_positions(connection).await?;
            }
            if self.tables.contains(OUTBOX) {
                // Which tables are retired is written there.
                self.make(connection, GENERATIONS).await?;
                steps.extend(retired::retire(connection, options).await?);
            }
        }
        if self.tables.contains(FURTHEST) {
            // Raised before its migrations are run: from the positions alone they would make it less than was observed (INV-13).
            self.make(connection, FURTHEST).await?;
            if let Some(ends) = observable::read(options).await? {
                positions::raise_furthest(connection, &options.topics.orders, &ends).await?;
            }
        }
        self.unmark(connection).await?;
        steps.extend(
            self.tables.iter().map(|table| Step::new(format!("table {table}"), StepOutcome::Created, note(table))),
        );
        Ok(steps)
    }

    /// Makes a table at once, where it is lost. Its migrations are run all the same.
    async fn make(&self, connection: &mut Watched, table: &str) -> Result<(), MigrateError> {
        let is_lost = self.tables.contains(table);
        for text in statements_on(table).filter(|text| is_lost && text.starts_with("CREATE ")) {
            execute(connection, "making a lost table", text).await?;
        }
        Ok(())
    }

    /// Takes the marks of the migrations away that made them, all at once: each may be run again.
    async fn unmark(&self, connection: &mut Watched) -> Result<(), MigrateError> {
        let made_them =
            |migration: &&'static Migration| target(migration).is_some_and(|table| self.tables.contains(table));
        let versions: Vec<String> =
            MIGRATOR.iter().filter(made_them).map(|migration| migration.version.to_string()).collect();
        let text = format!("DELETE FROM _sqlx_migrations WHERE version IN ({})", versions.join(", "));
        execute(connection, "taking the marks of migrations away", &text).await
    }
}

/// What is to be said of a table that was lost.
fn note(table: &str) -> &'static str {
    match table {
        "redrives" => {
            "it was lost, and with it the marks of which records were mended: look before a record is redriven again"
        }
        "api_keys" => "it was lost, and with it every API key: make new ones with `ledger keys create`",
        "api_key_uses" => "it was lost, and with it when keys were last used",
        "generations" => "it was lost, and with it what is known of kept tables but that they are there",
        "generation_guard" | "generation_numbers" => "it was lost, and nothing with it",
        FURTHEST => "it was lost, and with it which partitions operators had paused: none is",
        "skips" => {
            "it was lost, and with it which records operators had skipped: `ledger verify` names their dead letters, and a rebuild stops \
             where they stopped the projector"
        }
        _ => {
            "it was lost: run `ledger rebuild`, which makes all tables anew; until then nothing is folded, and reads wait"
        }
    }
}

/// After the migrations: what single rows, rather than tables, leave open.
///
/// # Errors
/// The database's, or a log that is not the one of the positions.
pub(super) async fn rows(connection: &mut Watched, options: &MigrateOptions) -> Result<Vec<Step>, MigrateError> {
    ensure_numbers(connection).await?;
    let topic = &options.topics.orders;
    let stored = positions::read(connection, topic).await?;
    let Err(incomplete @ LogRefusal::IncompletePositions { .. }) = check_complete(topic, &stored) else {
        return Ok(Vec::new());
    };
    check_topic(connection, options).await?;
    tracing::warn!(%incomplete, "the positions that are left are removed");
    remove_positions(connection).await?;
    let note = "some were lost: run `ledger rebuild`, which makes all tables anew; until then nothing is folded, and reads wait";
    Ok(vec![Step::new(POSITIONS, StepOutcome::Changed, note)])
}

/// The one row that counts generations, above every number that anything bears: rows of the outbox, too, bear one.
async fn ensure_numbers(connection: &mut Watched) -> Result<(), MigrateError> {
    const STEP: &str = "counting the generations";
    let of_tables = shadow::generations(connection).await?.last().copied().unwrap_or(0);
    sqlx::query(
        "INSERT INTO generation_numbers (only_row, last_number) \
         SELECT 1, GREATEST(?, COALESCE(MAX(generation), 0)) FROM (SELECT generation FROM generations \
         UNION ALL SELECT generation FROM positions UNION ALL SELECT DISTINCT generation FROM outbox) given \
         ON DUPLICATE KEY UPDATE last_number = GREATEST(generation_numbers.last_number, VALUES(last_number))",
    )
    .bind(of_tables)
    .execute(connection)
    .await
    .map(drop)
    .map_err(MigrateError::sql(STEP))
}

/// The rows of another ledger are not ours to remove.
async fn check_topic(connection: &mut Watched, options: &MigrateOptions) -> Result<(), MigrateError> {
    let expected = &options.topics.orders;
    match positions::other_topic(connection, expected).await? {
        Some(found) => {
            let expected = expected.clone();
            Err(LogCheckError::from(LogRefusal::PositionsOfAnotherTopic { expected, found }).into())
        }
        None => Ok(()),
    }
}

/// All of them: without positions no projector starts while there are rows, and no read is answered before it is as far as what
/// was observed.
async fn remove_positions(connection: &mut Watched) -> Result<(), MigrateError> {
    execute(connection, "removing positions of tables that are not whole", "DELETE FROM positions").await
}

async fn exists(connection: &mut Watched, table: &str) -> Result<bool, MigrateError> {
    let query = "SELECT EXISTS (SELECT 1 FROM information_schema.tables \
                 WHERE table_schema = DATABASE() AND table_name = ?)";
    let found = sqlx::query_scalar(query).bind(table).fetch_one(connection).await;
    found.map_err(MigrateError::sql("looking for tables"))
}

async fn execute(connection: &mut Watched, step: &'static str, text: &str) -> Result<(), MigrateError> {
    connection.execute(AssertSqlSafe(text.to_owned())).await.map(drop).map_err(MigrateError::sql(step))
}

/// The statements of the migrations on a table, without the comments before them.
fn statements_on(table: &str) -> impl Iterator<Item = &'static str> {
    MIGRATOR.iter().filter(move |migration| target(migration) == Some(table)).map(statement)
}

/// The one statement of a migration.
fn statement(migration: &'static Migration) -> &'static str {
    let text = migration.sql.as_str();
    let begin = text.lines().take_while(|line| line.starts_with("--")).map(|line| line.len() + 1).sum();
    text.get(begin..).unwrap_or_default()
}

/// The table that a migration makes.
fn created(migration: &'static Migration) -> Option<&'static str> {
    statement(migration).strip_prefix("CREATE TABLE IF NOT EXISTS ")?.split_whitespace().next()
}

/// The table that a migration makes or changes.
fn target(migration: &'static Migration) -> Option<&'static str> {
    const BEGINNINGS: [&str; 4] = ["CREATE TABLE IF NOT EXISTS ", "ALTER TABLE ", "INSERT INTO ", "UPDATE "];
    let statement = statement(migration);
    BEGINNINGS.iter().find_map(|beginning| statement.strip_prefix(beginning))?.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_says_which_table_it_is_about() {
        let about: Vec<&str> =
            MIGRATOR.iter().map(|migration| target(migration).expect("one statement on a table")).collect();
        let made: BTreeSet<&str> = MIGRATOR.iter().filter_map(created).collect();
        assert_eq!(made.len(), 16);
        assert!(about.iter().all(|table| made.contains(table)), "{about:?}");
        assert_eq!(statements_on("positions").count(), 5);
        assert_eq!(statements_on("generation_numbers").count(), 2);
        assert!(
            statements_on("outbox").next().is_some_and(|text| text.starts_with("CREATE TABLE IF NOT EXISTS outbox"))
        );
    }

    #[test]
    fn rows_that_positions_speak_of_are_those_of_the_fold() {
        let lost = |table| Lost { tables: BTreeSet::from([table]) };
        for (table, of_the_fold) in [
            ("orders", true),
            ("stock", true),
            ("stock_movements", true),
            ("reservations", true),
            ("open_orders", true),
            ("dead_letters", true),
            ("positions", true),
            ("outbox", true),
            ("api_keys", false),
            ("api_key_uses", false),
            ("redrives", false),
            ("generations", false),
            ("generation_guard", false),
            ("generation_numbers", false),
            ("furthest_positions", false),
            ("skips", false),
        ] {
            assert_eq!(lost(table).of_the_fold(), of_the_fold, "{table}");
            assert_eq!(note(table).contains("ledger rebuild"), of_the_fold, "{table}");
        }
    }
}
