//! Tables, by the migrations of `schema/migrations`, each one statement that may be run again. sqlx marks a migration as
//! begun before it runs it, and refuses to continue when it finds one that did not end. Since each statement is atomic and
//! idempotent, the mark is simply taken away here and the migration run again. Tables that were lost are made anew in the same way.
//! Read next: `lost.rs`.

use ledger_database::migrations::MIGRATOR;
use ledger_database::{Silence, Watched};
use sqlx::Executor;
use sqlx::migrate::Migrate;

use super::error::MigrateError;
use super::lost::{self, Lost};
use super::options::MigrateOptions;
use super::report::{Step, StepOutcome};

/// How long another migration is waited for.
const LOCK_WAIT_SECONDS: u32 = 60;

/// Brings the tables up to date.
///
/// # Errors
/// A migration that fails, or one that was changed after it had been run.
pub async fn migrate(connection: &mut Watched, options: &MigrateOptions) -> Result<Vec<Step>, MigrateError> {
    lock(connection).await?;
    let done = migrate_locked(connection, options).await;
    // Whether that is answered makes no difference: the lock ends with the connection at the latest.
    let _ = connection.execute("DO RELEASE_LOCK(CONCAT('ledger-migrate-', DATABASE()))").await;
    done
}

/// One migration at a time: what looks interrupted could else be another's that is still running.
async fn lock(connection: &mut Watched) -> Result<(), MigrateError> {
    let got: Option<i32> = sqlx::query_scalar("SELECT GET_LOCK(CONCAT('ledger-migrate-', DATABASE()), ?)")
        .bind(LOCK_WAIT_SECONDS)
        .fetch_one(connection)
        .await
        .map_err(MigrateError::sql("waiting for other migrations"))?;
    if got == Some(1) { Ok(()) } else { Err(MigrateError::Locked { waited_seconds: LOCK_WAIT_SECONDS }) }
}

async fn migrate_locked(connection: &mut Watched, options: &MigrateOptions) -> Result<Vec<Step>, MigrateError> {
    let table = &MIGRATOR.table_name;
    connection.run(|connection| connection.ensure_migrations_table(table)).await.map_err(silent)??;
    sqlx::query("DELETE FROM _sqlx_migrations WHERE success = FALSE")
        .execute(&mut *connection)
        .await
        .map_err(MigrateError::sql("taking the mark of an interrupted migration away"))?;
    let before = connection.run(|connection| connection.list_applied_migrations(table)).await.map_err(silent)??;
    let applied: Vec<i64> = before.iter().map(|applied| applied.version).collect();
    let mut steps = Lost::find(connection, &applied).await?.prepare(connection, options).await?;
    connection.run(|connection| MIGRATOR.run_direct(None, connection, false)).await.map_err(silent)??;
    let step = |migration: &sqlx::migrate::Migration| {
        let applied = before.iter().any(|applied| applied.version == migration.version);
        let outcome = if applied { StepOutcome::Unchanged } else { StepOutcome::Created };
        Step::new(format!("migration {:04}", migration.version), outcome, migration.description.to_string())
    };
    steps.extend(MIGRATOR.iter().map(step));
    steps.extend(lost::rows(connection, options).await?);
    Ok(steps)
}

fn silent(silence: Silence) -> MigrateError {
    MigrateError::sql("running the migrations")(silence.into())
}
