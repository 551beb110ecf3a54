//! A database that answers COMMIT before the commit is on its disk (`innodb_flush_log_at_trx_commit=0`), and then dies: what it had
//! answered in its last second is gone, positions, rows and outbox together. Everything is folded again from the log, and told once.
//!
//! Readers may be shown an older state until the tables stand as far again: how far anybody had come is lost with the rest. That is excused here, for that
//! time, and nothing else is. It must never leave the setting behind: the server starts again with its own.

use std::time::Duration;

use anyhow::{Result, bail};
use sqlx::MySqlPool;
use xtask::server::Server;

use crate::outages::positions;
use crate::pace::Pace;
use crate::progress::progress;
use crate::shop::Shop;
use crate::system::{System, block_on};

/// The server writes once a second by itself, so a death may come when nothing is unwritten.
const TRIES: usize = 5;
const CAUGHT_UP_LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn run(system: &mut System, shop: &Shop, pace: &Pace, absence: Duration) -> Result<()> {
    for _ in 0..TRIES {
        let lost = shop.while_forgetful(|| lose(system, pace, absence))?;
        if lost > 0 {
            progress(&format!("     records whose effects were lost with the database: {lost}"));
            return Ok(());
        }
    }
    bail!("the database died {TRIES} times with commits unwritten, and lost none")
}

/// How far all positions went back, in records. Returns when the tables stand where they stood before.
fn lose(system: &mut System, pace: &Pace, absence: Duration) -> Result<i64> {
    let pool = block_on(system.ledger.database())?;
    block_on(sqlx::query("SET GLOBAL innodb_flush_log_at_trx_commit = 0").execute(&pool))?;
    let begun = total(&pool)?;
    pace.wait_for_orders(system, "orders while commits are not written", CAUGHT_UP_LIMIT, |_| {
        total(&pool).is_ok_and(|now| now > begun)
    })?;
    // It stands still while positions are compared, and so moves none in between.
    system.ledger.projector.process.pause()?;
    let compared = die(system, &pool, absence);
    system.ledger.projector.process.resume()?;
    let (before, after) = compared?;
    pace.wait_for_orders(system, "the tables stand where they stood before", CAUGHT_UP_LIMIT, |_| {
        total(&pool).is_ok_and(|now| now >= before)
    })?;
    system.wait_healthy()?;
    Ok(before - after)
}

/// Where the tables stood before and after.
fn die(system: &mut System, pool: &MySqlPool, absence: Duration) -> Result<(i64, i64)> {
    let before = total(pool)?;
    system.crash_server(Server::MariaDb, absence)?;
    Ok((before, total(pool)?))
}

/// All positions together.
fn total(pool: &MySqlPool) -> Result<i64> {
    Ok(positions(pool)?.values().sum())
}
