//! The faults and their schedule: in each round every kind once, in an order that the seed decides, each while orders come
//! in. It must never look at what the clients are answered.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use xtask::servers::Server;

use crate::proxy::{Cut, Target};
use crate::random::Random;
use crate::shop::Shop;
use crate::system::{PartName, System};
use crate::{commands, deaths, progress, rebuilds};

/// Above the consumer group's session timeout (6 s): the others take the partitions over.
const FREEZE: Duration = Duration::from_secs(9);
const CUTS: usize = 4;
const CUT_LIMIT: Duration = Duration::from_secs(30);
/// How long orders come in before the next fault.
const CALM: Duration = Duration::from_millis(1_500);
/// One more round for each so many orders.
const ORDERS_A_ROUND: usize = 35_000;
const LENT_ORDERS: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Kill(PartName),
    Crash(Server),
    /// A server and who writes to it, at once.
    Both(Server, PartName),
    Freeze,
    TwoProjectors,
    CutCommit(Cut),
    CutRelay,
    /// Of the projector, at each line.
    Deaths,
    Redrives,
    Import,
    Rebuilds,
}

impl Fault {
    /// How long it takes, about, with recovery and the calm before it: the load is spread over that.
    const fn about(self) -> Duration {
        Duration::from_secs(match self {
            Self::Deaths => 30,
            Self::Rebuilds => 25,
            _ => 5,
        })
    }
}

const ALL: [(Fault, &str); 18] = [
    (Fault::Kill(PartName::Projector), "kill -9 of the projector"),
    (Fault::Kill(PartName::ServiceA), "kill -9 of service A"),
    (Fault::Kill(PartName::ServiceB), "kill -9 of service B"),
    (Fault::Kill(PartName::Gateway), "kill -9 of the gateway"),
    (Fault::Crash(Server::MariaDb), "kill -9 of MariaDB"),
    (Fault::Crash(Server::Kafka), "kill -9 of Kafka"),
    (Fault::Both(Server::MariaDb, PartName::Projector), "kill -9 of MariaDB and the projector at once"),
    (Fault::Both(Server::Kafka, PartName::ServiceA), "kill -9 of Kafka and service A at once"),
    (Fault::Freeze, "projector frozen beyond its session, then thawed"),
    (Fault::TwoProjectors, "second projector joined and left"),
    (Fault::CutCommit(Cut::BeforeTheServer), "COMMIT cut before the server got it"),
    (Fault::CutCommit(Cut::WhileTheServerWorks), "COMMIT cut while the server worked on it"),
    (Fault::CutCommit(Cut::AfterTheReply), "COMMIT cut after the server's reply"),
    (Fault::CutRelay, "relay's connection cut"),
    (Fault::Deaths, "projector dead at a line that writes"),
    (Fault::Redrives, "redrive killed at a line that writes, and run again"),
    (Fault::Import, "import killed at a line that writes, and run again"),
    (Fault::Rebuilds, "rebuilds killed and gone on with, and a rollback"),
];

/// How often each kind was done, and each line was died at.
pub(crate) type FaultCounts = BTreeMap<String, u64>;

/// How many orders may have begun, and how fast they may come.
pub(crate) struct Pace {
    allowed: AtomicUsize,
    order_count: usize,
    rounds: u32,
}

impl Pace {
    pub(crate) fn of(order_count: usize) -> Self {
        let rounds = u32::try_from(1 + order_count / ORDERS_A_ROUND).unwrap_or(u32::MAX);
        Self { allowed: AtomicUsize::new(0), order_count, rounds }
    }

    /// How long all faults take, about.
    fn total(&self) -> Duration {
        ALL.iter().map(|(fault, _)| fault.about()).sum::<Duration>() * self.rounds
    }

    /// The orders that belong to the time until `end`, counted as [`Fault::about`] says.
    fn open(&self, end: Duration) {
        let share = end.as_millis() * u128::try_from(self.order_count).unwrap_or(u128::MAX) / self.total().as_millis();
        self.allowed.fetch_max(usize::try_from(share).unwrap_or(usize::MAX), Ordering::Relaxed);
    }

    /// A few orders before their time, for who waits for what only orders bring.
    pub(crate) fn lend(&self) {
        self.allowed.fetch_add(LENT_ORDERS, Ordering::Relaxed);
    }

    /// No more faults come: the rest may come as it can.
    fn end(&self) {
        self.allowed.store(usize::MAX, Ordering::Relaxed);
    }

    /// Lets orders in, evenly, until all are in.
    pub(crate) async fn let_in(&self, shop: &Shop) {
        const TICK: Duration = Duration::from_millis(100);
        let ticks = usize::try_from(self.total().as_millis() / TICK.as_millis()).unwrap_or(usize::MAX);
        let (mut begun, mut tick) = (0, 0);
        while begun < self.order_count {
            tick += 1;
            let allowed = self.allowed.load(Ordering::Relaxed);
            let is_over = allowed > self.order_count || tick >= ticks;
            let due = if is_over { self.order_count } else { self.order_count * tick / ticks };
            let next = due.min(allowed).max(begun);
            shop.gate.add_permits(next - begun);
            begun = next;
            tokio::time::sleep(TICK).await;
        }
    }
}

/// Does all rounds; at the end everything runs and is healthy, and no second projector is left.
pub(crate) fn run(system: &mut System, shop: &Shop, pace: &Pace, seed: u64) -> Result<FaultCounts> {
    let mut random = Random::of(seed, u64::MAX - 1);
    let mut counts: FaultCounts = ALL.iter().map(|(_, name)| ((*name).to_owned(), 0)).collect();
    let (mut step, mut end) = (0, Duration::ZERO);
    for _ in 0..pace.rounds {
        let mut order = ALL;
        random.shuffle(&mut order);
        for (fault, name) in order {
            step += 1;
            end += fault.about();
            pace.open(end);
            system.pass(CALM)?;
            let begin = Instant::now();
            let times = inject(system, shop, pace, fault, &mut random, &mut counts)
                .and_then(|times| system.wait_healthy().map(|()| times))
                .with_context(|| name.to_owned())?;
            *counts.entry(name.to_owned()).or_default() += times;
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
        Fault::Freeze => freeze(system, random)?,
        Fault::TwoProjectors => {
            for cleanly in [true, random.percent(50)] {
                system.start_second()?;
                system.pass(Duration::from_secs(1))?;
                system.stop_second(cleanly)?;
            }
            return Ok(2);
        }
        Fault::CutCommit(cut) => return cut_connections(system, Target::WritersCommit, &[cut; CUTS]),
        Fault::CutRelay => {
            let mut cuts = [Cut::BeforeTheServer, Cut::WhileTheServerWorks, Cut::AfterTheReply];
            random.shuffle(&mut cuts);
            return cut_connections(system, Target::RelaysStatement, &cuts);
        }
        Fault::Deaths => return deaths::of_the_projector(system, pace, random, counts),
        Fault::Redrives => return commands::redrives(system, shop, pace, random, counts),
        Fault::Import => return commands::import(system, shop, random, counts),
        Fault::Rebuilds => return rebuilds::run(system, shop, random, counts),
    }
    Ok(1)
}

/// The first projector stands still until the second has its partitions, and wakes as a zombie.
fn freeze(system: &mut System, random: &mut Random) -> Result<()> {
    system.start_second()?;
    system.ledger.projector.process.pause()?;
    let before = system.folded_by_second()?;
    system.pass(FREEZE)?;
    let taken_over = system.wait_until("the second projector folds on", Duration::from_secs(30), |system| {
        system.folded_by_second().is_ok_and(|now| now > before)
    });
    system.ledger.projector.process.resume()?;
    taken_over?;
    system.pass(Duration::from_secs(1))?;
    system.stop_second(random.percent(50))
}

fn cut_connections(system: &mut System, target: Target, cuts: &[Cut]) -> Result<u64> {
    let mut times = 0;
    for cut in cuts {
        let before = system.scissors.cut_count();
        system.scissors.arm(target, *cut);
        let done = system.wait_until("a connection to cut", CUT_LIMIT, |system| system.scissors.cut_count() > before);
        system.scissors.disarm();
        done?;
        times += 1;
    }
    Ok(times)
}
