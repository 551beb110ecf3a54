//! Exit codes of `ledger`, in one place: 0 done, 1 found a difference or refused, 2 wrong usage, 3 a server cannot be
//! reached. A wrong password is 1: the server was reached, and it refused. A 503 of a service, or of the gateway, is 3: what it needs cannot be reached.

use std::process::ExitCode;

use ledger_database::DatabaseError;
use ledger_kafka::KafkaUseError;
use ledger_operator::as_of::AsOfError;
use ledger_operator::bundle::ArchiveError;
use ledger_operator::dead_letters::DeadLettersError;
use ledger_operator::generations::GenerationsError;
use ledger_operator::import::ImportError;
use ledger_operator::interventions::InterventionError;
use ledger_operator::keys::KeysError;
use ledger_operator::migrate::MigrateError;
use ledger_operator::rebuild::RebuildError;
use ledger_operator::rest::RestError;
use ledger_operator::verify::VerifyError;
use ledger_operator::verify_import::VerifyImportError;
use projector::projection::ProjectionError;
use projector::status::StatusError;
use thiserror::Error;

use crate::output;
use crate::usage::UsageError;

/// How a command that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// All is as asked.
    Ok,
    /// It worked, and found what an operator has to look at.
    Difference,
    /// It worked as far as servers answered, and one did not.
    Unreachable,
}

impl Done {
    pub fn code(self) -> ExitCode {
        match self {
            Self::Ok => ExitCode::SUCCESS,
            Self::Difference => ExitCode::from(1),
            Self::Unreachable => ExitCode::from(3),
        }
    }
}

/// A command that failed. Each part of the program has an error of its own; this enum only gathers them.
#[derive(Debug, Error)]
pub enum CommandError {
    #[error(transparent)]
    Usage(#[from] UsageError),
    #[error(transparent)]
    Projection(#[from] ProjectionError),
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    #[error(transparent)]
    Status(#[from] StatusError),
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error(transparent)]
    AsOf(#[from] AsOfError),
    #[error(transparent)]
    Rebuild(Box<RebuildError>),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    VerifyImport(#[from] VerifyImportError),
    #[error(transparent)]
    DeadLetters(#[from] DeadLettersError),
    #[error(transparent)]
    Generations(#[from] GenerationsError),
    #[error(transparent)]
    Intervention(#[from] InterventionError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Rest(#[from] RestError),
    #[error(transparent)]
    Bundle(#[from] ArchiveError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Kafka(#[from] KafkaUseError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Refused(String),
}

impl From<RebuildError> for CommandError {
    fn from(error: RebuildError) -> Self {
        Self::Rebuild(Box::new(error))
    }
}

impl CommandError {
    /// 2 for [`UsageError`] and files of TLS that cannot be used, 3 when a server cannot be reached, else 1.
    pub fn exit_code(&self) -> u8 {
        let unreachable = match self {
            Self::Usage(_) => return 2,
            Self::Rest(error) if error.is_usage() => return 2,
            Self::Projection(error) => error.is_unreachable(),
            Self::Migrate(error) => error.is_unreachable(),
            Self::Status(error) => error.is_unreachable(),
            Self::Verify(error) => error.is_unreachable(),
            Self::AsOf(error) => error.is_unreachable(),
            Self::Rebuild(error) => error.cause.is_unreachable(),
            Self::Import(error) => error.is_unreachable(),
            Self::VerifyImport(error) => error.is_unreachable(),
            Self::DeadLetters(error) => error.is_unreachable(),
            Self::Generations(error) => error.is_unreachable(),
            Self::Intervention(error) => error.is_unreachable(),
            Self::Keys(error) => error.is_unreachable(),
            Self::Rest(error) => error.is_unreachable(),
            Self::Database(error) => error.is_unreachable(),
            Self::Kafka(error) => error.is_unreachable(),
            Self::Bundle(_) | Self::Io(_) | Self::Refused(_) => false,
        };
        if unreachable { 3 } else { 1 }
    }
}

/// Prints the error on stderr and gives its exit code.
pub fn report(error: &CommandError) -> ExitCode {
    output::say(&error.to_string());
    ExitCode::from(error.exit_code())
}
