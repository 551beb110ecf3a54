//! Where the servers of a test are, and by which names a ledger uses them. It must never start one: `cargo xtask` does.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};

/// The servers, as `cargo xtask test` names them.
#[derive(Debug, Clone)]
pub struct Servers {
    pub brokers: String,
    /// Ends with a slash: `mysql://root:password@host:port/`.
    pub admin_url: String,
    pub binaries: PathBuf,
}

impl Servers {
    /// # Panics
    /// When the tests were not started by `cargo xtask test`.
    pub fn from_environment() -> Self {
        let variable = |name: &str| match env::var(name) {
            Ok(value) => value,
            Err(_) => panic!("{name} is not set: run `cargo xtask test`"),
        };
        Self {
            brokers: variable("LEDGER_TEST_KAFKA_BROKERS"),
            admin_url: variable("LEDGER_TEST_ADMIN_DATABASE_URL"),
            binaries: PathBuf::from(variable("LEDGER_TEST_BIN_DIR")),
        }
    }
}

/// Names and addresses for every binary. Users are named after the test: MariaDB's users are global, and tests run side
/// by side.
pub(super) fn environment(servers: &Servers, name: &str) -> Result<Vec<(String, String)>> {
    let (_, server) = servers.admin_url.rsplit_once('@').context("the administrator's URL has no host")?;
    let url = |role: &str| format!("mysql://{role}_{name}:e2e@{server}{name}");
    let pairs = [
        ("LEDGER_KAFKA_BROKERS", servers.brokers.clone()),
        ("LEDGER_ORDERS_TOPIC", format!("{name}.orders")),
        ("LEDGER_OUTCOMES_TOPIC", format!("{name}.outcomes")),
        ("LEDGER_DEAD_LETTERS_TOPIC", format!("{name}.dead-letters")),
        ("LEDGER_CURSORS_TOPIC", format!("{name}.cursors")),
        ("LEDGER_CONSUMER_GROUP", format!("{name}.projector")),
        ("LEDGER_ADMIN_DATABASE_URL", format!("{}{name}", servers.admin_url)),
        ("LEDGER_OWNER_DATABASE_URL", url("owner")),
        ("LEDGER_PROJECTOR_DATABASE_URL", url("projector")),
        ("LEDGER_READER_DATABASE_URL", url("reader")),
        // A third of what it is by itself, so that what got lost is asked for again while a test looks on.
        ("LEDGER_ASK_AGAIN_MS", "10000".to_owned()),
    ];
    Ok(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
