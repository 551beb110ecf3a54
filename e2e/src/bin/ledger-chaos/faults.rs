//! The faults and their schedule: in each round every kind once, in an order that the seed decides, each while orders
//! come in. It must never look at what the clients are answered.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::kinds::{Fault, FaultCounts};
use crate::pace::Pace;
use crate::progress::progress;
use crate::proxy::{Cut, Target};
use crate::random::Random;
use crate::shop::Shop;
use crate::system::System;
use crate::{brokers, clocks, commands, deaths, late, lost_commits, outages, rebuilds, stranger};

/// Above the consumer group's session timeout (6 s): the others take the partitions over.
const FREEZE: Duration = Duration::from_secs(9);
const CUTS: usize = 4;
/// How long orders come in before the next fault.
const CALM: Duration = Duration::from_millis(1_500);

/// Does all rounds; at the end everything runs and is healthy, and no second projector is left. A part that ended in an
/// outage, though nobody killed it, is a difference.
pub(crate) fn run(
    system: &mut System,
    shop: &Shop,
    pace: &Pace,
    round: &[(Fault, &str)],
    seed: u64,
) -> Result<FaultCounts> {
    let mut random = Random::of(seed, u64::MAX - 1);
    let mut counts: FaultCounts = round.iter().map(|(_, name)| ((*name).to_owned(), 0)).collect();
    let (mut step, mut end) = (0, Duration::ZERO);
    for _ in 0..pace.rounds {
        let mut order = round.to_vec();
        random.shuffle(&mut order);
        for (fault, name) in order {
            step += 1;
            end += fault.about();
            pace.open(end);
            system.pass(CALM)?;
            let (begin, ended) = (Instant::now(), system.ended_by_themselves.clone());
            let times = inject(system, shop, pace, fault, &mut random, &mut counts)
                .and_then(|times| system.wait_healthy().map(|()| times))
                .with_context(|| name.to_owned())?;
            *counts.entry(name.to_owned()).or_default() += times;
            if fault.is_an_outage() && system.ended_by_themselves != ended {
                let now = &system.ended_by_themselves;
                shop.complain(format!("{name}: a part ended instead of waiting: {ended:?} before, {now:?} after"));
            }
            progress(&format!("{step:>3}. {name} ({:.1} s)", begin.elapsed().as_secs_f64()));
        }
    }
    pace.end();
    Ok(counts)
}

/// Answers how often it was done.
fn inject(
    system: &mut System,
    shop: &Shop,
    pace: &Pace,
    fault: Fault,
    random: &mut Random,
    counts: &mut FaultCounts,
) -> Result<u64> {
    let absence = Duration::from_millis(random.below(2_500));
    match fault {
        Fault::Kill(part) => system.crash_part(part, absence)?,
        Fault::Crash(server) => system.crash_server(server, absence)?,
        Fault::Both(server, part) => {
            system.part(part).process.kill()?;
            system.crash_server(server, absence)?;
            system.part(part).restart()?;
        }
        Fault::Freeze => freeze(system, pace, random)?,
        Fault::TwoProjectors => return join_and_leave(system, random),
        Fault::CutCommit(Cut::Silent) => outages::silent_commit(system, pace)?,
        Fault::CutCommit(cut) => return outages::cut_connections(system, pace, Target::WritersCommit, &[cut; CUTS]),
        Fault::CutRelay => {
            let mut cuts = [Cut::BeforeTheServer, Cut::WhileTheServerWorks, Cut::AfterTheReply];
            random.shuffle(&mut cuts);
            return outages::cut_connections(system, pace, Target::RelaysStatement, &cuts);
        }
        Fault::Silence(way) => outages::silence(system, pace, way)?,
        Fault::StandStill(who) => late::stand_still(system, pace, who)?,
        Fault::SlowDatabase => late::slow_database(system, pace)?,
        Fault::WrongClock(name) => clocks::wrong(system, pace, name)?,
        Fault::LostCommits => lost_commits::run(system, shop, pace, absence)?,
        Fault::ReadOnly => outages::read_only(system, shop, pace)?,
        Fault::OpenTransaction => return stranger::run(system, shop, pace, random),
        Fault::TwoBrokers { projector_dies } => brokers::two_dead(system, shop, random, projector_dies)?,
        Fault::Deaths => return deaths::of_the_projector(system, pace, random, counts),
        Fault::Redrives => return commands::redrives(system, shop, pace, random, counts),
        Fault::Import => return commands::import(system, shop, random, counts),
        Fault::Rebuilds => return rebuilds::run(system, random, counts),
    }
    Ok(1)
}

/// A second projector, twice.
fn join_and_leave(system: &mut System, random: &mut Random) -> Result<u64> {
    for cleanly in [true, random.percent(50)] {
        system.start_second()?;
        system.pass(Duration::from_secs(1))?;
        system.stop_second(cleanly)?;
    }
    Ok(2)
}

/// The first projector stands still until the second has its partitions, and wakes as a zombie.
fn freeze(system: &mut System, pace: &Pace, random: &mut Random) -> Result<()> {
    system.start_second()?;
    system.ledger.projector.process.pause()?;
    let before = system.folded_by_second()?;
    system.pass(FREEZE)?;
    let taken_over = pace.wait_for_orders(system, "the second projector folds on", Duration::from_secs(30), |system| {
        system.folded_by_second().is_ok_and(|now| now > before)
    });
    system.ledger.projector.process.resume()?;
    taken_over?;
    system.pass(Duration::from_secs(1))?;
    system.stop_second(random.percent(50))
}
