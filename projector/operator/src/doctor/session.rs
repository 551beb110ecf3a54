//! What a session really has after it was settled, what the server gives to others, and whether anybody on the way can read it.
//! It must never take what we asked for as what we got: something between may share its sessions among its clients.

use std::collections::BTreeMap;

use ledger_database::{DatabaseUrl, Watched};
use sqlx::AssertSqlSafe;

use super::finding::Sheet;

/// What a session has, and the only value that is right.
const SETTLED: [(&str, &str); 5] = [
    ("tx_isolation", "READ-COMMITTED"),
    ("autocommit", "ON"),
    ("completion_type", "NO_CHAIN"),
    ("max_statement_time", "0.000000"),
    ("idle_transaction_timeout", "0"),
];
const STRICT: &str = "STRICT_TRANS_TABLES";
/// What others get, who do not set it: shown, since it explains what they see.
const OF_OTHERS: [&str; 3] = ["sql_mode", "max_statement_time", "wait_timeout"];

pub(super) async fn look(sheet: &Sheet, connection: &mut Watched, url: &DatabaseUrl) -> Result<(), sqlx::Error> {
    let names: Vec<&str> = SETTLED.iter().map(|(name, _)| *name).chain(["sql_mode", "wait_timeout"]).collect();
    let found = variables(connection, "SESSION", &names).await?;
    settled(sheet, &found);
    let others = global(connection, &OF_OTHERS).await?;
    for (name, value) in others {
        sheet.fine(format!("{name} of other sessions"), if value.is_empty() { "empty" } else { value.as_str() });
    }
    encryption(sheet, connection, url).await
}

fn settled(sheet: &Sheet, found: &BTreeMap<String, String>) {
    let elsewhere = "something between this program and the server changes its sessions: name the server itself, or have the proxy keep \
                     a session for each client";
    for (name, expected) in SETTLED {
        let what = format!("{name} of our sessions");
        match found.get(name) {
            Some(value) if value == expected => sheet.fine(what, value),
            Some(value) => sheet.wrong(what, value, format!("expected {expected}; {elsewhere}")),
            None => sheet.skip(what, "this server does not tell it"),
        }
    }
    let mode = found.get("sql_mode").map_or("", String::as_str);
    if mode.split(',').any(|one| one == STRICT) {
        sheet.fine("sql_mode of our sessions", mode);
    } else {
        sheet.wrong("sql_mode of our sessions", mode, format!("expected {STRICT} among it; {elsewhere}"));
    }
    if let Some(value) = found.get("wait_timeout") {
        sheet.fine("wait_timeout of our sessions, in seconds", value);
    }
}

async fn encryption(sheet: &Sheet, connection: &mut Watched, url: &DatabaseUrl) -> Result<(), sqlx::Error> {
    let status: Vec<(String, String)> =
        sqlx::query_as("SHOW SESSION STATUS WHERE Variable_name IN ('Ssl_version', 'Ssl_cipher')")
            .fetch_all(&mut *connection)
            .await?;
    let used: Vec<&str> = status.iter().map(|(_, value)| value.as_str()).filter(|value| !value.is_empty()).collect();
    let is_local = url.options().get_socket().is_some() || is_loopback(url.server());
    match (used.is_empty(), is_local) {
        (false, _) => sheet.fine("TLS of our sessions", used.join(" ")),
        (true, true) => sheet.fine("TLS of our sessions", "none, and it does not leave this machine"),
        (true, false) => sheet.warn(
            "TLS of our sessions",
            format!("none, over the network to {}", url.server()),
            "add ?ssl-mode=VERIFY_IDENTITY&ssl-ca=FILE to the URL, and give the server a certificate (ssl_cert, ssl_key): others can read orders \
             on the way, and take the place of the server",
        ),
    }
    let names = ["bind_address", "require_secure_transport", "skip_networking"];
    let found = global(connection, &names).await?;
    let value = |name: &str| found.get(name).map_or("", String::as_str);
    let listens = match value("bind_address") {
        "" => "every address",
        found => found,
    };
    if value("skip_networking") == "ON" {
        sheet.fine("the server listens on", "a socket alone");
    } else if listens.split(',').all(is_loopback) || value("require_secure_transport") == "ON" {
        sheet.fine("the server listens on", listens);
    } else {
        sheet.warn(
            "the server listens on",
            format!("{listens}, and takes logins in the clear"),
            "write `require_secure_transport=ON` below [mariadbd] in the server's configuration, or `bind_address=127.0.0.1` where nobody else needs it",
        );
    }
    Ok(())
}

/// Of `HOST`, `HOST:PORT` or `[HOST]:PORT`.
fn is_loopback(address: &str) -> bool {
    let address = address.trim();
    let bare = address.parse::<std::net::IpAddr>().ok();
    let host = || address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']);
    host() == "localhost" || bare.or_else(|| host().parse().ok()).is_some_and(|address| address.is_loopback())
}

/// Those of `names` that this server has, by name.
///
/// # Errors
/// The database's.
pub(super) async fn global(connection: &mut Watched, names: &[&str]) -> Result<BTreeMap<String, String>, sqlx::Error> {
    variables(connection, "GLOBAL", names).await
}

/// `names` are this program's own words. Asked in this way, one that the server does not have is left out.
async fn variables(
    connection: &mut Watched,
    scope: &'static str,
    names: &[&str],
) -> Result<BTreeMap<String, String>, sqlx::Error> {
    let list = names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    let text = format!("SHOW {scope} VARIABLES WHERE Variable_name IN ({list})");
    let rows: Vec<(String, String)> = sqlx::query_as(AssertSqlSafe(text)).fetch_all(connection).await?;
    Ok(rows.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::{Area, Verdict};

    #[test]
    fn what_stays_on_this_machine_is_known() {
        for (address, expected) in [
            ("127.0.0.1:3306", true),
            ("[::1]:3306", true),
            ("::1", true),
            ("localhost:3306", true),
            ("127.0.0.1", true),
            ("10.0.0.1:3306", false),
            ("0.0.0.0", false),
            ("::", false),
            ("*", false),
            ("every address", false),
            ("db.example:3306", false),
        ] {
            assert_eq!(is_loopback(address), expected, "{address}");
        }
    }

    #[test]
    fn a_session_that_somebody_changed_is_wrong() {
        let as_settled = SETTLED.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut found: BTreeMap<String, String> = as_settled.collect();
        found.insert("sql_mode".to_owned(), "STRICT_ALL_TABLES,STRICT_TRANS_TABLES".to_owned());
        let verdicts = |found: &BTreeMap<String, String>| {
            let sheet = Sheet::new(Area::Database);
            settled(&sheet, found);
            let named = sheet.findings().into_iter().filter(|finding| finding.verdict != Verdict::Fine);
            named.map(|finding| (finding.what, finding.verdict)).collect::<Vec<_>>()
        };
        assert_eq!(verdicts(&found), []);
        found.insert("autocommit".to_owned(), "OFF".to_owned());
        found.insert("sql_mode".to_owned(), String::new());
        found.remove("completion_type");
        assert_eq!(
            verdicts(&found),
            [
                ("autocommit of our sessions".to_owned(), Verdict::Wrong),
                ("completion_type of our sessions".to_owned(), Verdict::NotLookedAt),
                ("sql_mode of our sessions".to_owned(), Verdict::Wrong),
            ]
        );
    }
}
