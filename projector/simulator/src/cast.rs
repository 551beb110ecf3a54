//! Who takes part in a schedule, and what happens to them from outside: projectors start, are killed, and get shares; commands
//! begin; stock is changed by hand; the database is lost. It must never decide when: that is `schedule.rs`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::database::Database;
use crate::give_way::give_way;
use crate::operator::Operator;
use crate::process::Projector;
use crate::scheduler::{ProcessId, Tasks};
use crate::settings::Mutant;
use crate::world::{World, lock};

/// How long an operator's statement waits for others at a time.
const LOCK_WAIT: Duration = Duration::from_secs(10);
/// The servers, the clients, the reader and the judge.
pub(crate) const OUTSIDE: ProcessId = 0;

/// Who takes part.
pub(crate) struct Cast {
    pub(crate) world: Arc<World>,
    pub(crate) tasks: Tasks,
    pub(crate) projectors: RefCell<Vec<Projector>>,
    next_process: Cell<ProcessId>,
    /// The newest command, and how many run.
    pub(crate) operator: Cell<Option<ProcessId>>,
    pub(crate) commands: Rc<Cell<u32>>,
    pub(crate) appended: Cell<bool>,
    pub(crate) disturbed: Cell<bool>,
    pub(crate) over: Cell<bool>,
}

impl Cast {
    pub(crate) fn new(world: &Arc<World>, tasks: &Tasks) -> Self {
        Self {
            world: Arc::clone(world),
            tasks: tasks.clone(),
            projectors: RefCell::default(),
            next_process: Cell::new(OUTSIDE + 1),
            operator: Cell::new(None),
            commands: Rc::default(),
            appended: Cell::new(false),
            disturbed: Cell::new(false),
            over: Cell::new(false),
        }
    }

    fn process(&self) -> ProcessId {
        self.next_process.replace(self.next_process.get() + 1)
    }

    pub(crate) fn start(&self, number: u32) {
        let name = char::from_u32(u32::from('A') + number).unwrap_or('Z').to_string();
        let started = Projector::start(&self.world, &self.tasks, self.process(), &name);
        self.projectors.borrow_mut().push(started);
    }

    /// The group deals its partitions out anew.
    pub(crate) fn rebalance(&self, patient: bool) {
        let partitions = self.world.shape.partitions;
        lock(&self.world.coordinator).rebalance(partitions, patient, |partition, members| {
            let first = usize::try_from(partition).unwrap_or(0) + self.world.below(members.len());
            members.get(first % members.len()).copied().unwrap_or_default()
        });
        self.world.note(|| format!("the group rebalances: {:?}", lock(&self.world.coordinator).owned));
        self.world.has_changed();
    }

    /// Kills a projector, starts it anew, and has the group notice both.
    pub(crate) async fn kill(&self) {
        let at = self.world.below(self.projectors.borrow().len());
        let killed = self.projectors.borrow_mut().remove(at);
        self.world.note(|| format!("{} is killed", killed.name));
        self.tasks.kill(killed.process);
        if self.world.happens(300) {
            wait(&self.world).await;
        }
        lock(&self.world.coordinator).leave(killed.member);
        if self.world.happens(500) {
            self.rebalance(true);
            wait(&self.world).await;
        }
        let started = Projector::start(&self.world, &self.tasks, self.process(), &killed.name);
        self.projectors.borrow_mut().insert(at, started);
        self.rebalance(true);
    }

    /// Stops a projector as an operator does, and starts it again.
    pub(crate) async fn restart(&self) {
        let at = self.world.below(self.projectors.borrow().len());
        let mut stopped = self.projectors.borrow_mut().remove(at);
        self.world.note(|| format!("{} is stopped", stopped.name));
        stopped.stop().await;
        self.tasks.kill(stopped.process);
        lock(&self.world.coordinator).leave(stopped.member);
        let started = Projector::start(&self.world, &self.tasks, self.process(), &stopped.name);
        self.projectors.borrow_mut().insert(at, started);
        self.rebalance(true);
    }

    pub(crate) fn command(&self, rebuild: bool) {
        let process = self.process();
        let losses = lock(&self.world.database).losses;
        let operator = Operator { world: Arc::clone(&self.world), tasks: self.tasks.clone(), process, losses };
        let running = Running(Rc::clone(&self.commands));
        self.commands.set(self.commands.get() + 1);
        self.operator.set(Some(process));
        let world = Arc::clone(&self.world);
        world.note(|| format!("operator-{process}: {}", if rebuild { "rebuild" } else { "rollback" }));
        self.tasks.spawn(process, "operator", async move {
            let ended = if rebuild { operator.rebuild().await } else { operator.roll_back().await };
            world.note(|| format!("operator-{process}: {ended:?}"));
            drop(running);
        });
    }

    /// `ledger pause`, a while, `ledger resume`; with a command that swaps tables meanwhile, begun before or after.
    pub(crate) async fn pause_for_a_while(&self, swaps: bool) {
        let world = &self.world;
        let partition = i32::try_from(world.below(usize::try_from(world.shape.partitions).unwrap_or(1))).unwrap_or(0);
        if swaps {
            self.command(world.happens(700));
            wait(world).await;
        }
        self.pause(partition).await;
        wait(world).await;
        if swaps && world.happens(300) {
            self.command(world.happens(500));
        }
        wait(world).await;
        let mut database = lock(&world.database);
        database.promised.remove(&partition);
        database.paused.remove(&partition);
        drop(database);
        world.note(|| format!("partition {partition} is resumed"));
        world.has_changed();
    }

    /// First the pause, under the row's lock, then a look for a swap that may not have seen it: after both, the position stays.
    async fn pause(&self, partition: i32) {
        let world = &self.world;
        let losses = lock(&world.database).losses;
        while world.until(LOCK_WAIT, |database| database.pause(partition).then_some(())).await.is_none() {}
        world.note(|| format!("partition {partition} is paused"));
        world.has_changed();
        if !world.has(Mutant::PauseWaitsForNoSwap) {
            let over = |database: &mut Database| (database.guard.is_none() || !database.swapping).then_some(());
            while world.until(LOCK_WAIT, over).await.is_none() {}
        }
        let mut database = lock(&world.database);
        if database.losses != losses {
            return;
        }
        let stands = database.live_set().and_then(|set| set.of(partition)).map(|tables| tables.position);
        if let Some(position) = stands {
            database.promised.insert(partition, position);
            drop(database);
            world.note(|| format!("partition {partition} stays at {position}"));
        }
    }

    pub(crate) fn lose_database(&self) {
        lock(&self.world.database).lose_everything(self.world.shape.partitions);
        self.world.note(|| "the database is lost, and empty tables are created".to_owned());
        self.world.has_changed();
    }

    /// Somebody changes stock by hand. What is in memory is right still: only who loads the tables anew decides by it. And what
    /// is decided while no relay publishes is in the outbox when the tables are mended.
    pub(crate) fn tamper(&self) {
        if self.world.happens(400) {
            self.world.begin_stall(Duration::from_secs(if self.world.happens(500) { 8 } else { 1 }));
        }
        self.change_stock();
        if self.world.happens(800) {
            self.rebalance(true);
        }
    }

    fn change_stock(&self) {
        let partition = self.world.below(usize::try_from(self.world.shape.partitions).unwrap_or(1));
        let delta = if self.world.happens(500) { -1 } else { 2 };
        let mut database = lock(&self.world.database);
        let live = database.live;
        let Some(set) = database.sets.get_mut(&live) else { return };
        if set.partitions.get_mut(partition).is_some_and(|tables| tables.tamper(delta)) {
            set.tampered = true;
            database.was_tampered = true;
            drop(database);
            self.world.note(|| format!("the stock of partition {partition} is changed by hand ({delta})"));
        }
    }
}

/// Counts a command for as long as it runs, also when it is killed.
struct Running(Rc<Cell<u32>>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A while: some steps of the others, or some time.
pub(crate) async fn wait(world: &World) {
    if world.happens(500) {
        let millis = [1, 60, 400, 1_500, 4_000].get(world.below(5)).copied().unwrap_or(1);
        tokio::time::sleep(Duration::from_millis(millis)).await;
    } else {
        for _ in 0..world.below(60) {
            give_way().await;
        }
    }
}
