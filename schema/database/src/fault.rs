//! What an error of the database means for whoever got it. In one place, so that "retry" means the same everywhere.

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is gone or must be dropped. Retry with a new one.
    ConnectionLost,
    /// The server refused for now: roll back and retry the whole transaction.
    Retry,
    /// A unique key objects.
    DuplicateKey,
    /// It would be refused again. Stop with the cause.
    Other,
}

/// MariaDB's numbers for a server that goes down, or a connection that somebody ended.
const CONNECTION_LOST: &[u16] = &[
    1053, // ER_SERVER_SHUTDOWN
    1152, // ER_ABORTING_CONNECTION
    1158, 1159, 1160, 1161, // ER_NET_*
    1184, // ER_NEW_ABORTING_CONNECTION
    1317, // ER_QUERY_INTERRUPTED
    1927, // ER_CONNECTION_KILLED
    2006, 2013, // server gone, lost during query
    4173, // idle transaction timeout
];

/// Numbers of conflicts and of limits that pass.
const RETRY: &[u16] = &[
    1020, // ER_CHECKREAD: a snapshot conflict
    1040, // ER_CON_COUNT_ERROR
    1203, // ER_TOO_MANY_USER_CONNECTIONS
    1205, // ER_LOCK_WAIT_TIMEOUT: rolls back the statement only
    1213, // ER_LOCK_DEADLOCK
    1412, // ER_TABLE_DEF_CHANGED: tables were swapped inside our snapshot
    1615, // ER_NEED_REPREPARE: tables were swapped again and again while a statement was prepared
    1969, // ER_STATEMENT_TIMEOUT
];

pub const DUPLICATE_KEY: u16 = 1062;
pub(crate) const ACCESS_DENIED: &[u16] = &[1044, 1045, 1142, 1698];
pub(crate) const UNKNOWN_DATABASE: u16 = 1049;
pub const NO_SUCH_TABLE: u16 = 1146;

/// MariaDB's number of an error that the server reported.
pub fn number_of(error: &sqlx::Error) -> Option<u16> {
    let sqlx::Error::Database(error) = error else { return None };
    error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().map(sqlx::mysql::MySqlDatabaseError::number)
}

/// Sorts an error. What the server did not report itself is a broken connection, but for mistakes of this program.
pub fn fault_of(error: &sqlx::Error) -> Fault {
    match (error, number_of(error)) {
        (_, Some(DUPLICATE_KEY)) => Fault::DuplicateKey,
        (_, Some(number)) if CONNECTION_LOST.contains(&number) => Fault::ConnectionLost,
        (_, Some(number)) if RETRY.contains(&number) => Fault::Retry,
        (sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed, _) => Fault::ConnectionLost,
        _ => Fault::Other,
    }
}

/// Whether a single reading statement, repeated at once, can be expected to succeed: on another connection, or after the swap
/// of tables that made it void. For a transaction this is too much: an answer that cannot be read may be that of its commit.
pub fn is_read_worth_repeating(error: &sqlx::Error) -> bool {
    let is_broken_answer = matches!(error, sqlx::Error::Protocol(_));
    is_broken_answer || matches!(fault_of(error), Fault::ConnectionLost | Fault::Retry)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_broken_connection_is_not_a_mistake() {
        let lost = sqlx::Error::Io(io::Error::from(io::ErrorKind::UnexpectedEof));
        assert_eq!(fault_of(&lost), Fault::ConnectionLost);
        assert_eq!(fault_of(&sqlx::Error::RowNotFound), Fault::Other);
        assert_eq!(number_of(&lost), None);
    }

    #[test]
    fn a_read_is_repeated_where_that_can_help() {
        for (error, is_worth_it) in [
            (sqlx::Error::Io(io::Error::from(io::ErrorKind::UnexpectedEof)), true),
            (sqlx::Error::Protocol("cut off".to_owned()), true),
            (sqlx::Error::WorkerCrashed, true),
            (sqlx::Error::PoolTimedOut, false),
            (sqlx::Error::RowNotFound, false),
        ] {
            assert_eq!(is_read_worth_repeating(&error), is_worth_it, "{error}");
        }
    }
}
