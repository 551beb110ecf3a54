//! Why a rebuild ended without swapping, and what it left. The live tables are as they were in every case but one: a
//! connection that was lost inside the swap, where the positions say which are live.

use std::fmt;

use ledger_database::requirements::RequirementError;
use ledger_database::schema_version::SchemaVersionError;
use ledger_database::{DatabaseError, Fault, Refusal, fault_of, number_of};
use ledger_kafka::KafkaUseError;
use ledger_kafka::replay::ReplayError;
use ledger_store::StoreError;
use ledger_store::log_check::LogCheckError;
use projector::relay::RelayError;
use projector::start_check::StartError;
use projector::writer::WriterError;
use thiserror::Error;

use crate::ends::EndsError;
use crate::generations::GenerationsError;
use crate::verify::CompareError;

/// A rebuild that did not end well: why, and what is left of it.
#[derive(Debug, Error)]
#[error("{cause}; {left}")]
pub struct RebuildError {
    pub cause: RebuildCause,
    pub left: Left,
}

/// What a rebuild that failed leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Nothing was begun, or nothing that was there before was touched.
    Untouched,
    /// A new generation, unfinished.
    Unfinished { generation: i32 },
    /// The swap took place, or nobody knows whether.
    Unknown { generation: i32 },
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untouched => write!(f, "the live tables are untouched, and nothing new was left"),
            Self::Unfinished { generation } => write!(
                f,
                "the live tables are untouched; what was built of generation {generation} is kept: `ledger rebuild` continues \
                 from there, `ledger generations drop {generation}` removes it"
            ),
            Self::Unknown { generation } => write!(
                f,
                "generation {generation} may be live, whole in any case: `ledger rebuild` finds out, and continues if it is not"
            ),
        }
    }
}

/// Why it failed.
#[derive(Debug, Error)]
pub enum RebuildCause {
    #[error("stopped as asked")]
    Stopped,
    #[error(
        "the database user {user} lacks a right that a rebuild needs; it takes the owner's (--owner-database-url): {cause}"
    )]
    MissingRight { user: String, cause: String },
    #[error("the database server has no room left: {cause}")]
    DiskFull { cause: String },
    #[error("the connection that keeps other rebuilds away was lost: {cause}")]
    GuardLost { cause: sqlx::Error },
    #[error(
        "the positions of generation {generation} were moved by somebody else: expected partition {partition} at {expected}, \
         found {found}"
    )]
    ShadowMoved { generation: i32, partition: i32, expected: i64, found: String },
    #[error(
        "generation {generation} stands after the relay's cursor: expected partition {partition} at {expected} at most, found {found}; \
         what is published was begun anew since it was built: `ledger rebuild --restart` builds another"
    )]
    AfterCursor { generation: i32, partition: i32, expected: i64, found: i64 },
    #[error("table {table} has keys that the live one has not: {keys}")]
    UnknownKeys { table: String, keys: String },
    #[error(transparent)]
    Generations(#[from] GenerationsError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Ends(#[from] EndsError),
    #[error(transparent)]
    Cursor(#[from] RelayError),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error(transparent)]
    Writer(#[from] WriterError),
    #[error(transparent)]
    Compare(#[from] CompareError),
    #[error("{step}: {cause}")]
    Sql { step: &'static str, cause: sqlx::Error },
    #[error("a part of the rebuild ended unexpectedly: {0}")]
    Part(String),
}

/// Its numbers for an error of the operating system, whose own number is in the text.
const SYSTEM_ERROR: &[u16] = &[1, 3, 14, 20, 27, 29, 1004, 1005, 1026, 1028, 1030, 1180, 1181, 1296, 1534, 1598, 1811];
/// ENOSPC and EDQUOT, as MariaDB words them.
const NO_SPACE: &[&str] = &["No space left on device", "errno: 28", "Got error 28", "Disk quota exceeded", "error 122"];

impl RebuildCause {
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::GuardLost { cause } => fault_of(cause) == Fault::ConnectionLost,
            Self::Generations(error) => error.is_unreachable(),
            Self::Ends(error) => error.is_unreachable(),
            Self::Start(error) => error.is_unreachable(),
            Self::Cursor(error) => error.is_unreachable(),
            Self::Replay(error) => error.is_unreachable(),
            Self::Compare(error) => error.is_unreachable(),
            Self::Writer(WriterError::Store(error)) => error.is_unreachable(),
            Self::Sql { cause, .. } => fault_of(cause) == Fault::ConnectionLost,
            _ => false,
        }
    }

    /// Says what an operator has to do where the database's own words do not.
    #[must_use]
    pub(super) fn named(self, user: &str) -> Self {
        let Some(cause) = self.database() else { return self };
        let (number, text) = (number_of(cause), cause.to_string());
        if number.is_some_and(|number| SYSTEM_ERROR.contains(&number)) {
            let is_full = NO_SPACE.iter().any(|words| text.contains(words));
            return if is_full { Self::DiskFull { cause: text } } else { self };
        }
        match fault_of(cause) {
            Fault::Refused(Refusal::Denied) => Self::MissingRight { user: user.to_owned(), cause: text },
            Fault::Refused(Refusal::NoRoom) => Self::DiskFull { cause: text },
            _ => self,
        }
    }

    /// The database's error, where it is one.
    fn database(&self) -> Option<&sqlx::Error> {
        match self {
            Self::Sql { cause, .. }
            | Self::Generations(GenerationsError::Sql { cause, .. })
            | Self::Generations(GenerationsError::Store(StoreError::Database { cause, .. }))
            | Self::Writer(WriterError::Store(StoreError::Database { cause, .. }))
            | Self::Compare(CompareError::Store(StoreError::Database { cause, .. }))
            | Self::Start(StartError::Store(StoreError::Database { cause, .. }))
            | Self::Start(StartError::Requirement(RequirementError::Sql(cause))) => Some(cause),
            _ => None,
        }
    }
}

impl From<StoreError> for RebuildCause {
    fn from(error: StoreError) -> Self {
        Self::Generations(error.into())
    }
}

impl From<LogCheckError> for RebuildCause {
    fn from(error: LogCheckError) -> Self {
        Self::Start(error.into())
    }
}

impl From<KafkaUseError> for RebuildCause {
    fn from(error: KafkaUseError) -> Self {
        Self::Start(error.into())
    }
}

impl From<DatabaseError> for RebuildCause {
    fn from(error: DatabaseError) -> Self {
        Self::Start(error.into())
    }
}

impl From<RequirementError> for RebuildCause {
    fn from(error: RequirementError) -> Self {
        Self::Start(error.into())
    }
}

impl From<SchemaVersionError> for RebuildCause {
    fn from(error: SchemaVersionError) -> Self {
        Self::Start(error.into())
    }
}

/// Names the step in an error of the database.
pub(super) fn sql(step: &'static str) -> impl Fn(sqlx::Error) -> RebuildCause {
    move |cause| RebuildCause::Sql { step, cause }
}
