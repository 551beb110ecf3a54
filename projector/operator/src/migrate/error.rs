//! Why a migration did not end. What was done before it stays.

use ledger_database::requirements::RequirementError;
use ledger_database::schema_version::SchemaVersionError;
use ledger_database::{DatabaseError, Fault, fault_of};
use ledger_kafka::{KafkaUseError, TopicsError};
use ledger_store::StoreError;
use ledger_store::log_check::LogCheckError;
use projector::relay::RelayError;
use thiserror::Error;

use crate::generations::GenerationsError;

/// A step failed. What was done before it stays; running `migrate` again continues from there.
#[derive(Debug, Error)]
pub enum MigrateError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("{step}: {cause}")]
    Sql { step: String, cause: sqlx::Error },
    /// The server's message would repeat the statement, and with it the password.
    #[error("user {user} could not be created or changed: the server says {number}")]
    User { user: String, number: u16 },
    #[error(
        "either --owner-database-url or --admin-database-url is needed, and one of the URLs must name the database"
    )]
    NoDatabase,
    #[error("the URLs name different databases: {one} and {other}")]
    TwoDatabases { one: String, other: String },
    #[error("another `ledger migrate` has been running for {waited_seconds} s")]
    Locked { waited_seconds: u32 },
    #[error("migrations: {0}")]
    Tables(#[from] sqlx::migrate::MigrateError),
    #[error("grants.sql, line {line}: expected `GRANT .. ON .. TO ledger_..;`, found `{found}`")]
    GrantsFile { line: usize, found: String },
    /// A setting, a table or a user is not as it must be: all of them.
    #[error(transparent)]
    Requirement(#[from] RequirementError),
    #[error(transparent)]
    Schema(#[from] SchemaVersionError),
    #[error(transparent)]
    Generations(#[from] GenerationsError),
    #[error(transparent)]
    Log(#[from] LogCheckError),
    #[error(transparent)]
    Kafka(#[from] KafkaUseError),
    #[error(transparent)]
    Topics(#[from] TopicsError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log's end cannot be known.
    #[error(transparent)]
    LogEnd(#[from] RelayError),
}

impl MigrateError {
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Database(error) => error.is_unreachable(),
            Self::Sql { cause, .. } => fault_of(cause) == Fault::ConnectionLost,
            Self::Tables(error) => lost(error),
            Self::Schema(error) => error.is_unreachable(),
            Self::Store(error) => error.is_unreachable(),
            Self::LogEnd(error) => error.is_unreachable(),
            Self::Requirement(error) => error.is_unreachable(),
            Self::Generations(error) => error.is_unreachable(),
            Self::Log(error) => error.is_unreachable(),
            Self::Kafka(error) | Self::Topics(TopicsError::Kafka(error)) => error.is_unreachable(),
            _ => false,
        }
    }

    pub(crate) fn sql(step: impl Into<String>) -> impl FnOnce(sqlx::Error) -> Self {
        let step = step.into();
        move |cause| Self::Sql { step, cause }
    }
}

fn lost(error: &sqlx::migrate::MigrateError) -> bool {
    use sqlx::migrate::MigrateError::{Execute, ExecuteMigration};
    matches!(error, Execute(cause) | ExecuteMigration(cause, _) if fault_of(cause) == Fault::ConnectionLost)
}
