//! What all parts of a schedule share: its choices, what was observed, the servers, and the first thing that was found wrong.
//! It must never hold a lock over an await.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::broker::Broker;
use crate::choice::Choices;
use crate::coordinator::Coordinator;
use crate::database::Database;
use crate::give_way::give_way;
use crate::log::Log;
use crate::settings::{Mutant, Shape};

/// What may go wrong at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost;

/// What happens to a request whose answer is awaited: COMMIT, RENAME, the commit of a Kafka transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    Answered,
    /// The server never gets it.
    Dropped,
    /// The server carries it out, and the answer is lost.
    Unanswered,
    /// The answer is lost, and the server carries it out later, if nothing prevents it by then.
    Late,
}

/// One schedule's world.
pub struct World {
    pub shape: Shape,
    pub mutants: Vec<Mutant>,
    choices: Mutex<Choices>,
    faults: Mutex<Faults>,
    pub log: Mutex<Log>,
    pub database: Mutex<Database>,
    pub broker: Mutex<Broker>,
    pub coordinator: Mutex<Coordinator>,
    /// Something in the servers changed: whoever waits for a lock, a record or a transaction looks again.
    changed: watch::Sender<u64>,
    trace: Mutex<Option<Vec<String>>>,
    violation: Mutex<Option<String>>,
    begun: Instant,
}

struct Faults {
    /// How many may still happen.
    left: usize,
    /// Until then no statement reaches the database.
    outage_until: Option<Instant>,
    /// Until then no relay looks at its outbox.
    stall_until: Option<Instant>,
    /// Whether they stand still with what they have loaded in their hands, or before they load.
    stalls_loaded: bool,
    steps: u64,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub fn new(mut choices: Choices, mutants: Vec<Mutant>, traced: bool, profile: crate::settings::Profile) -> Self {
        let shape = Shape::choose(&mut choices, profile);
        let log = Log::choose(&mut choices, &shape);
        let left = shape.faults;
        Self {
            database: Mutex::new(Database::new(shape.partitions, &mutants)),
            broker: Mutex::new(Broker::new(shape.partitions)),
            coordinator: Mutex::default(),
            log: Mutex::new(log),
            shape,
            mutants,
            choices: Mutex::new(choices),
            faults: Mutex::new(Faults { left, outage_until: None, stall_until: None, stalls_loaded: false, steps: 0 }),
            changed: watch::Sender::new(0),
            trace: Mutex::new(traced.then(Vec::new)),
            violation: Mutex::default(),
            begun: Instant::now(),
        }
    }

    pub fn has(&self, mutant: Mutant) -> bool {
        self.mutants.contains(&mutant)
    }

    pub fn below(&self, count: usize) -> usize {
        lock(&self.choices).below(count)
    }

    pub fn happens(&self, per_mille: u64) -> bool {
        lock(&self.choices).happens(per_mille)
    }

    /// Which of so many woken tasks is polled next.
    pub(crate) fn pick_task(&self, woken: usize) -> usize {
        if woken > 1 && self.happens(self.shape.disorder) { self.below(woken) } else { 0 }
    }

    pub(crate) fn polled(&self, _name: impl FnOnce() -> String) {
        lock(&self.faults).steps += 1;
    }

    pub fn steps(&self) -> u64 {
        lock(&self.faults).steps
    }

    /// A step that leaves the process: others may run before it, it may take long, and it may fail.
    ///
    /// # Errors
    /// [`Lost`], when it did not get through.
    pub async fn step(&self, who: &str, what: &'static str) -> Result<(), Lost> {
        give_way().await;
        if self.happens(self.shape.latency) {
            let wait = [1, 9, 60].get(self.below(3)).copied().unwrap_or(1);
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
        if self.shape.slow.is_some_and(|slow| who.contains(slow)) && self.happens(400) {
            let wait = [5, 50, 400, 1_500].get(self.below(4)).copied().unwrap_or(5);
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
        if self.spend(4) {
            let wait = [20, 300, 2_000, 12_000].get(self.below(4)).copied().unwrap_or(20);
            self.note(|| format!("{who}: {what} takes {wait} ms"));
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
        if self.spend(6) {
            self.note(|| format!("{who}: {what} fails"));
            return Err(Lost);
        }
        Ok(())
    }

    /// A step into the database.
    ///
    /// # Errors
    /// [`Lost`], when the connection is.
    pub async fn statement(&self, who: &str, what: &'static str) -> Result<(), Lost> {
        self.step(who, what).await?;
        let away = lock(&self.faults).outage_until.is_some_and(|until| Instant::now() < until);
        if away { Err(Lost) } else { Ok(()) }
    }

    /// What becomes of a request.
    pub async fn request(&self, who: &str, what: &'static str) -> Request {
        give_way().await;
        let request = if self.spend(15) {
            [Request::Dropped, Request::Unanswered, Request::Late].get(self.below(3)).copied().unwrap_or(Request::Late)
        } else {
            Request::Answered
        };
        if request != Request::Answered {
            self.note(|| format!("{who}: {what} gets no answer ({request:?})"));
        }
        request
    }

    /// The database is away for so long.
    pub fn begin_outage(&self, length: Duration) {
        lock(&self.faults).outage_until = Some(Instant::now() + length);
        self.note(|| format!("the database is away for {} ms", length.as_millis()));
    }

    /// The relays stand still for so long, so that their backlogs grow.
    pub fn begin_stall(&self, length: Duration) {
        let loaded = self.happens(500);
        {
            let mut faults = lock(&self.faults);
            (faults.stall_until, faults.stalls_loaded) = (Some(Instant::now() + length), loaded);
        }
        self.note(|| format!("the relays stand still for {} ms", length.as_millis()));
    }

    /// What a relay that stands still waits for: `loaded`, with rows in its hands, or without.
    pub async fn stall(&self, loaded: bool) {
        let until = {
            let faults = lock(&self.faults);
            faults.stall_until.filter(|_| faults.stalls_loaded == loaded)
        };
        if let Some(until) = until.filter(|until| Instant::now() < *until) {
            tokio::time::sleep_until(until).await;
        }
    }

    /// Nothing goes wrong from here on.
    pub fn be_kind(&self) {
        let mut faults = lock(&self.faults);
        faults.left = 0;
        (faults.outage_until, faults.stall_until) = (None, None);
    }

    /// Whether a fault happens here: a choice, as long as any is left.
    pub fn spend(&self, per_mille: u64) -> bool {
        if lock(&self.faults).left == 0 || !self.happens(per_mille * self.shape.harshness) {
            return false;
        }
        lock(&self.faults).left -= 1;
        true
    }

    /// Wakes with every change in the servers after this call.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub fn has_changed(&self) {
        self.changed.send_modify(|changes| *changes += 1);
    }

    /// Asks the database until it answers, at most so long.
    pub async fn until<T>(&self, limit: Duration, mut ask: impl FnMut(&mut Database) -> Option<T>) -> Option<T> {
        let mut changes = self.changes();
        let deadline = Instant::now() + limit;
        loop {
            if let Some(answer) = ask(&mut lock(&self.database)) {
                return Some(answer);
            }
            // The sender is ours, so it cannot be gone.
            tokio::time::timeout_at(deadline, changes.changed()).await.ok()?.ok()?;
        }
    }

    /// Writes down what happened, where somebody will read it.
    pub fn note(&self, text: impl FnOnce() -> String) {
        if let Some(lines) = lock(&self.trace).as_mut() {
            lines.push(format!("{:>9.3} s  {}", self.begun.elapsed().as_secs_f64(), text()));
        }
    }

    /// Something is wrong. The first that is found counts.
    pub fn violated(&self, what: impl FnOnce() -> String) {
        let mut violation = lock(&self.violation);
        if violation.is_none() {
            let what = what();
            self.note(|| format!("WRONG: {what}"));
            *violation = Some(what);
        }
    }

    pub fn violation(&self) -> Option<String> {
        lock(&self.violation).clone()
    }

    /// The choices that were taken, and what was noted.
    pub fn into_record(self) -> (Vec<u16>, Vec<String>) {
        let choices = self.choices.into_inner().unwrap_or_else(PoisonError::into_inner);
        let trace = self.trace.into_inner().unwrap_or_else(PoisonError::into_inner);
        (choices.taken(), trace.unwrap_or_default())
    }
}
