//! The steps of a migration, in their order: what is checked before, database and users, topics, tables, rights.

use super::error::MigrateError;
use super::options::MigrateOptions;
use super::report::{MigrateReport, Step, StepOutcome};
use super::topics::Topics;
use super::{checks, grants, observable, tables, users};
use futures_util::future::LocalBoxFuture;

/// Runs all steps.
///
/// # Errors
/// Of the first step that fails.
pub fn run(options: &MigrateOptions) -> LocalBoxFuture<'_, Result<MigrateReport, MigrateError>> {
    // Boxed here, so that it is compiled here, once, and not again in each program that awaits it.
    Box::pin(migrate(options))
}

async fn migrate(options: &MigrateOptions) -> Result<MigrateReport, MigrateError> {
    let database = database_name(options)?;
    let topics = Topics::check(options).await?;
    let mut steps = checks::before(options, &database).await?;
    match &options.admin {
        Some(admin) => steps.extend(users::create(admin, &database, options).await?),
        None => steps.push(Step::new("database and users", StepOutcome::Skipped, "no administrator's URL was given")),
    }
    // The owner's own login where there is one: then its rights are proved to suffice.
    let owner = options.owner.as_ref().or(options.admin.as_ref()).ok_or(MigrateError::NoDatabase)?;
    let mut connection = ledger_database::connect(&owner.with_database(Some(&database))).await?;
    // Before the tables: where some are lost, the log says what may have been observed of them.
    steps.extend(topics.create(options).await?);
    steps.extend(tables::migrate(&mut connection, options).await?);
    steps.extend(grants::grant(&mut connection, options).await?);
    steps.extend(observable::ensure(&mut connection, options).await?);
    steps.extend(checks::after(&mut connection).await?);
    Ok(MigrateReport { steps })
}

/// The one database that the URLs name.
fn database_name(options: &MigrateOptions) -> Result<String, MigrateError> {
    let roles = [&options.owner, &options.projector, &options.reader, &options.admin];
    let mut names = roles.into_iter().flatten().filter_map(|url| url.database());
    let one = names.next().ok_or(MigrateError::NoDatabase)?.to_owned();
    match names.find(|other| **other != one) {
        Some(other) => Err(MigrateError::TwoDatabases { one, other: other.to_owned() }),
        None => Ok(one),
    }
}
