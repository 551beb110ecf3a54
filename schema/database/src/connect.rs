//! Opening a connection, and what every session sets. It must never hand out a connection whose mode would bend a value
//! instead of refusing it, nor print a password. Read next: `url.rs`, `fault.rs`.

use std::time::Duration;

use sqlx::{Executor, MySqlConnection};
use thiserror::Error;

use crate::fault::{Fault, Refusal, UNKNOWN_DATABASE, fault_of, number_of};
use crate::url::DatabaseUrl;

/// How long opening a connection may take, from the first packet to the settled session.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What every session sets, whatever the server's defaults are.
/// - autocommit: a statement outside of a transaction counts at once (the barrier of a swap is one).
/// - max_statement_time: no limit of somebody else's ends an index that is built, or a RENAME.
/// - sql_mode: strict, so that a value that does not fit is an error; without NO_BACKSLASH_ESCAPES, which `migrate` relies on.
/// - lock waits of 10 s (defaults: 50 s for rows, a day for tables): whoever waits retries, and sees a stop in between.
/// - idle_write_transaction_timeout: a projector that is suspended inside a transaction must not hold its rows for ever;
///   the server ends the connection, and the projector finds out by the compare-and-set when it wakes.
/// - wait_timeout: an idle system is no reason to drop a connection.
const SESSION_SETTINGS: &str = "SET SESSION \
    sql_mode = 'STRICT_TRANS_TABLES,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION', \
    innodb_lock_wait_timeout = 10, \
    lock_wait_timeout = 10, \
    autocommit = 1, \
    max_statement_time = 0, \
    idle_write_transaction_timeout = 10, \
    wait_timeout = 2592000";

/// With READ COMMITTED a read after a missed compare-and-set sees what the winner wrote, and inserts take no gap locks.
const ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

/// A connection could not be opened. It never holds a password.
#[derive(Debug, Error)]
pub enum DatabaseError {
    #[error("the database server at {server} cannot be reached: {cause}")]
    Unreachable { server: String, cause: String },
    #[error("the database server at {server} refuses user {user}: {cause}")]
    Denied { server: String, user: String, cause: String },
    #[error("database {database} does not exist at {server}: run `ledger migrate`")]
    UnknownDatabase { server: String, database: String },
    #[error("the database server at {server} refuses the session: {cause}")]
    Session { server: String, cause: sqlx::Error },
}

impl DatabaseError {
    /// Names what went wrong while a connection was opened.
    pub(crate) fn of(url: &DatabaseUrl, error: sqlx::Error) -> Self {
        let server = url.server().to_owned();
        match (number_of(&error), fault_of(&error)) {
            (_, Fault::Refused(Refusal::Denied)) => {
                Self::Denied { server, user: url.user().to_owned(), cause: error.to_string() }
            }
            (Some(UNKNOWN_DATABASE), _) => {
                // The server misses one, so the URL named one; where it did not, the message says that.
                let database = url.database().unwrap_or("(none named)").to_owned();
                Self::UnknownDatabase { server, database }
            }
            (_, Fault::ConnectionLost) => Self::Unreachable { server, cause: error.to_string() },
            _ => Self::Session { server, cause: error },
        }
    }

    pub(crate) fn silent(url: &DatabaseUrl, limit: Duration) -> Self {
        let cause = format!("no answer within {} s", limit.as_secs());
        Self::Unreachable { server: url.server().to_owned(), cause }
    }

    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// Whether it may be otherwise a moment later, for whoever was let in before: a password that is refused may just be
    /// changed on both sides. Whoever starts takes a refusal for what it is, and asks this of nothing.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Denied { .. } => true,
            Self::UnknownDatabase { .. } => false,
            Self::Session { cause, .. } => fault_of(cause).passes(),
        }
    }
}

/// Opens a connection and settles its session, within [`CONNECT_TIMEOUT`].
///
/// # Errors
/// [`DatabaseError`], by what an operator would have to do.
pub async fn connect(url: &DatabaseUrl) -> Result<MySqlConnection, DatabaseError> {
    // A database future is never raced against a timer where it may hold a transaction; here there is none yet, and a
    // server that accepts and stays silent must not hang the start.
    match tokio::time::timeout(CONNECT_TIMEOUT, open(url)).await {
        Ok(opened) => opened.map_err(|error| DatabaseError::of(url, error)),
        Err(_) => Err(DatabaseError::silent(url, CONNECT_TIMEOUT)),
    }
}

async fn open(url: &DatabaseUrl) -> Result<MySqlConnection, sqlx::Error> {
    let mut connection = url.open().await?;
    settle(&mut connection).await?;
    Ok(connection)
}

/// Sets what every session sets. For a pool, which opens its connections itself from [`DatabaseUrl::options`].
///
/// # Errors
/// What the server refuses; the connection must not be used then.
pub async fn settle(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    connection.execute(SESSION_SETTINGS).await?;
    connection.execute(ISOLATION).await?;
    Ok(())
}
