//! Why a store failed, and whether another attempt may go otherwise.

use ledger_database::{DatabaseError, Fault, fault_of};
use thiserror::Error;

use crate::outbox::error::OutboxError;

/// The database failed, or holds what cannot be.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error("{step}: {cause}")]
    Database { step: &'static str, cause: sqlx::Error },
    #[error(transparent)]
    Connect(#[from] DatabaseError),
    #[error("table {table}, row {key}: {problem}")]
    CorruptRow { table: &'static str, key: String, problem: String },
    #[error("the live positions do not agree with each other: expected {expected}, found {found}")]
    LivePositions { expected: String, found: String },
    #[error("table generation_numbers does not hold its one row with a number: run `ledger migrate`")]
    NumbersGone,
    #[error("positions has no row for topic {topic} partition {partition}")]
    PositionGone { topic: String, partition: i32 },
    #[error(
        "the tables (generation {generation}) were folded by version {found} of the rules, and this program folds by version {expected}: run `ledger rebuild`, or continue with rows of both by --accept-mixed"
    )]
    AnotherFold { generation: i32, expected: i32, found: i32 },
    #[error(
        "table open_orders of partition {partition} lacks orders that `orders` says are {status}: expected {expected} rows to remove, \
         found {removed}; `ledger verify` names what differs, `ledger rebuild` makes the tables anew"
    )]
    OpenOrdersGone { partition: i32, status: &'static str, expected: usize, removed: u64 },
    #[error("ids of the batch of partition {partition} from offset {from_offset} stand before, and cannot be found")]
    IdsNotFound { partition: i32, from_offset: i64 },
    #[error("the batch of partition {partition} from offset {from_offset} cannot be encoded: {cause}")]
    Encode { partition: i32, from_offset: i64, cause: OutboxError },
}

impl StoreError {
    /// Whether the connection must not be used again. A killed session answers a few statements more before it ends.
    pub(crate) fn ends_connection(&self) -> bool {
        self.fault().is_some_and(Fault::ends_connection)
    }

    /// What a statement's error is, where it is one.
    pub fn fault(&self) -> Option<Fault> {
        let Self::Database { cause, .. } = self else { return None };
        Some(fault_of(cause))
    }

    /// Whether the server cannot be reached.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Database { cause, .. } => fault_of(cause) == Fault::ConnectionLost,
            Self::Connect(error) => error.is_unreachable(),
            _ => false,
        }
    }

    /// Whether the whole transaction should be tried again, with a new connection where it was lost.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Database { cause, .. } => fault_of(cause).passes(),
            Self::Connect(error) => error.is_retryable(),
            Self::CorruptRow { .. }
            | Self::LivePositions { .. }
            | Self::NumbersGone
            | Self::PositionGone { .. }
            | Self::AnotherFold { .. }
            | Self::OpenOrdersGone { .. }
            | Self::IdsNotFound { .. }
            | Self::Encode { .. } => false,
        }
    }
}

/// Names the step in an error of the database.
pub fn at(step: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |cause| StoreError::Database { step, cause }
}
