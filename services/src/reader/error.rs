//! Why a read has no rows.

use std::sync::Arc;
use std::time::Duration;

use ledger_database::DatabaseError;
use thiserror::Error;

/// A read that did not succeed. Always worth a retry: the data is there, only the way to it is not.
#[derive(Debug, Error)]
pub(crate) enum ReadError {
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Connect(#[from] DatabaseError),
    #[error("database: no answer within {} ms", limit.as_millis())]
    Slow { limit: Duration },
    #[error("database: all connections were in use for {} ms", limit.as_millis())]
    Busy { limit: Duration },
    #[error("database: the reading task was stopped")]
    Stopped,
    /// Of a statement that answers others, too.
    #[error("{0}")]
    Shared(Arc<ReadError>),
}
