//! What lives and is late: a part or a server that stands still for longer than anybody waits for it, and a database that is a second away.
//! Nobody is killed, so no part may end; afterwards everything is folded on.
//!
//! It must never leave anything standing still or slow, whatever fails meanwhile. Read `proxy` for the connections.

use std::time::{Duration, Instant};

use anyhow::Result;
use xtask::server::Server;

use crate::kinds::Who;
use crate::outages::wait_folded_on;
use crate::pace::Pace;
use crate::system::{PartName, System, block_on};

/// Above every session (6 s), and above the time after which the broker takes a transaction of the relay's back (40 s).
const BEYOND_TRANSACTIONS: Duration = Duration::from_secs(45);
/// Above every request's own limit (10 s).
const BEYOND_REQUESTS: Duration = Duration::from_secs(15);
/// Half a second each way.
const LATENCY: Duration = Duration::from_millis(500);
const SLOW: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_secs(1);

/// Stands still, and goes on as if no time had passed: with old sessions, old transactions, old answers in its sockets.
pub(crate) fn stand_still(system: &mut System, pace: &Pace, who: Who) -> Result<()> {
    let time = match who {
        Who::Part(PartName::Projector) | Who::Server(Server::Kafka(_)) => BEYOND_TRANSACTIONS,
        Who::Part(_) | Who::Server(Server::MariaDb) => BEYOND_REQUESTS,
    };
    let pool = block_on(system.ledger.database())?;
    system.pause(who)?;
    let lasted = pass(system, time);
    system.resume(who)?;
    lasted?;
    system.wait_healthy()?;
    wait_folded_on(system, pace, &pool)
}

/// Every packet between a projector and the database takes half a second each way: orders are decided all the same.
pub(crate) fn slow_database(system: &mut System, pace: &Pace) -> Result<()> {
    let pool = block_on(system.ledger.database())?;
    system.scissors.slow_down(LATENCY);
    let lasted = pass(system, SLOW).and_then(|()| wait_folded_on(system, pace, &pool));
    system.scissors.slow_down(Duration::ZERO);
    lasted
}

/// Time goes by; whatever ends is started again, and counted.
pub(crate) fn pass(system: &mut System, time: Duration) -> Result<()> {
    let begin = Instant::now();
    while begin.elapsed() < time {
        system.look_after()?;
        system.pass(LOOK)?;
    }
    Ok(())
}
