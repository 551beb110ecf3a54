//! A database URL of one role. It must never print its password, in no error and no `Debug`.

use std::fmt;

use percent_encoding::percent_decode_str;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions, Connection};
use url::Url;

/// How many SQL texts a connection keeps prepared. More than this program has, so that none is ever closed: closing one
/// costs a round trip with Nagle's delay.
const STATEMENT_CACHE_CAPACITY: usize = 512;

/// `mysql://USER:PASSWORD@HOST:PORT/DATABASE`, checked.
#[derive(Clone)]
pub struct DatabaseUrl {
    options: MySqlConnectOptions,
    server: String,
    user: String,
    password: String,
    database: Option<String>,
}

impl DatabaseUrl {
    /// # Errors
    /// What is wrong, without the value.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| error.to_string())?;
        if !matches!(url.scheme(), "mysql" | "mariadb") {
            return Err("the scheme must be mysql".to_owned());
        }
        let decoded = |part: &str| percent_decode_str(part).decode_utf8().map(|text| text.into_owned());
        let user = decoded(url.username()).map_err(|_| "the user is not UTF-8".to_owned())?;
        // A URL without a password is a login without one, and without a port the server's own port.
        let password = decoded(url.password().unwrap_or("")).map_err(|_| "the password is not UTF-8")?;
        let host = url.host_str().ok_or("it names no host")?;
        let port = url.port().unwrap_or(3306);
        let database = decoded(url.path().trim_start_matches('/')).map_err(|_| "the database is not UTF-8")?;
        let options = MySqlConnectOptions::from_url(&url).map_err(|_| "an option is not known")?;
        Ok(Self {
            // Statements may hold passwords (CREATE USER) and are far too many to log.
            options: options.statement_cache_capacity(STATEMENT_CACHE_CAPACITY).disable_statement_logging(),
            server: format!("{host}:{port}"),
            user,
            password,
            database: (!database.is_empty()).then_some(database),
        })
    }

    /// `HOST:PORT`.
    pub fn server(&self) -> &str {
        &self.server
    }

    pub fn user(&self) -> &str {
        &self.user
    }

    /// For CREATE USER only.
    pub fn password(&self) -> &str {
        &self.password
    }

    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// The same login on another database of the server, or on none.
    #[must_use]
    pub fn with_database(&self, database: Option<&str>) -> Self {
        let mut other = self.clone();
        other.database = database.map(str::to_owned);
        let fresh = MySqlConnectOptions::new()
            .host(other.options.get_host())
            .port(other.options.get_port())
            .username(&other.user)
            .password(&other.password)
            .ssl_mode(other.options.get_ssl_mode())
            .statement_cache_capacity(STATEMENT_CACHE_CAPACITY)
            .disable_statement_logging();
        other.options = match database {
            Some(database) => fresh.database(database),
            None => fresh,
        };
        other
    }

    /// For a pool, which opens its connections itself and settles each by [`crate::settle`].
    pub fn options(&self) -> MySqlConnectOptions {
        self.options.clone()
    }

    pub(crate) async fn open(&self) -> Result<sqlx::MySqlConnection, sqlx::Error> {
        sqlx::MySqlConnection::connect_with(&self.options).await
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mysql://{}@{}/{}", self.user, self.server, self.database.as_deref().unwrap_or(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_decoded() {
        let url = DatabaseUrl::parse("mysql://us%40er:p%27%5C%2Fw@db.example:23306/ledger").expect("valid");
        assert_eq!((url.user(), url.password(), url.server()), ("us@er", "p'\\/w", "db.example:23306"));
        assert_eq!(url.database(), Some("ledger"));
        assert_eq!(url.with_database(None).database(), None);
    }

    #[test]
    fn nothing_shows_the_password() {
        let url = DatabaseUrl::parse("mysql://u:secret@h/d").expect("valid");
        assert_eq!(format!("{url:?}"), "mysql://u@h:3306/d");
        for bad in ["postgres://u:secret@h/d", "secret", "mysql://u:secret@:1/d", "mysql://u:secret@h:99999/d"] {
            let problem = DatabaseUrl::parse(bad).expect_err("refused");
            assert!(!problem.contains("secret"), "{problem}");
        }
    }
}
