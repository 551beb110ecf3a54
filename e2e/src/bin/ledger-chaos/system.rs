//! The system under test: its parts and servers, how each is crashed, frozen and brought back, and how it is waited
//! for. All of it blocks; it runs on a thread of its own.
//!
//! A part that ends by itself is started again, as the supervisor of `up` does, and counted.
//!
//! It must never decide when a fault comes. Read `faults` for that.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use e2e::ledger::{Ledger, Part};
use xtask::http::HttpClient;
use xtask::interrupt::Interrupt;
use xtask::probe::Probe;
use xtask::server::Server;
use xtask::servers::Servers;
use xtask::wrong_clock::WrongClock;

use crate::kinds::Who;
use crate::last_lines::last_lines;
use crate::progress::progress;
use crate::proxy::Scissors;

/// Kafka and MariaDB recover, the group rebalances: all within this, or something hangs.
pub(crate) const HEALTHY_LIMIT: Duration = Duration::from_secs(90);
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(100);
/// Lines of the log of a part that ended by itself.
const LAST_WORDS: usize = 12;
const SHORT_POLL: Duration = Duration::from_millis(20);

/// A part of ours; the second projector is there only at times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartName {
    Gateway,
    ServiceA,
    ServiceB,
    Projector,
}

/// Faults run on a thread of their own, where blocking is allowed.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Handle::current().block_on(future)
}

pub(crate) struct System {
    pub(crate) ledger: Ledger,
    pub(crate) second: Option<Part>,
    pub(crate) scissors: Arc<Scissors>,
    /// What makes a clock wrong, where there is something.
    pub(crate) clock: Option<WrongClock>,
    pub(crate) interrupt: Interrupt,
    servers: Servers,
    /// Launched servers, to be reaped.
    children: Vec<Child>,
    /// Parts that ended though nobody killed them.
    pub(crate) ended_by_themselves: BTreeMap<String, u64>,
    seconds_started: u32,
}

impl System {
    pub(crate) fn new(
        ledger: Ledger,
        servers: Servers,
        scissors: Arc<Scissors>,
        clock: Option<WrongClock>,
        interrupt: Interrupt,
    ) -> Self {
        Self {
            ledger,
            second: None,
            scissors,
            clock,
            interrupt,
            servers,
            children: Vec::new(),
            ended_by_themselves: BTreeMap::new(),
            seconds_started: 0,
        }
    }

    /// Where the logs of parts and servers are.
    pub(crate) fn logs(&self) -> PathBuf {
        self.servers.state().logs()
    }

    pub(crate) fn part(&mut self, name: PartName) -> &mut Part {
        match name {
            PartName::Gateway => &mut self.ledger.gateway,
            PartName::ServiceA => &mut self.ledger.service_a,
            PartName::ServiceB => &mut self.ledger.service_b,
            PartName::Projector => &mut self.ledger.projector,
        }
    }

    /// SIGKILL, a while of absence, and again from the start.
    pub(crate) fn crash_part(&mut self, name: PartName, absence: Duration) -> Result<()> {
        self.part(name).process.kill()?;
        self.pass(absence)?;
        self.part(name).restart()
    }

    pub(crate) fn crash_server(&mut self, server: Server, absence: Duration) -> Result<()> {
        self.kill_server(server)?;
        self.pass(absence)?;
        self.revive_servers(&[server])
    }

    /// SIGSTOP: it keeps its sockets and answers nobody, until [`Self::resume`].
    pub(crate) fn pause(&mut self, who: Who) -> Result<()> {
        match who {
            Who::Part(name) => self.part(name).process.pause(),
            Who::Server(server) => self.servers.pause(server),
        }
    }

    pub(crate) fn resume(&mut self, who: Who) -> Result<()> {
        match who {
            Who::Part(name) => self.part(name).process.resume(),
            Who::Server(server) => self.servers.resume(server),
        }
    }

    pub(crate) fn kill_server(&mut self, server: Server) -> Result<()> {
        self.servers.crash(server)?;
        for child in &mut self.children {
            child.try_wait()?;
        }
        Ok(())
    }

    /// All at the same time; returns once each is ready.
    pub(crate) fn revive_servers(&mut self, dead: &[Server]) -> Result<()> {
        let (servers, interrupt) = (&self.servers, &self.interrupt);
        let revived: Vec<Result<Child>> = thread::scope(|scope| {
            let threads: Vec<_> =
                dead.iter().map(|server| scope.spawn(move || servers.revive(*server, interrupt))).collect();
            threads.into_iter().map(|thread| thread.join().expect("reviving a server does not panic")).collect()
        });
        for child in revived {
            self.children.push(child?);
        }
        Ok(())
    }

    /// What `/readyz` of each service says: nothing where it is ready.
    pub(crate) fn sick_services(&self) -> [Option<String>; 2] {
        [&self.ledger.service_a, &self.ledger.service_b].map(sickness)
    }

    /// What `/readyz` of the projector says: nothing where it is ready.
    pub(crate) fn sick_projector(&self) -> Option<String> {
        sickness(&self.ledger.projector)
    }

    /// Starts again what has ended.
    pub(crate) fn look_after(&mut self) -> Result<()> {
        self.keep_alive(None)
    }

    pub(crate) fn start_second(&mut self) -> Result<()> {
        self.seconds_started += 1;
        let name = format!("projector-second-{}", self.seconds_started);
        self.second = Some(self.ledger.start_another_projector(&name)?);
        self.wait_healthy()
    }

    /// Cleanly, or as a crash.
    pub(crate) fn stop_second(&mut self, cleanly: bool) -> Result<()> {
        let Some(second) = self.second.take() else { return Ok(()) };
        if cleanly { second.process.terminate(STOP_GRACE) } else { second.process.kill() }
    }

    /// Records that the second projector has folded since it was started.
    pub(crate) fn folded_by_second(&self) -> Result<u64> {
        let second = self.second.as_ref().context("there is no second projector")?;
        let answer = HttpClient::new(Duration::from_secs(5)).get(&format!("http://{}/metrics", second.address))?;
        let line = answer.body.lines().find_map(|line| line.strip_prefix("ledger_records_folded_total "));
        // A counter that was never raised is not listed.
        line.map_or(Ok(0), |count| count.trim().parse().with_context(|| format!("not a count: {count}")))
    }

    /// Time goes by; an interrupt ends it.
    pub(crate) fn pass(&self, time: Duration) -> Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < time {
            self.interrupt.check()?;
            thread::sleep(POLL.min(time));
        }
        Ok(())
    }

    /// Until `condition` holds; parts are kept alive meanwhile.
    pub(crate) fn wait_until(
        &mut self,
        what: &str,
        limit: Duration,
        mut condition: impl FnMut(&mut Self) -> bool,
    ) -> Result<()> {
        let begin = Instant::now();
        while !condition(self) {
            ensure!(begin.elapsed() < limit, "{what}: not within {} s", limit.as_secs());
            self.keep_alive(None)?;
            self.pass(POLL)?;
        }
        Ok(())
    }

    /// Until the projector has ended, which is not started again; `None` when it goes on for longer than `limit`.
    pub(crate) fn wait_projector_ended(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.ledger.projector.process.try_wait()? {
                return Ok(Some(status));
            }
            if begin.elapsed() >= limit {
                return Ok(None);
            }
            self.keep_alive(Some(PartName::Projector))?;
            self.pass(SHORT_POLL)?;
        }
    }

    /// Until every part says that it is ready.
    pub(crate) fn wait_healthy(&mut self) -> Result<()> {
        let begin = Instant::now();
        loop {
            self.keep_alive(None)?;
            let Some(sick) = self.first_sick() else { return Ok(()) };
            if begin.elapsed() >= HEALTHY_LIMIT {
                bail!("not healthy after {} s: {sick}", HEALTHY_LIMIT.as_secs());
            }
            self.pass(POLL)?;
        }
    }

    fn first_sick(&self) -> Option<String> {
        let ledger = &self.ledger;
        let parts = [&ledger.service_a, &ledger.service_b, &ledger.projector, &ledger.gateway];
        parts.into_iter().chain(&self.second).find_map(sickness)
    }

    /// Starts again what has ended, apart from who is to die.
    fn keep_alive(&mut self, doomed: Option<PartName>) -> Result<()> {
        let ledger = &mut self.ledger;
        let parts = [
            (Some(PartName::ServiceA), &mut ledger.service_a),
            (Some(PartName::ServiceB), &mut ledger.service_b),
            (Some(PartName::Projector), &mut ledger.projector),
            (Some(PartName::Gateway), &mut ledger.gateway),
        ];
        for (name, part) in parts.into_iter().chain(self.second.as_mut().map(|part| (None, part))) {
            let is_doomed = doomed.is_some() && name == doomed;
            if !is_doomed && !part.process.is_running() {
                let status = part.process.try_wait()?.map(|status| status.to_string()).unwrap_or_default();
                let name = format!("{} ({status})", part.process.name());
                // At the end of the run its log has gone on for long.
                progress(&format!("     {name} ended by itself; its last words:{}", last_words(part)));
                *self.ended_by_themselves.entry(name).or_default() += 1;
                part.restart()?;
            }
        }
        Ok(())
    }
}

fn last_words(part: &Part) -> String {
    let lines = part.process.log().and_then(|log| last_lines(log, LAST_WORDS).ok()).unwrap_or_default();
    lines.iter().map(|line| format!("\n       {line}")).collect()
}

/// Why it is not ready, if it is not.
fn sickness(part: &Part) -> Option<String> {
    let sickness = Probe::Http(format!("http://{}/readyz", part.address)).check().err()?;
    Some(format!("{}: {sickness:#}", part.process.name()))
}
