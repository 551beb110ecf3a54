//! A clock that is two hours ahead, and then set back by four while the part runs. Nothing is decided by it but when a hold is over, which is early or
//! late by the clock's error and the same for everybody; no part may end.
//!
//! It must never leave a part with a wrong clock. Read `late` for what else only lasts.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::late::pass;
use crate::outages::wait_folded_on;
use crate::pace::Pace;
use crate::system::{PartName, System, block_on};

const HOURS: i32 = 2;
const LASTS: Duration = Duration::from_secs(8);

pub(crate) fn wrong(system: &mut System, pace: &Pace, name: PartName) -> Result<()> {
    let clock = system.clock.clone().context("nothing makes a clock wrong here")?;
    let pool = block_on(system.ledger.database())?;
    let environment = clock.environment();
    let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
    clock.set(HOURS)?;
    system.part(name).process.kill()?;
    system.part(name).restart_with(&environment)?;
    system.wait_healthy()?;
    for hours in [HOURS, -HOURS] {
        clock.set(hours)?;
        pass(system, LASTS)?;
        wait_folded_on(system, pace, &pool)
            .with_context(|| format!("with the clock of {name:?} off by {hours} hours"))?;
    }
    system.crash_part(name, Duration::ZERO)?;
    system.wait_healthy()?;
    wait_folded_on(system, pace, &pool)
}
