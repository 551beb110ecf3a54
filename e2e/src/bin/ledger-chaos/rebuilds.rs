//! Rebuilds while orders come in: killed at every line that writes, killed at any moment together with what they need,
//! resumed, and taken back. The live tables must be right at every moment, and a rebuild of right tables must find no
//! difference: no rebuild has `--yes`, so none may accept one.
//!
//! It must never compare tables itself: `ledger rebuild` and the audit do. Read `deaths` for how a command dies.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use sqlx::MySqlPool;
use xtask::server::Server;

use crate::deaths;
use crate::kinds::FaultCounts;
use crate::random::Random;
use crate::system::{PartName, System, block_on};

/// Runs of a rebuild that is disturbed, until it has to be done.
const RUNS: usize = 6;
const REFOLD_LIMIT: Duration = Duration::from_secs(180);

/// One rebuild that dies at each of its lines; one more whose server dies, too; and one rollback in between.
pub(crate) fn run(system: &mut System, random: &mut Random, counts: &mut FaultCounts) -> Result<u64> {
    let pool = block_on(system.ledger.database())?;
    let before = live_generation(&pool)?;
    for point in deaths::points(&system.ledger, &["rebuild", "swap"])? {
        // What follows the RENAME is not reached by a run that finds the new tables live; the rollback reaches it.
        if point != "swap.written-down" {
            deaths::of_a_command(system, &point, &["rebuild"], counts)?;
        }
        if point == "rebuild.positions" {
            // While it loads: with nothing committed, then with a part of it.
            deaths::of_a_command(system, "store.orders", &["rebuild"], counts)?;
            deaths::of_a_command(system, "store.committed", &["rebuild"], counts)?;
        }
    }
    deaths::command(&system.ledger, &["rebuild"], 0).context("the rebuild that died before")?;
    let rebuilt = live_generation(&pool)?;
    if rebuilt == before {
        bail!("generation {before} is live before and after a rebuild");
    }
    system.wait_healthy()?;
    roll_back(system, &pool, before, counts)?;
    disturbed(system, random)?;
    let live = live_generation(&pool)?;
    for generation in [before, rebuilt] {
        deaths::command(&system.ledger, &["generations", "drop", &generation.to_string()], 0)?;
    }
    if live == before || live == rebuilt {
        bail!("generation {live} is live, which an earlier one was");
    }
    Ok(1)
}

/// Back to an older generation, with a death at each line before the swap and one after it; then the projector folds
/// again what it lacks.
fn roll_back(system: &mut System, pool: &MySqlPool, to: i32, counts: &mut FaultCounts) -> Result<()> {
    let folded = position_sum(pool)?;
    let generation = to.to_string();
    let args = ["rollback", "--yes", "--to", &generation];
    for point in deaths::points(&system.ledger, &["swap"])? {
        // It would leave the older tables live, and the runs after it with nothing to swap.
        if point != "swap.renamed" {
            deaths::of_a_command(system, &point, &args, counts)?;
        }
    }
    deaths::command(&system.ledger, &args, 0).context("a rollback that was done before")?;
    system.wait_until("all orders in the older tables", REFOLD_LIMIT, |_| {
        position_sum(pool).is_ok_and(|now| now >= folded)
    })?;
    Ok(())
}

/// A rebuild while something else dies, and then it; resumed until it is done.
fn disturbed(system: &mut System, random: &mut Random) -> Result<()> {
    let mut said = String::new();
    for run in 0..RUNS {
        let rebuild = system.ledger.start_program("ledger", &[], &["rebuild"])?;
        system.pass(Duration::from_millis(random.below(600)))?;
        match run {
            0 => system.crash_server(Server::MariaDb, Duration::from_millis(random.below(500)))?,
            1 => system.crash_part(PartName::Projector, Duration::ZERO)?,
            _ => {}
        }
        if run < 2 {
            rebuild.process.kill()?;
        }
        let (status, output) = rebuild.wait()?;
        if status.success() {
            return Ok(());
        }
        said = format!("{status}: {output}");
        system.wait_healthy()?;
    }
    bail!("a rebuild is not done after {RUNS} runs: {said}")
}

fn live_generation(pool: &MySqlPool) -> Result<i32> {
    Ok(block_on(sqlx::query_scalar("SELECT MAX(generation) FROM positions").fetch_one(pool))?)
}

fn position_sum(pool: &MySqlPool) -> Result<i64> {
    Ok(block_on(sqlx::query_scalar("SELECT CAST(SUM(next_offset) AS SIGNED) FROM positions").fetch_one(pool))?)
}
