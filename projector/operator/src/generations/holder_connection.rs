//! The connection that holds the guard, as the server sees it: a holder whose host died without a word keeps it until the server
//! notices, which may take weeks, and a person who sees where it came from can end it before. It only reads.

use std::fmt;

use ledger_database::Watched;
use sqlx::FromRow;

/// What the server says of it, where this login may see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HolderConnection(Option<Seen>);

#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
struct Seen {
    id: i64,
    user: String,
    host: String,
    /// What it is doing, and for how long, in seconds.
    command: String,
    seconds: i64,
}

impl HolderConnection {
    /// Looks at a connection by its id.
    ///
    /// # Errors
    /// The database's.
    pub(super) async fn read(connection: &mut Watched, id: i64) -> Result<Self, sqlx::Error> {
        sqlx::query_as(
            "SELECT CAST(id AS SIGNED) AS id, user AS user, host AS host, command AS command, CAST(time AS SIGNED) AS seconds \
             FROM information_schema.processlist WHERE id = ?",
        )
        .bind(id)
        .fetch_optional(connection)
        .await
        .map(Self)
    }
}

impl fmt::Display for HolderConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Seen { id, user, host, command, seconds }) = &self.0 else { return Ok(()) };
        let doing = if command == "Sleep" { "silent".to_owned() } else { format!("in {command}") };
        write!(f, " (database connection {id} of user {user} from {host}, {doing} for {seconds} s)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_told_where_it_is_seen() {
        let seen = |command: &str| {
            let (user, host) = ("ledger_owner".to_owned(), "10.0.0.3:5512".to_owned());
            HolderConnection(Some(Seen { id: 17, user, host, command: command.to_owned(), seconds: 320 })).to_string()
        };
        assert_eq!(
            seen("Sleep"),
            " (database connection 17 of user ledger_owner from 10.0.0.3:5512, silent for 320 s)"
        );
        assert_eq!(
            seen("Query"),
            " (database connection 17 of user ledger_owner from 10.0.0.3:5512, in Query for 320 s)"
        );
        assert_eq!(HolderConnection(None).to_string(), "");
    }
}
