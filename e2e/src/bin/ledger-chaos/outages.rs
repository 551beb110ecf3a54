//! Outages of the database that end by themselves: its connections are cut or go silent, or it takes no writes for a time.
//! Nobody is killed, so no part may end: what cannot be done now is done afterwards.
//!
//! It must never let an outage last: what is silent is noticed or fails the run, and what was set is set back. Read
//! `silence` for the connections.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sqlx::MySqlPool;

use crate::pace::Pace;
use crate::proxy::{Cut, Target};
use crate::shop::Shop;
use crate::silence::Way;
use crate::system::{System, block_on};

/// Silence is noticed, and what it left undone is done, all within this.
const FOLDED_ON_LIMIT: Duration = Duration::from_secs(60);
/// A planned switch to another server takes a few seconds.
const READ_ONLY: Duration = Duration::from_secs(4);
const ORDERS_MEANWHILE: u64 = 10;
const CUT_LIMIT: Duration = Duration::from_secs(30);

/// All of the projector's connections at once.
pub(crate) fn silence(system: &mut System, pace: &Pace, way: Way) -> Result<()> {
    let pool = block_on(system.ledger.database())?;
    ensure!(system.scissors.silence.fall(way) > 0, "no connection was open that could fall silent");
    wait_folded_on(system, pace, &pool)
}

/// One connection, with a transaction of which nobody knows whether it is committed.
pub(crate) fn silent_commit(system: &mut System, pace: &Pace) -> Result<()> {
    let pool = block_on(system.ledger.database())?;
    cut_connections(system, pace, Target::WritersCommit, &[Cut::Silent])?;
    wait_folded_on(system, pace, &pool)
}

/// One connection after the other, each at a packet of `target`.
pub(crate) fn cut_connections(system: &mut System, pace: &Pace, target: Target, cuts: &[Cut]) -> Result<u64> {
    let mut times = 0;
    for cut in cuts {
        let before = system.scissors.cut_count();
        system.scissors.arm(target, *cut);
        let is_cut = |system: &mut System| system.scissors.cut_count() > before;
        let done = pace.wait_for_orders(system, "a connection to cut", CUT_LIMIT, is_cut);
        system.scissors.disarm();
        done?;
        times += 1;
    }
    Ok(times)
}

/// For all users that have no privilege to write nevertheless, which is all but ours.
pub(crate) fn read_only(system: &mut System, shop: &Shop, pace: &Pace) -> Result<()> {
    let pool = block_on(system.ledger.database())?;
    block_on(sqlx::query("SET GLOBAL read_only = 1").execute(&pool))?;
    let lasted = while_read_only(system, shop, pace, &pool);
    block_on(sqlx::query("SET GLOBAL read_only = 0").execute(&pool))?;
    lasted?;
    wait_folded_on(system, pace, &pool)
}

fn while_read_only(system: &mut System, shop: &Shop, pace: &Pace, pool: &MySqlPool) -> Result<()> {
    let (before, taken, begin) = (positions(pool)?, shop.taken_count(), Instant::now());
    pace.wait_for_orders(system, "orders while the database is read-only", FOLDED_ON_LIMIT, |_| {
        begin.elapsed() >= READ_ONLY && shop.taken_count() >= taken + ORDERS_MEANWHILE
    })?;
    ensure!(positions(pool)? == before, "the projector's user could write to a read-only database");
    Ok(())
}

/// Until every partition stands further than now, with orders for each.
pub(crate) fn wait_folded_on(system: &mut System, pace: &Pace, pool: &MySqlPool) -> Result<()> {
    let before = positions(pool)?;
    pace.wait_for_orders(system, "every partition is folded on", FOLDED_ON_LIMIT, |_| {
        positions(pool).is_ok_and(|now| before.iter().all(|(partition, at)| now.get(partition) > Some(at)))
    })
}

/// Where each partition stands.
pub(crate) fn positions(pool: &MySqlPool) -> Result<BTreeMap<i32, i64>> {
    let query = sqlx::query_as::<_, (i32, i64)>("SELECT kafka_partition, next_offset FROM positions");
    Ok(block_on(query.fetch_all(pool))?.into_iter().collect())
}
