//! Opening a connection, and what every session sets. It must never hand out a connection whose mode would bend a value
//! instead of refusing it, nor print a password. Read next: `url.rs`, `fault.rs`.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Executor, MySqlConnection, Row};
use thiserror::Error;

use crate::fault::{Fault, Refusal, UNKNOWN_DATABASE, fault_of, number_of};
use crate::keepalive;
use crate::not_secured::not_secured;
use crate::url::DatabaseUrl;
use crate::watched::Watched;

/// How long opening a connection may take, from the first packet to the settled session.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What every session sets, whatever the server's defaults are: all of it exists in MariaDB 10.11 and in every later one.
/// - NAMES: what is bound is utf8mb4, and what is compared without a column's collation is compared byte by byte.
/// - time_zone: times are UTC.
/// - sql_mode: strict, so that a value that does not fit is an error; without NO_BACKSLASH_ESCAPES, which `migrate` relies on.
/// - autocommit: a statement outside of a transaction counts at once (the barrier of a swap is one); completion_type: COMMIT
///   begins no other transaction, and ends no connection.
/// - max_statement_time: no limit of somebody else's ends an index that is built, or a RENAME.
/// - lock waits of 10 s (defaults: 50 s for rows, a day for tables): whoever waits retries, and sees a stop in between.
/// - idle_write_transaction_timeout: a projector that is suspended inside a transaction must not hold its rows for ever;
///   the server ends the connection, and the projector finds out by the compare-and-set when it wakes. Transactions that only
///   read may rest: `verify` waits for Kafka inside of one.
/// - wait_timeout: an idle system is no reason to drop a connection; net_read_timeout, net_write_timeout: nor is a slow way, nor a
///   reader that waits for Kafka between rows.
/// - foreign_key_checks, unique_checks, check_constraint_checks: a row that may not be is refused (INV-2, INV-5).
/// - sql_safe_updates, sql_select_limit, max_join_size, sql_big_selects: a statement takes every row that it names.
/// - max_sort_length: what is sorted is sorted whole (an id has 256 bytes at most).
/// - sql_quote_show_create, default_storage_engine: how tables are read, and made.
pub const SESSION_SETTINGS: &str = "SET NAMES utf8mb4 COLLATE utf8mb4_nopad_bin, \
    time_zone = '+00:00', \
    sql_mode = 'STRICT_TRANS_TABLES,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION', \
    innodb_lock_wait_timeout = 10, \
    lock_wait_timeout = 10, \
    autocommit = 1, \
    completion_type = 'NO_CHAIN', \
    max_statement_time = 0, \
    idle_transaction_timeout = 0, \
    idle_readonly_transaction_timeout = 0, \
    idle_write_transaction_timeout = 10, \
    wait_timeout = 2592000, \
    net_read_timeout = 30, \
    net_write_timeout = 60, \
    foreign_key_checks = 1, \
    unique_checks = 1, \
    check_constraint_checks = 1, \
    sql_safe_updates = 0, \
    sql_select_limit = 18446744073709551615, \
    max_join_size = 18446744073709551615, \
    sql_big_selects = 1, \
    max_sort_length = 1024, \
    sql_quote_show_create = 1, \
    default_storage_engine = InnoDB";

/// With READ COMMITTED a read after a missed compare-and-set sees what the winner wrote, and inserts take no gap locks. READ WRITE:
/// a server may begin every transaction as one that only reads.
const ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE";

/// What some of these servers have and others have not (or have no more): set where it is there.
/// - innodb_snapshot_isolation (10.11.8, 11.4.2 and later; on by default since 11.6.2): a conflict is an error that is retried.
/// - alter_algorithm (until 11.5): an index is added by whichever way there is.
const OPTIONAL_SETTINGS: [&str; 2] = ["innodb_snapshot_isolation = ON", "alter_algorithm = 'DEFAULT'"];

/// MariaDB's number of a variable that this server does not have.
const UNKNOWN_VARIABLE: u16 = 1193;

/// A connection could not be opened. It never holds a password.
#[derive(Debug, Error)]
pub enum DatabaseError {
    #[error("the database server at {server} cannot be reached: {cause}")]
    Unreachable { server: String, cause: String },
    #[error("the database server at {server} refuses user {user}: {cause}")]
    Denied { server: String, user: String, cause: String },
    #[error("database {database} does not exist at {server}: run `ledger migrate`")]
    UnknownDatabase { server: String, database: String },
    /// The server asked for a way of authentication that the client does not have.
    #[error(
        "the database server at {server} wants user {user} to log in by {plugin}, which this program cannot: expected \
         mysql_native_password; give it that by `ALTER USER`, or name another user"
    )]
    Plugin { server: String, user: String, plugin: String },
    /// The URL asks for TLS, and there is none with whoever answers. Nothing was sent, no password either.
    #[error("no TLS with the database server at {server}, which its URL asks for: {cause}")]
    NotSecured { server: String, cause: String },
    #[error("the database server at {server} refuses the session: {cause}")]
    Session { server: String, cause: sqlx::Error },
}

impl DatabaseError {
    /// Names what went wrong while a connection was opened.
    pub(crate) fn of(url: &DatabaseUrl, error: sqlx::Error) -> Self {
        let server = url.server().to_owned();
        if let Some(plugin) = wanted_plugin(&error) {
            return Self::Plugin { server, user: url.user().to_owned(), plugin };
        }
        if let Some(cause) = not_secured(&error) {
            return Self::NotSecured { server, cause };
        }
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
    /// changed on both sides, and a certificate that has expired be renewed. Whoever starts takes a refusal for what it is, and asks this of nothing.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Denied { .. } | Self::NotSecured { .. } => true,
            Self::UnknownDatabase { .. } | Self::Plugin { .. } => false,
            Self::Session { cause, .. } => fault_of(cause).passes(),
        }
    }
}

/// Opens a connection and settles its session, within [`CONNECT_TIMEOUT`]. Its silence is noticed afterwards, too.
///
/// # Errors
/// [`DatabaseError`], by what an operator would have to do.
pub async fn connect(url: &DatabaseUrl) -> Result<Watched, DatabaseError> {
    // A database future is never raced against a timer where it may hold a transaction; here there is none yet, and a
    // server that accepts and stays silent must not hang the start.
    match tokio::time::timeout(CONNECT_TIMEOUT, open(url)).await {
        Ok(opened) => opened.map_err(|error| DatabaseError::of(url, error)),
        Err(_) => Err(DatabaseError::silent(url, CONNECT_TIMEOUT)),
    }
}

async fn open(url: &DatabaseUrl) -> Result<Watched, sqlx::Error> {
    let mut connection = url.open().await?;
    // Not where a connection is opened for one question (`silence.rs`): that has a limit of its own, and comes every second while a
    // server is silent.
    if let Some(port) = url.tcp_port() {
        keepalive::keep(port);
    }
    settle(&mut connection).await?;
    let id = connection.fetch_one("SELECT CAST(CONNECTION_ID() AS SIGNED)").await?.try_get(0)?;
    Ok(Watched::of(connection, url.clone(), id))
}

/// Sets what every session sets. For a pool, which opens its connections itself from [`DatabaseUrl::options`].
///
/// # Errors
/// What the server refuses; the connection must not be used then.
pub async fn settle(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    connection.execute(SESSION_SETTINGS).await?;
    connection.execute(ISOLATION).await?;
    if is_missing(set(connection, &OPTIONAL_SETTINGS.join(", ")).await)? {
        // One of them is not there, and nothing was set: one by one.
        for setting in OPTIONAL_SETTINGS {
            is_missing(set(connection, setting).await)?;
        }
    }
    Ok(())
}

async fn set(connection: &mut MySqlConnection, settings: &str) -> Result<(), sqlx::Error> {
    connection.execute(AssertSqlSafe(format!("SET SESSION {settings}"))).await.map(drop)
}

/// Whether the server does not have what was to be set.
fn is_missing(set: Result<(), sqlx::Error>) -> Result<bool, sqlx::Error> {
    match set {
        Ok(()) => Ok(false),
        Err(error) if number_of(&error) == Some(UNKNOWN_VARIABLE) => Ok(true),
        Err(error) => Err(error),
    }
}

/// The plugin that the server wants and the client does not know. The client has only words for it, and its own line after them.
fn wanted_plugin(error: &sqlx::Error) -> Option<String> {
    let sqlx::Error::Protocol(says) = error else { return None };
    says.strip_prefix("unknown authentication plugin: ")?.split_whitespace().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_of_logging_in_that_the_client_lacks_is_named() {
        let url = DatabaseUrl::parse("mysql://reader:secret@db.example/ledger").expect("valid");
        let error = |says: &str| sqlx::Error::Protocol(says.to_owned());
        let named = DatabaseError::of(
            &url,
            error("unknown authentication plugin: client_ed25519 (sqlx_mysql::protocol::auth:36)"),
        );
        let says = "the database server at db.example:3306 wants user reader to log in by client_ed25519, which this program cannot: \
                    expected mysql_native_password; give it that by `ALTER USER`, or name another user";
        assert_eq!((named.to_string().as_str(), named.is_retryable()), (says, false));
        assert_eq!(wanted_plugin(&error("another")), None);
        assert_eq!(wanted_plugin(&sqlx::Error::RowNotFound), None);
    }
}
