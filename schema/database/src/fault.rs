//! What an error of the database means for whoever got it. In one place, so that "retry" means the same everywhere: the table
//! [`KNOWN`] has every number that services, projector and commands tell apart. It must never take a refusal that somebody can
//! mend (a server that is read-only for a while, a full disk, a password that is being changed) for a reason to end.

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nobody answers: the server is away or goes down, or the way to it broke. Retry with a new connection.
    ConnectionLost,
    /// The server is there, and somebody ended the statement or the connection. Retry with a new connection.
    Ended,
    /// A conflict that passes: roll back and retry the whole transaction.
    Retry,
    /// The server answers, and refuses until somebody mends what it says. Whoever runs waits and retries with a new connection
    /// (a failover, or new rights, may show themselves to no other); a command ends with the server's words.
    Refused(Refusal),
    /// A unique key objects.
    DuplicateKey,
    /// It would be refused again. Stop with the cause.
    Other,
}

/// What a server lacks that refuses for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It takes no writes: a switch to another server, or maintenance.
    ReadOnly,
    /// Disk, table space or memory is full.
    NoRoom,
    /// The user may not log in, or lacks a right.
    Denied,
    /// A limit of the server or of the user is reached.
    Limit,
}

impl Fault {
    /// Whether whoever runs tries again, for as long as it takes.
    pub fn passes(self) -> bool {
        matches!(self, Self::ConnectionLost | Self::Ended | Self::Retry | Self::Refused(_))
    }

    /// Whether the connection must not be used again.
    pub fn ends_connection(self) -> bool {
        matches!(self, Self::ConnectionLost | Self::Ended | Self::Refused(_))
    }
}

/// An error number of MariaDB that this program tells apart.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    pub number: u16,
    /// The server's own name of it.
    pub name: &'static str,
    pub fault: Fault,
    pub meaning: &'static str,
}

const fn known(number: u16, name: &'static str, fault: Fault, meaning: &'static str) -> Known {
    Known { number, name, fault, meaning }
}

const READ_ONLY: Fault = Fault::Refused(Refusal::ReadOnly);
const NO_ROOM: Fault = Fault::Refused(Refusal::NoRoom);
const DENIED: Fault = Fault::Refused(Refusal::Denied);
const LIMIT: Fault = Fault::Refused(Refusal::Limit);

/// Every number that means more than "stop", in order: as MariaDB 10.11 to 11.8 count them, a node of Galera among them, and, from 2000
/// on, the numbers of clients and of proxies (MaxScale, ProxySQL), which say by them that they reach no server. What is not in it is a
/// mistake of somebody, and is not tried again.
pub const KNOWN: &[Known] = &[
    known(1, "EE_CANTCREATEFILE", NO_ROOM, "the server can make no file: its disk may be full"),
    known(3, "EE_WRITE", NO_ROOM, "a file of the server cannot be written"),
    known(5, "EE_OUTOFMEMORY", NO_ROOM, "the server has no memory left"),
    known(14, "EE_CANT_CHSIZE", NO_ROOM, "a file of the server cannot grow"),
    known(20, "EE_DISK_FULL", NO_ROOM, "a disk of the server is full"),
    known(23, "EE_OUT_OF_FILERESOURCES", LIMIT, "the server can open no more files"),
    known(27, "EE_SYNC", NO_ROOM, "a file of the server cannot be brought to its disk"),
    known(201, "EE_LOCAL_TMP_SPACE_FULL", NO_ROOM, "max_tmp_session_space_usage is reached"),
    known(202, "EE_GLOBAL_TMP_SPACE_FULL", NO_ROOM, "max_tmp_total_space_usage is reached"),
    known(1004, "ER_CANT_CREATE_FILE", NO_ROOM, "the server can make no file: its disk may be full"),
    known(1016, "ER_CANT_OPEN_FILE", LIMIT, "the server can open no more files"),
    known(1020, "ER_CHECKREAD", Fault::Retry, "a row changed since the snapshot"),
    known(1021, "ER_DISK_FULL", NO_ROOM, "a disk of the server is full"),
    known(1026, "ER_ERROR_ON_WRITE", NO_ROOM, "a file of the server cannot be written"),
    known(1028, "ER_FILSORT_ABORT", NO_ROOM, "a sort ended early: somebody ended it, or its file cannot grow"),
    known(1030, "ER_GET_ERRNO", NO_ROOM, "the storage engine failed; with 28 or 122, disk or quota is full"),
    known(1037, "ER_OUTOFMEMORY", NO_ROOM, "the server has no memory left"),
    known(1038, "ER_OUT_OF_SORTMEMORY", NO_ROOM, "the server has no memory left to sort in"),
    known(1040, "ER_CON_COUNT_ERROR", LIMIT, "max_connections is reached"),
    known(1041, "ER_OUT_OF_RESOURCES", NO_ROOM, "the server has no memory left"),
    known(1042, "ER_BAD_HOST_ERROR", DENIED, "the server cannot look up the name of this host"),
    known(1043, "ER_HANDSHAKE_ERROR", Fault::ConnectionLost, "the way to the server broke while it was opened"),
    known(1044, "ER_DBACCESS_DENIED_ERROR", DENIED, "the user has no right on the database"),
    known(1045, "ER_ACCESS_DENIED_ERROR", DENIED, "the password is not the user's: it may just be changed"),
    known(1047, "ER_UNKNOWN_COM_ERROR", READ_ONLY, "a node that is not, or not yet, part of its Galera cluster"),
    known(1053, "ER_SERVER_SHUTDOWN", Fault::ConnectionLost, "the server goes down"),
    known(1062, "ER_DUP_ENTRY", Fault::DuplicateKey, "a unique key objects"),
    known(1114, "ER_RECORD_FILE_FULL", NO_ROOM, "a table cannot grow: table space, or disk, is full"),
    known(1129, "ER_HOST_IS_BLOCKED", DENIED, "too many broken connections from this host: FLUSH HOSTS"),
    known(1130, "ER_HOST_NOT_PRIVILEGED", DENIED, "no user may log in from this host"),
    known(1135, "ER_CANT_CREATE_THREAD", LIMIT, "the server can make no thread for the connection"),
    known(1142, "ER_TABLEACCESS_DENIED_ERROR", DENIED, "the user lacks a right on a table: it may have been revoked"),
    known(1143, "ER_COLUMNACCESS_DENIED_ERROR", DENIED, "the user lacks a right on a column"),
    known(1152, "ER_ABORTING_CONNECTION", Fault::Ended, "the server ended the connection"),
    known(1153, "ER_NET_PACKET_TOO_LARGE", LIMIT, "max_allowed_packet is below what a record may need"),
    known(1154, "ER_NET_READ_ERROR_FROM_PIPE", Fault::ConnectionLost, "the way to the server broke"),
    known(1155, "ER_NET_FCNTL_ERROR", Fault::ConnectionLost, "the way to the server broke"),
    known(1156, "ER_NET_PACKETS_OUT_OF_ORDER", Fault::ConnectionLost, "the way to the server broke"),
    known(1157, "ER_NET_UNCOMPRESS_ERROR", Fault::ConnectionLost, "the way to the server broke"),
    known(1158, "ER_NET_READ_ERROR", Fault::ConnectionLost, "the way to the server broke"),
    known(1159, "ER_NET_READ_INTERRUPTED", Fault::ConnectionLost, "the server waited too long for us"),
    known(1160, "ER_NET_ERROR_ON_WRITE", Fault::ConnectionLost, "the way to the server broke"),
    known(1161, "ER_NET_WRITE_INTERRUPTED", Fault::ConnectionLost, "the server waited too long for us"),
    known(
        1180,
        "ER_ERROR_DURING_COMMIT",
        NO_ROOM,
        "the storage engine cannot commit: disk full, or too large for a Galera cluster",
    ),
    known(1181, "ER_ERROR_DURING_ROLLBACK", NO_ROOM, "the storage engine cannot roll back"),
    known(1184, "ER_NEW_ABORTING_CONNECTION", Fault::Ended, "the server ended the connection"),
    known(
        1197,
        "ER_TRANS_CACHE_FULL",
        LIMIT,
        "the binary log's cache for a transaction is full (max_binlog_cache_size)",
    ),
    known(1203, "ER_TOO_MANY_USER_CONNECTIONS", LIMIT, "max_user_connections is reached"),
    known(
        1205,
        "ER_LOCK_WAIT_TIMEOUT",
        Fault::Retry,
        "a lock was waited for too long; only the statement is rolled back",
    ),
    known(1206, "ER_LOCK_TABLE_FULL", LIMIT, "there is no room for more locks"),
    known(1213, "ER_LOCK_DEADLOCK", Fault::Retry, "a deadlock: the transaction is rolled back"),
    known(1223, "ER_CANT_UPDATE_WITH_READLOCK", READ_ONLY, "a read lock on all tables"),
    known(1226, "ER_USER_LIMIT_REACHED", LIMIT, "a limit of the user's account is reached"),
    known(1227, "ER_SPECIFIC_ACCESS_DENIED_ERROR", DENIED, "the user lacks a right on the server"),
    known(1290, "ER_OPTION_PREVENTS_STATEMENT", READ_ONLY, "the server is read-only: the other end of a failover"),
    known(1296, "ER_GET_ERRMSG", NO_ROOM, "the storage engine failed"),
    known(1297, "ER_GET_TEMPORARY_ERRMSG", Fault::Retry, "the storage engine failed for a moment"),
    known(1317, "ER_QUERY_INTERRUPTED", Fault::Ended, "somebody ended the statement, or a limit did"),
    known(1370, "ER_PROCACCESS_DENIED_ERROR", DENIED, "the user lacks a right on a routine"),
    known(1412, "ER_TABLE_DEF_CHANGED", Fault::Retry, "tables were swapped inside our snapshot"),
    known(1461, "ER_MAX_PREPARED_STMT_COUNT_REACHED", LIMIT, "max_prepared_stmt_count is reached"),
    known(1534, "ER_BINLOG_ROW_LOGGING_FAILED", NO_ROOM, "the binary log cannot be written"),
    known(1598, "ER_BINLOG_LOGGING_IMPOSSIBLE", NO_ROOM, "the binary log cannot be written"),
    known(
        1615,
        "ER_NEED_REPREPARE",
        Fault::Retry,
        "tables were swapped again and again while a statement was prepared",
    ),
    known(1637, "ER_TOO_MANY_CONCURRENT_TRXS", LIMIT, "the server has too many transactions open"),
    known(1689, "ER_LOCK_ABORTED", Fault::Retry, "a lock was given to a statement that changes the table"),
    known(1698, "ER_ACCESS_DENIED_NO_PASSWORD_ERROR", DENIED, "the user may not log in in this way"),
    known(1705, "ER_STMT_CACHE_FULL", LIMIT, "the binary log's cache for a statement is full"),
    known(1792, "ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION", READ_ONLY, "transactions are read-only by default"),
    known(1811, "ER_IO_WRITE_ERROR", NO_ROOM, "a file of the server cannot be written"),
    known(1820, "ER_MUST_CHANGE_PASSWORD", DENIED, "the user's password has expired"),
    known(1836, "ER_READ_ONLY_MODE", READ_ONLY, "the server was started to be read only"),
    known(1862, "ER_MUST_CHANGE_PASSWORD_LOGIN", DENIED, "the user's password has expired"),
    known(1874, "ER_INNODB_READ_ONLY", READ_ONLY, "the storage engine was started to be read only"),
    known(1878, "ER_TEMP_FILE_WRITE_FAILURE", NO_ROOM, "a temporary file cannot be written"),
    known(1927, "ER_CONNECTION_KILLED", Fault::Ended, "somebody ended the connection, or the server goes down"),
    known(1969, "ER_STATEMENT_TIMEOUT", Fault::Ended, "max_statement_time is over"),
    known(2002, "CR_CONNECTION_ERROR", Fault::ConnectionLost, "the server cannot be reached (as a proxy says it)"),
    known(2003, "CR_CONN_HOST_ERROR", Fault::ConnectionLost, "the server cannot be reached (as a proxy says it)"),
    known(2005, "CR_UNKNOWN_HOST", Fault::ConnectionLost, "the server has no address (as a proxy says it)"),
    known(2006, "CR_SERVER_GONE_ERROR", Fault::ConnectionLost, "the connection is gone (as a proxy says it)"),
    known(
        2012,
        "CR_SERVER_HANDSHAKE_ERR",
        Fault::ConnectionLost,
        "the way to the server broke while it was opened (as a proxy says it)",
    ),
    known(
        2013,
        "CR_SERVER_LOST",
        Fault::ConnectionLost,
        "the connection broke during a statement (as a proxy says it)",
    ),
    known(
        2026,
        "CR_SSL_CONNECTION_ERROR",
        Fault::ConnectionLost,
        "the way to the server cannot be secured (as a proxy says it)",
    ),
    known(2027, "CR_MALFORMED_PACKET", Fault::ConnectionLost, "the way to the server broke (as a proxy says it)"),
    known(2055, "CR_SERVER_LOST_EXTENDED", Fault::ConnectionLost, "the connection broke (as a proxy says it)"),
    known(4150, "ER_USER_IS_BLOCKED", DENIED, "max_password_errors is reached: FLUSH PRIVILEGES"),
    known(4151, "ER_ACCOUNT_HAS_BEEN_LOCKED", DENIED, "the user's account is locked"),
    known(9001, "ER_PROXYSQL_MAX_CONN_TIMEOUT", Fault::ConnectionLost, "ProxySQL finds no server in time"),
    known(9002, "ER_PROXYSQL_MAX_CONN_FAILURES", Fault::ConnectionLost, "ProxySQL finds no server"),
    known(9004, "ER_PROXYSQL_OFFLINE_SRV", Fault::ConnectionLost, "ProxySQL's server was taken out of service"),
    known(9005, "ER_PROXYSQL_LAGGING_SRV", Fault::ConnectionLost, "ProxySQL's server is too far behind"),
    known(9006, "ER_PROXYSQL_PING_TIMEOUT", Fault::ConnectionLost, "ProxySQL's server does not answer"),
    known(9007, "ER_PROXYSQL_CHANGE_USER_TIMEOUT", Fault::ConnectionLost, "ProxySQL's server does not answer"),
];

pub(crate) const UNKNOWN_DATABASE: u16 = 1049;
pub const NO_SUCH_TABLE: u16 = 1146;

/// MariaDB's number of an error that the server reported.
pub fn number_of(error: &sqlx::Error) -> Option<u16> {
    let sqlx::Error::Database(error) = error else { return None };
    error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>().map(sqlx::mysql::MySqlDatabaseError::number)
}

/// What a number of the server means.
pub fn fault_of_number(number: u16) -> Fault {
    KNOWN.iter().find(|known| known.number == number).map_or(Fault::Other, |known| known.fault)
}

/// Sorts an error. What the server did not report itself is a broken connection, but for mistakes of this program.
pub fn fault_of(error: &sqlx::Error) -> Fault {
    match (error, number_of(error)) {
        (_, Some(number)) => fault_of_number(number),
        // TLS that does not come about, too: a server that is begun anew has its certificate again, and one that has expired is renewed.
        (sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed, _) => Fault::ConnectionLost,
        _ => Fault::Other,
    }
}

/// Whether a single reading statement, repeated at once, can be expected to succeed: on another connection, or after the swap
/// of tables that made it void. For a transaction this is too much: an answer that cannot be read may be that of its commit.
pub fn is_read_worth_repeating(error: &sqlx::Error) -> bool {
    let is_broken_answer = matches!(error, sqlx::Error::Protocol(_));
    is_broken_answer || matches!(fault_of(error), Fault::ConnectionLost | Fault::Ended | Fault::Retry)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// What whoever runs does about each number. Written out once more, by hand: a number that is moved in the table fails here.
    #[test]
    fn every_number_is_what_it_says() {
        let waits_for_server = [
            1043, 1053, 1154, 1155, 1156, 1157, 1158, 1159, 1160, 1161, 2002, 2003, 2005, 2006, 2012, 2013, 2026, 2027,
            2055, 9001, 9002, 9004, 9005, 9006, 9007,
        ];
        let ended_by_somebody = [1152, 1184, 1317, 1927, 1969];
        let conflicts = [1020, 1205, 1213, 1297, 1412, 1615, 1689];
        let read_only = [1047, 1223, 1290, 1792, 1836, 1874];
        let no_room = [
            1, 3, 5, 14, 20, 27, 201, 202, 1004, 1021, 1026, 1028, 1030, 1037, 1038, 1041, 1114, 1180, 1181, 1296,
            1534, 1598, 1811, 1878,
        ];
        let denied = [1042, 1044, 1045, 1129, 1130, 1142, 1143, 1227, 1370, 1698, 1820, 1862, 4150, 4151];
        let limits = [23, 1016, 1040, 1135, 1153, 1197, 1203, 1206, 1226, 1461, 1637, 1705];
        let groups: [(&[u16], Fault); 8] = [
            (&waits_for_server, Fault::ConnectionLost),
            (&ended_by_somebody, Fault::Ended),
            (&conflicts, Fault::Retry),
            (&read_only, Fault::Refused(Refusal::ReadOnly)),
            (&no_room, Fault::Refused(Refusal::NoRoom)),
            (&denied, Fault::Refused(Refusal::Denied)),
            (&limits, Fault::Refused(Refusal::Limit)),
            (&[1062], Fault::DuplicateKey),
        ];
        for (numbers, fault) in groups {
            for number in numbers {
                assert_eq!(fault_of_number(*number), fault, "{number}");
            }
        }
        assert_eq!(groups.iter().map(|(numbers, _)| numbers.len()).sum::<usize>(), KNOWN.len(), "none is left out");
        assert!(KNOWN.is_sorted_by_key(|known| known.number), "one row a number, in order");
        assert!(KNOWN.windows(2).all(|pair| pair[0].number != pair[1].number), "one row a number");
        // No such table, a syntax error, a value that is too long, a CHECK, and what 4173 is: committed under a rollback.
        for number in [1049, 1064, 1146, 1406, 1665, 4025, 4173] {
            assert_eq!(fault_of_number(number), Fault::Other, "{number}");
        }
    }

    #[test]
    fn what_is_done_about_a_fault() {
        for (fault, passes, ends_connection) in [
            (Fault::ConnectionLost, true, true),
            (Fault::Ended, true, true),
            (Fault::Retry, true, false),
            (Fault::Refused(Refusal::Denied), true, true),
            (Fault::DuplicateKey, false, false),
            (Fault::Other, false, false),
        ] {
            assert_eq!((fault.passes(), fault.ends_connection()), (passes, ends_connection), "{fault:?}");
        }
    }

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
