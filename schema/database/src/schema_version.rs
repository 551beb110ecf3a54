//! Which migrations the database has, and whether they are this program's. It only reads.

use thiserror::Error;

use crate::fault::{Fault, NO_SUCH_TABLE, fault_of, number_of};
use crate::migrations::MIGRATOR;
use crate::watched::Watched;

/// The tables are not this program's.
#[derive(Debug, Error)]
pub enum SchemaVersionError {
    #[error("the database has no tables: run `ledger migrate`")]
    NotMigrated,
    #[error("the tables are of version {found}, expected {expected}: run `ledger migrate`")]
    Older { expected: i64, found: i64 },
    #[error("the tables are of version {found}, expected {expected}: a newer `ledger` has migrated them")]
    Newer { expected: i64, found: i64 },
    #[error("migration {version} was interrupted: run `ledger migrate`")]
    Interrupted { version: i64 },
    #[error("reading the version of the tables: {0}")]
    Sql(#[from] sqlx::Error),
}

impl SchemaVersionError {
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Sql(cause) if fault_of(cause) == Fault::ConnectionLost)
    }
}

/// Checks that the database has exactly the migrations that this program was built with.
///
/// # Errors
/// [`SchemaVersionError`].
pub async fn check(connection: &mut Watched) -> Result<(), SchemaVersionError> {
    let rows = sqlx::query_as::<_, (i64, bool)>("SELECT version, success FROM _sqlx_migrations ORDER BY version")
        .fetch_all(connection)
        .await;
    let rows = match rows {
        Err(error) if number_of(&error).is_some_and(|number| number == NO_SUCH_TABLE || number == SELECT_DENIED) => {
            return Err(SchemaVersionError::NotMigrated);
        }
        rows => rows?,
    };
    if let Some((version, _)) = rows.iter().find(|(_, success)| !success) {
        return Err(SchemaVersionError::Interrupted { version: *version });
    }
    let expected = MIGRATOR.iter().map(|migration| migration.version).max().expect("the program has migrations");
    let last = rows.last().map(|(version, _)| *version);
    // A table that was lost is brought back by the migrations that made it: one that died in between leaves gaps.
    let is_there = |version: i64| rows.iter().any(|(found, _)| *found == version);
    let gap = MIGRATOR.iter().map(|migration| migration.version).find(|version| !is_there(*version));
    if let Some(version) = gap.filter(|gap| last.is_some_and(|last| *gap < last)) {
        return Err(SchemaVersionError::Interrupted { version });
    }
    match last {
        None => Err(SchemaVersionError::NotMigrated),
        Some(found) if found < expected => Err(SchemaVersionError::Older { expected, found }),
        Some(found) if found > expected => Err(SchemaVersionError::Newer { expected, found }),
        Some(_) => Ok(()),
    }
}

/// A user without any right on a table cannot find out whether it exists.
const SELECT_DENIED: u16 = 1142;
