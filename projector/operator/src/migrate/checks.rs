//! What a migration checks before it changes anything, and afterwards: settings of the server, how the users log in, and the tables
//! that are there. All that is wrong is refused at once. It only reads.

use ledger_database::requirements::{self, Extent, Findings, Problem, Role};
use ledger_database::schema_version::{self, SchemaVersionError};
use ledger_database::{DatabaseUrl, Watched};

use super::error::MigrateError;
use super::options::MigrateOptions;
use super::report::{Step, StepOutcome};
use super::users;

/// Everything that can be known before the first change; gives what is only worth a warning.
///
/// # Errors
/// [`MigrateError::Requirement`] with all that is wrong.
pub(super) async fn before(options: &MigrateOptions, database: &str) -> Result<Vec<Step>, MigrateError> {
    let login = options.admin.as_ref().or(options.owner.as_ref()).ok_or(MigrateError::NoDatabase)?;
    let mut connection = ledger_database::connect(&login.with_database(None)).await?;
    let mut findings = requirements::server(&mut connection, Role::Owner).await.map_err(looking)?;
    if options.admin.is_some() {
        findings.refused.extend(users::other_plugins(&mut connection, options).await?);
    }
    if users::database_exists(&mut connection, database).await? {
        findings.add(tables_before(login, database).await?);
    }
    Ok(warnings(findings.accepted().map_err(requirements::RequirementError::Unfit)?))
}

/// What a database is found with: where its tables are of this version, whatever is not as it should be; else only what no version
/// has. What is missing is made next.
async fn tables_before(login: &DatabaseUrl, database: &str) -> Result<Findings, MigrateError> {
    let mut connection = ledger_database::connect(&login.with_database(Some(database))).await?;
    let extent = match schema_version::check(&mut connection).await {
        Ok(()) => Extent::Existing,
        Err(error @ SchemaVersionError::Newer { .. }) => return Err(error.into()),
        Err(SchemaVersionError::Sql(cause)) => return Err(looking(cause)),
        Err(_) => Extent::AnyVersion,
    };
    requirements::tables(&mut connection, Role::Owner, extent).await.map_err(looking)
}

/// Whether the tables are now as they should be.
///
/// # Errors
/// [`MigrateError::Requirement`] with all that is wrong.
pub(super) async fn after(connection: &mut Watched) -> Result<Vec<Step>, MigrateError> {
    let findings = requirements::tables(connection, Role::Owner, Extent::Whole).await.map_err(looking)?;
    Ok(warnings(findings.accepted().map_err(requirements::RequirementError::Unfit)?))
}

fn looking(cause: sqlx::Error) -> MigrateError {
    MigrateError::Requirement(cause.into())
}

fn warnings(problems: Vec<Problem>) -> Vec<Step> {
    let step = |problem: Problem| {
        let Problem { what, expected, found, remedy } = problem;
        Step::new(what, StepOutcome::Warning, format!("expected {expected}, found {found}; {remedy}"))
    };
    problems.into_iter().map(step).collect()
}
