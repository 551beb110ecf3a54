//! The passwords of MariaDB's users: generated at the first start, kept in `run/credentials.env`
//! (mode 600), together with the database addresses that hold them.
//!
//! The file is written before the database exists, and the database takes root's password from it at
//! every start, so dying between the two loses nothing. No password may be printed or logged.
//!
//! It must never print a password, or change one that is in use. Read [`crate::mariadb`] for how they are set.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};

use crate::atomic_file::{self, Readers};

/// The database of the ledger.
pub const DATABASE: &str = "ledger";

/// A user of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseUser {
    /// The user's name.
    pub name: &'static str,
    /// The variable with the password.
    pub password_variable: &'static str,
    /// The variable with the address, password included.
    pub url_variable: &'static str,
    /// The database that the address names.
    pub database: &'static str,
}

const fn user(
    name: &'static str,
    password_variable: &'static str,
    url_variable: &'static str,
    database: &'static str,
) -> DatabaseUser {
    DatabaseUser { name, password_variable, url_variable, database }
}

/// All users: root, which makes the database, and one for each role in it.
pub const USERS: [DatabaseUser; 4] = [
    user("root", "MARIADB_ROOT_PASSWORD", "LEDGER_ADMIN_DATABASE_URL", ""),
    user("ledger_owner", "LEDGER_OWNER_PASSWORD", "LEDGER_OWNER_DATABASE_URL", DATABASE),
    user("ledger_projector", "LEDGER_PROJECTOR_PASSWORD", "LEDGER_PROJECTOR_DATABASE_URL", DATABASE),
    user("ledger_reader", "LEDGER_READER_PASSWORD", "LEDGER_READER_DATABASE_URL", DATABASE),
];

/// The four passwords and where the database is.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    address: SocketAddr,
    passwords: BTreeMap<&'static str, String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Credentials").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Reads the passwords, generates those that are missing, and writes the file when it is not what
    /// it must be.
    ///
    /// # Errors
    /// Any fault of the file system.
    pub fn load_or_generate(path: &Path, address: SocketAddr) -> Result<Self> {
        let old = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let known = parse(&old);
        let mut passwords = BTreeMap::new();
        for user in USERS {
            let password = match known.get(user.password_variable) {
                Some(password) if is_safe(password) => (*password).to_owned(),
                _ => generate_password()?,
            };
            passwords.insert(user.name, password);
        }
        let credentials = Self { address, passwords };
        let new = credentials.to_env_file();
        if new != old {
            atomic_file::write(path, new.as_bytes(), Readers::Owner)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(credentials)
    }

    /// The password of one of the four users.
    #[must_use]
    pub fn password(&self, user: &str) -> &str {
        self.passwords.get(user).map_or("", String::as_str)
    }

    /// The name and value of the address of one user.
    #[must_use]
    pub fn database_url(&self, user: &str) -> Option<(&'static str, String)> {
        let DatabaseUser { name, url_variable, database, .. } = USERS.into_iter().find(|entry| entry.name == user)?;
        let url = format!("mysql://{name}:{}@{}/{database}", self.password(name), self.address);
        Some((url_variable, url))
    }

    /// The names and values of all four addresses.
    #[must_use]
    pub fn database_urls(&self) -> Vec<(&'static str, String)> {
        USERS.iter().filter_map(|user| self.database_url(user.name)).collect()
    }

    /// What MariaDB executes at every start, one statement a line: root's password is the file's,
    /// over TCP and over the socket, and no other root is left. A user of the ledger that is there
    /// gets the file's password too, in case the file was lost and made anew.
    #[must_use]
    pub fn to_init_sql(&self) -> String {
        let root = self.password("root");
        let mut lines = vec![
            format!("CREATE USER IF NOT EXISTS 'root'@'127.0.0.1' IDENTIFIED BY '{root}';"),
            format!("ALTER USER 'root'@'127.0.0.1' IDENTIFIED BY '{root}';"),
            format!("ALTER USER 'root'@'localhost' IDENTIFIED BY '{root}';"),
            "GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;".to_owned(),
            "DELETE FROM mysql.global_priv WHERE User='root' AND Host NOT IN ('localhost', '127.0.0.1');".to_owned(),
            "FLUSH PRIVILEGES;".to_owned(),
        ];
        for DatabaseUser { name, .. } in USERS.iter().skip(1) {
            let password = self.password(name);
            lines.push(format!("ALTER USER IF EXISTS '{name}'@'%' IDENTIFIED BY '{password}';"));
        }
        lines.push(String::new());
        lines.join("\n")
    }

    fn to_env_file(&self) -> String {
        let mut text = String::from(
            "# Generated at the first start and read at every start. Whoever has this file has the database.\n",
        );
        for DatabaseUser { name, password_variable, .. } in USERS {
            text.push_str(&format!("{password_variable}={}\n", self.password(name)));
        }
        for (variable, url) in self.database_urls() {
            text.push_str(&format!("{variable}={url}\n"));
        }
        text
    }
}

fn parse(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('=')).collect()
}

/// Letters and digits stand in SQL, in an address and in a shell without quoting.
fn is_safe(password: &str) -> bool {
    password.len() >= 16 && password.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// 128 random bits in hexadecimal.
fn generate_password() -> Result<String> {
    Ok(random_bytes()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Sixteen random bytes of the kernel.
///
/// # Errors
/// When `/dev/urandom` cannot be read.
pub fn random_bytes() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    let mut source = File::open("/dev/urandom").context("cannot open /dev/urandom")?;
    source.read_exact(&mut bytes).context("cannot read /dev/urandom")?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_dir::temporary_folder;
    use std::os::unix::fs::PermissionsExt;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn passwords_are_generated_once_and_only_the_owner_reads_them() {
        let folder = temporary_folder("credentials").unwrap();
        let path = folder.path().join("credentials.env");
        let first = Credentials::load_or_generate(&path, address(23306)).unwrap();
        let second = Credentials::load_or_generate(&path, address(23306)).unwrap();
        assert_eq!(first, second);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let passwords: std::collections::BTreeSet<_> = first.passwords.values().collect();
        assert_eq!(passwords.len(), 4, "each user has one of its own");
    }

    #[test]
    fn the_file_holds_the_names_that_others_rely_on() {
        let folder = temporary_folder("credentials").unwrap();
        let path = folder.path().join("credentials.env");
        Credentials::load_or_generate(&path, address(23306)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let values = parse(&text);
        let root = values["MARIADB_ROOT_PASSWORD"];
        assert_eq!(values["LEDGER_ADMIN_DATABASE_URL"], format!("mysql://root:{root}@127.0.0.1:23306/"));
        let reader = values["LEDGER_READER_PASSWORD"];
        let url = format!("mysql://ledger_reader:{reader}@127.0.0.1:23306/ledger");
        assert_eq!(values["LEDGER_READER_DATABASE_URL"], url);
        assert_eq!(values.len(), 8);
    }

    #[test]
    fn another_address_keeps_the_passwords_and_a_damaged_line_is_made_anew() {
        let folder = temporary_folder("credentials").unwrap();
        let path = folder.path().join("credentials.env");
        let first = Credentials::load_or_generate(&path, address(23306)).unwrap();
        let second = Credentials::load_or_generate(&path, address(4000)).unwrap();
        assert_eq!(first.passwords, second.passwords);
        assert!(second.database_url("root").unwrap().1.ends_with("@127.0.0.1:4000/"));
        fs::write(&path, "MARIADB_ROOT_PASSWORD=it's\n").unwrap();
        let third = Credentials::load_or_generate(&path, address(4000)).unwrap();
        assert!(is_safe(third.password("root")));
    }

    #[test]
    fn neither_debug_output_shows_a_password() {
        let folder = temporary_folder("credentials").unwrap();
        let credentials = Credentials::load_or_generate(&folder.path().join("c.env"), address(23306)).unwrap();
        let shown = format!("{credentials:?}");
        assert!(credentials.passwords.values().all(|password| !shown.contains(password.as_str())));
    }
}
