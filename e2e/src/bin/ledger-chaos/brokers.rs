//! Two of three brokers dead for a minute: with `min.insync.replicas=2` nothing can be appended until one is back. Nobody may
//! be told otherwise, services and projector say that they are not ready, no part ends, and everything goes on soon after.
//!
//! It must never kill the controller, which no broker is. Read `outages` for the database's.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use xtask::kafka::Node;
use xtask::server::Server;

use crate::progress::progress;
use crate::random::Random;
use crate::request;
use crate::shop::Shop;
use crate::system::{PartName, System, block_on};

const DEAD: Duration = Duration::from_secs(60);
/// A part may believe that long in what it knew.
const NOTICED_LIMIT: Duration = Duration::from_secs(15);
/// When the projector dies in it.
const PROJECTOR_DIES: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_secs(1);
/// From the moment that both brokers take requests.
const APPENDS_LIMIT: Duration = Duration::from_secs(15);
const READY_LIMIT: Duration = Duration::from_secs(30);

/// Which broker is left, the dice decide.
pub(crate) fn two_dead(system: &mut System, shop: &Shop, random: &mut Random, projector_dies: bool) -> Result<()> {
    let mut brokers = [1, 2, 3];
    random.shuffle(&mut brokers);
    let dead = [brokers[0], brokers[1]].map(|number| Server::Kafka(Node::Broker(number)));
    for broker in dead {
        system.kill_server(broker)?;
    }
    watch(system, shop, projector_dies)?;
    let begin = Instant::now();
    system.revive_servers(&dead)?;
    let revived = Instant::now();
    block_on(shop.place(request::probe(random.below(u64::MAX / 2))));
    let appended = revived.elapsed();
    if appended > APPENDS_LIMIT {
        shop.complain(format!("two brokers back, and nothing was appended for {:.1} s", appended.as_secs_f64()));
    }
    system.wait_until("services that are ready after an append", READY_LIMIT, |system| {
        system.sick_services() == [None, None]
    })?;
    progress(&format!(
        "     broker {} was left; two back in {:.1} s, the first append {:.1} s later, both services ready after {:.1} s",
        brokers[2],
        (revived - begin).as_secs_f64(),
        appended.as_secs_f64(),
        revived.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// For as long as they are dead. A service that is ready meanwhile would be sent orders that it cannot take; a projector that is ready
/// can neither publish nor tell other partitions anything, and nobody would look after it.
fn watch(system: &mut System, shop: &Shop, mut projector_dies: bool) -> Result<()> {
    let (begin, mut noticed): (_, [Option<Duration>; 3]) = (Instant::now(), [None; 3]);
    let mut ready_again = [0_u32; 3];
    while begin.elapsed() < DEAD {
        let [service_a, service_b] = system.sick_services();
        let sick = [service_a, service_b, system.sick_projector()];
        for ((is_sick, noticed), ready) in sick.iter().map(Option::is_some).zip(&mut noticed).zip(&mut ready_again) {
            if is_sick {
                noticed.get_or_insert(begin.elapsed());
            } else if noticed.is_some() {
                *ready += 1;
            }
        }
        if projector_dies && begin.elapsed() >= PROJECTOR_DIES {
            projector_dies = false;
            system.crash_part(PartName::Projector, Duration::ZERO)?;
        }
        system.look_after()?;
        system.pass(LOOK)?;
    }
    ensure!(!projector_dies, "the projector was to die, and did not");
    for (name, (noticed, ready_again)) in
        ["service A", "service B", "projector"].into_iter().zip(noticed.into_iter().zip(ready_again))
    {
        match noticed {
            Some(after) if after <= NOTICED_LIMIT && ready_again == 0 => {
                progress(&format!("     {name} not ready after {:.1} s", after.as_secs_f64()));
            }
            _ => shop.complain(format!(
                "two of three brokers dead for {} s: {name} not ready after {noticed:?}, and ready again {ready_again} times",
                DEAD.as_secs()
            )),
        }
    }
    Ok(())
}
