//! Why an old table was not compared. Each says what was found; nothing was written.

use ledger_database::{DatabaseError, Fault, fault_of};
use ledger_kafka::KafkaUseError;
use thiserror::Error;

use crate::import::ImportError;

/// An old table that cannot be compared, or not to its end.
#[derive(Debug, Error)]
pub enum VerifyImportError {
    #[error("there is no table {table} in database {database}, or the user may not read it")]
    NoSuchTable { table: String, database: String },
    #[error("table {table} has no column for {field}: `--map {field}=NAME` names it; its columns are {columns}")]
    NoColumn { table: String, field: &'static str, columns: String },
    #[error(
        "column {column} of table {table} is {kind}: `--minor-units N` says how many decimal digits its unit has, so that it can be \
         compared with minor units"
    )]
    NoUnit { table: String, column: String, kind: String },
    #[error("the old database refused a query: {0}")]
    Query(#[from] sqlx::Error),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Kafka(#[from] KafkaUseError),
    /// Of the ledger, or of the old topic.
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error("interrupted before the end")]
    Interrupted,
}

impl VerifyImportError {
    /// Whether a server could not be reached, so that the same call may succeed later.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Query(error) => fault_of(error) == Fault::ConnectionLost,
            Self::Database(error) => error.is_unreachable(),
            Self::Kafka(error) => error.is_unreachable(),
            Self::Import(error) => error.is_unreachable(),
            Self::NoSuchTable { .. } | Self::NoColumn { .. } | Self::NoUnit { .. } | Self::Interrupted => false,
        }
    }
}
