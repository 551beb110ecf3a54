//! How a user of the database logs in. It must never keep the server's answer: the hash of the password stands in it.

use ledger_database::Watched;
use sqlx::Row;

use super::finding::Sheet;
use super::{Login, name_of};

pub(super) async fn look(sheet: &Sheet, connection: &mut Watched, login: &Login) -> Result<(), sqlx::Error> {
    let row = sqlx::query("SHOW CREATE USER CURRENT_USER()").fetch_one(connection).await?;
    let way = way_of(&row.try_get::<String, _>(0)?);
    let what = format!("way of logging in of the {}", name_of(login.role));
    match way {
        Way::NoPassword => sheet.warn(
            what,
            "no password",
            "ALTER USER .. IDENTIFIED BY '..', or VIA unix_socket: whoever reaches the server else is this user",
        ),
        Way::Plugin(plugin) => sheet.fine(what, plugin),
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum Way {
    NoPassword,
    Plugin(String),
}

/// `CREATE USER u IDENTIFIED BY PASSWORD '..'`, `.. IDENTIFIED VIA plugin USING '..'`, or neither.
fn way_of(created: &str) -> Way {
    const OWN: &str = "mysql_native_password";
    let Some((_, rest)) = created.split_once(" IDENTIFIED ") else { return Way::NoPassword };
    let mut words = rest.split_whitespace();
    match (words.next(), words.next()) {
        (Some("VIA"), Some(plugin)) => {
            Way::Plugin(plugin.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect())
        }
        _ => Way::Plugin(OWN.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_is_told_and_the_hash_is_not() {
        let plugin = |name: &str| Way::Plugin(name.to_owned());
        for (created, way) in [
            ("CREATE USER `a`@`%` IDENTIFIED BY PASSWORD '*94BD'", plugin("mysql_native_password")),
            ("CREATE USER `a`@`%` IDENTIFIED VIA ed25519 USING 'ab12' REQUIRE SSL", plugin("ed25519")),
            ("CREATE USER `a`@`%` IDENTIFIED VIA unix_socket", plugin("unix_socket")),
            ("CREATE USER `a`@`%`", Way::NoPassword),
        ] {
            assert_eq!(way_of(created), way);
        }
    }
}
