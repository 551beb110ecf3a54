//! The faults and their schedule: in each round every kind once, in an order that the seed decides, each while orders come
//! in. It must never look at what the clients are answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use xtask::servers::Server;

use crate::progress;
use crate::proxy::Cut;
use crate::random::Random;
use crate::shop::Shop;
use crate::system::{PartName, System};

/// Above the consumer group's session timeout (6 s): the others take the partitions over.
const FREEZE: Duration = Duration::from_secs(9);
const CUTS: usize = 4;
const CUT_LIMIT: Duration = Duration::from_secs(30);
/// How long a fault takes on the average, with recovery; the load is spread over that.
const STEP: Duration = Duration::from_secs(9);
/// How long orders come in before the next fault.
const CALM: Duration = Duration::from_millis(1_500);
/// One more round for each so many orders.
const ORDERS_A_ROUND: usize = 35_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Kill(PartName),
    Crash(Server),
    /// A server and who writes to it, at once.
    Both(Server, PartName),
    Freeze,
    TwoProjectors,
    CutCommit(Cut),
}

const ALL: [(Fault, &str); 13] = [
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
];

/// How often each kind was done.
pub(crate) type FaultCounts = BTreeMap<&'static str, u64>;

/// How many orders may have begun, and how fast they may come.
pub(crate) struct Pace {
    allowed: AtomicUsize,
    order_count: usize,
    step_count: usize,
}

impl Pace {
    pub(crate) fn of(order_count: usize) -> Self {
        let rounds = 1 + order_count / ORDERS_A_ROUND;
        Self { allowed: AtomicUsize::new(0), order_count, step_count: rounds * ALL.len() }
    }

    fn rounds(&self) -> usize {
        self.step_count / ALL.len()
    }

    /// The orders up to the end of this step.
    fn open(&self, step: usize) {
        self.allowed.store(self.order_count * (step + 1) / self.step_count, Ordering::Relaxed);
    }

    /// No more faults come: the rest may come as it can.
    fn end(&self) {
        self.allowed.store(usize::MAX, Ordering::Relaxed);
    }

    /// Lets orders in, evenly, until all are in.
    pub(crate) async fn let_in(&self, shop: &Shop) {
        const TICK: Duration = Duration::from_millis(100);
        let steps = u32::try_from(self.step_count).unwrap_or(u32::MAX);
        let ticks = usize::try_from((STEP * steps).as_millis() / TICK.as_millis()).unwrap_or(usize::MAX);
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
pub(crate) fn run(system: &mut System, pace: &Arc<Pace>, seed: u64) -> Result<FaultCounts> {
    let mut random = Random::of(seed, u64::MAX - 1);
    let mut counts: FaultCounts = ALL.iter().map(|(_, name)| (*name, 0)).collect();
    let mut step = 0;
    for _ in 0..pace.rounds() {
        let mut order = ALL;
        random.shuffle(&mut order);
        for (fault, name) in order {
            pace.open(step);
            step += 1;
            system.pass(CALM)?;
            let begin = Instant::now();
            let times = inject(system, fault, &mut random)
                .and_then(|times| system.wait_healthy().map(|()| times))
                .with_context(|| name.to_owned())?;
            *counts.entry(name).or_default() += times;
            progress(&format!("{step:>3}. {name} ({:.1} s)", begin.elapsed().as_secs_f64()));
        }
    }
    pace.end();
    Ok(counts)
}

/// Answers how often it was done.
fn inject(system: &mut System, fault: Fault, random: &mut Random) -> Result<u64> {
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
        Fault::CutCommit(cut) => return cut_commits(system, cut),
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

fn cut_commits(system: &mut System, cut: Cut) -> Result<u64> {
    let mut times = 0;
    for _ in 0..CUTS {
        let before = system.scissors.cut_count();
        system.scissors.arm(cut);
        let done = system.wait_until("a COMMIT to cut", CUT_LIMIT, |system| system.scissors.cut_count() > before);
        system.scissors.disarm();
        done?;
        times += 1;
    }
    Ok(times)
}
