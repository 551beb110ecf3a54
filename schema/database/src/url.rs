//! A database URL of one role. It must never print its password, in no error and no `Debug`.

use std::fmt;

use percent_encoding::percent_decode_str;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions, Connection};
use url::{Host, Url};

use crate::tls_options::{self, TlsOptions};

/// How many SQL texts a connection keeps prepared. More than this program has, so that none is ever closed: closing one
/// costs a round trip with Nagle's delay.
const STATEMENT_CACHE_CAPACITY: usize = 512;

/// What an option of the URL would do, where it is known and not taken.
const REFUSED_OPTIONS: [(&[&str], &str); 4] = [
    (&["charset", "collation"], "every session sets it to utf8mb4, and another one would damage ids: leave it out"),
    (&["timezone", "time-zone"], "every session sets it to UTC: leave it out"),
    (&["sslca", "sslcert", "sslkey"], "it is written with a hyphen here: ssl-ca, ssl-cert, ssl-key"),
    (&["statement-cache-capacity"], "the program sets it itself: leave it out"),
];
/// The options that are taken.
const TAKEN_OPTIONS: &str = "ssl-mode (DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY), ssl-ca, ssl-cert, ssl-key (files), and \
                             socket (a path)";

/// `mysql://USER:PASSWORD@HOST:PORT/DATABASE`, checked.
#[derive(Clone)]
pub struct DatabaseUrl {
    options: MySqlConnectOptions,
    /// The same without a database: one cannot be taken out again.
    bare: MySqlConnectOptions,
    is_secured: bool,
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
        if url.fragment().is_some() {
            return Err("a `#` in it must be written as %23".to_owned());
        }
        let decoded = |part: &str| percent_decode_str(part).decode_utf8().map(|text| text.into_owned());
        let user = decoded(url.username()).map_err(|_| "the user is not UTF-8".to_owned())?;
        // A URL without a password is a login without one, and without a port the server's own port.
        let password = decoded(url.password().unwrap_or("")).map_err(|_| "the password is not UTF-8")?;
        let shown_host = url.host_str().ok_or("it names no host")?;
        let port = url.port().unwrap_or(3306);
        let database = decoded(url.path().trim_start_matches('/')).map_err(|_| "the database is not UTF-8")?;
        // Put together here and not by the client, which passes over an option that it does not know.
        let options = MySqlConnectOptions::new()
            .host(&host(&url, shown_host))
            .port(port)
            .username(&user)
            .password(&password)
            .statement_cache_capacity(STATEMENT_CACHE_CAPACITY)
            // Statements may hold passwords (CREATE USER) and are far too many to log.
            .disable_statement_logging();
        let (bare, is_secured) = with_query(options, &url)?;
        let options = if database.is_empty() { bare.clone() } else { bare.clone().database(&database) };
        let server = format!("{shown_host}:{port}");
        let database = (!database.is_empty()).then_some(database);
        Ok(Self { options, bare, is_secured, server, user, password, database })
    }

    /// `HOST:PORT`.
    pub fn server(&self) -> &str {
        &self.server
    }

    pub fn user(&self) -> &str {
        &self.user
    }

    /// Whether it asks for TLS, and nothing else will do.
    pub fn is_secured(&self) -> bool {
        self.is_secured
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
        other.options = match database {
            Some(database) => self.bare.clone().database(database),
            None => self.bare.clone(),
        };
        other
    }

    /// For a pool, which opens its connections itself and settles each by [`crate::settle`].
    pub fn options(&self) -> MySqlConnectOptions {
        self.options.clone()
    }

    pub(crate) async fn open(&self) -> Result<sqlx::MySqlConnection, sqlx::Error> {
        // The handshake of TLS makes it a large future, and every piece of work has one of them in it.
        Box::pin(sqlx::MySqlConnection::connect_with(&self.options)).await
    }

    /// The port of a connection by TCP.
    pub(crate) fn tcp_port(&self) -> Option<u16> {
        self.options.get_socket().is_none().then(|| self.options.get_port())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mysql://{}@{}/{}", self.user, self.server, self.database.as_deref().unwrap_or(""))
    }
}

/// The host as it is looked up: an IPv6 address stands in brackets only in the URL.
fn host(url: &Url, shown: &str) -> String {
    match url.host() {
        Some(Host::Ipv6(address)) => address.to_string(),
        _ => shown.to_owned(),
    }
}

/// Takes the URL's options: an option that would not be used is refused, so that nobody believes in it. Answers whether TLS is asked for.
fn with_query(mut options: MySqlConnectOptions, url: &Url) -> Result<(MySqlConnectOptions, bool), String> {
    let mut tls = TlsOptions::default();
    for (name, value) in url.query_pairs() {
        match (&*name, &*value) {
            ("ssl-mode" | "sslmode", mode) => tls.mode = Some(tls_options::mode_of(mode)?),
            ("ssl-ca", file) => tls.ca = Some(file.into()),
            ("ssl-cert", file) => tls.certificate = Some(file.into()),
            ("ssl-key", file) => tls.key = Some(file.into()),
            ("socket", path) if !path.is_empty() => options = options.socket(path),
            (known, _) => return Err(refusal(known)),
        }
    }
    Ok((tls.on(options)?, tls.is_asked_for()))
}

fn refusal(name: &str) -> String {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
    match REFUSED_OPTIONS.iter().find(|(names, _)| names.contains(&name)) {
        Some((_, why)) => format!("option {shown}: {why}"),
        None => format!("option {shown} is not known; expected none, or {TAKEN_OPTIONS}"),
    }
}

#[cfg(test)]
mod tests {
    use sqlx::mysql::MySqlSslMode;

    use super::*;

    #[test]
    fn parts_are_decoded() {
        let url = DatabaseUrl::parse("mysql://us%40er:p%27%5C%2Fw@db.example:23306/ledger").expect("valid");
        assert_eq!((url.user(), url.password(), url.server()), ("us@er", "p'\\/w", "db.example:23306"));
        assert_eq!(url.database(), Some("ledger"));
        assert_eq!(url.with_database(None).database(), None);
    }

    #[test]
    fn an_ipv6_address_is_looked_up_without_its_brackets() {
        for (text, host, server) in [
            ("mysql://u:p@[::1]:3306/db", "::1", "[::1]:3306"),
            ("mysql://u:p@[2001:db8::7]/db", "2001:db8::7", "[2001:db8::7]:3306"),
            ("mysql://u:p@127.0.0.1:23306/db", "127.0.0.1", "127.0.0.1:23306"),
            ("mysql://u:p@db.example/db", "db.example", "db.example:3306"),
        ] {
            let url = DatabaseUrl::parse(text).expect(text);
            assert_eq!((url.options.get_host(), url.server()), (host, server));
            assert_eq!(url.with_database(None).options.get_host(), host);
        }
    }

    #[test]
    fn an_option_is_taken_or_refused_by_name() {
        for (query, says) in [
            (
                "charset=latin1",
                "option charset: every session sets it to utf8mb4, and another one would damage ids: leave it out",
            ),
            ("collation=x", "option collation: every session sets it"),
            ("timezone=%2B08:00", "option timezone: every session sets it to UTC"),
            ("sslkey=/none", "option sslkey: it is written with a hyphen here"),
            ("statement-cache-capacity=7", "option statement-cache-capacity: the program sets it itself"),
            (
                "nosuch=1",
                "option nosuch is not known; expected none, or ssl-mode (DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY), \
                 ssl-ca, ssl-cert, ssl-key (files), and socket (a path)",
            ),
            ("ssl-mode=DISABLED&Charset=utf8", "option Charset is not known"),
            ("socket=", "option socket is not known"),
        ] {
            let problem = DatabaseUrl::parse(&format!("mysql://u:p@h/d?{query}")).expect_err(query);
            assert!(problem.starts_with(says), "{problem}");
        }
        let problem = DatabaseUrl::parse("mysql://u:p@h/d#part").expect_err("refused");
        assert_eq!(problem, "a `#` in it must be written as %23");
        let url = DatabaseUrl::parse("mysql://u:p@h/d?ssl-mode=DISABLED&socket=/run/x.sock").expect("valid");
        for url in [url.with_database(None), url] {
            assert!(matches!(url.options.get_ssl_mode(), MySqlSslMode::Disabled));
            assert_eq!(url.options.get_socket().and_then(|path| path.to_str()), Some("/run/x.sock"));
        }
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
