//! `cargo xtask servers`: a Kafka and a MariaDB that keep running, for single tests by hand.
//!
//! It must never touch servers of another command. Read [`crate::servers`] for what they are.

use anyhow::Result;

use crate::interrupt::Interrupt;
use crate::jars::KafkaRelease;
use crate::mariadb_release::MariaDbRelease;
use crate::servers::Servers;
use crate::{install, progress};

/// `cargo xtask servers start`: starts the pair, or says that it runs, and prints what to `eval`.
///
/// # Errors
/// As [`Servers::start_fresh`]; and when another MariaDB runs than the one that was asked for.
pub fn start(mariadb: Option<MariaDbRelease>, kafka: Option<KafkaRelease>, interrupt: &Interrupt) -> Result<()> {
    install::install_missing()?;
    let servers = Servers::for_hand().on(mariadb).on_kafka(kafka);
    if servers.is_running() {
        servers.check_release()?;
    } else {
        servers.start_fresh(interrupt)?;
    }
    for (name, value) in servers.test_environment()? {
        progress::result(&format!("export {name}='{value}'"));
    }
    Ok(())
}

/// `cargo xtask servers stop`.
///
/// # Errors
/// When one cannot be ended.
pub fn stop() -> Result<()> {
    let servers = Servers::for_hand();
    let text = if servers.stop()? { "stopped" } else { "nothing ran" };
    progress::line(text);
    servers.wipe()
}
