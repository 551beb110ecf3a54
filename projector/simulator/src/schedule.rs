//! One schedule from its first choice to its end: the processes, what disturbs them, and what must be true when nothing disturbs
//! them any more. It must never judge by anything but the servers and the projectors' own readiness.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::choice::Choices;
use crate::database;
use crate::operator::{Operator, rename_now};
use crate::oracle::Naive;
use crate::process::Projector;
use crate::scheduler::{ProcessId, Tasks};
use crate::settings::{Disturbance, Mutant, Profile};
use crate::world::{World, lock};
use crate::{broker, reader, store};

/// Polls after which a schedule is given up: it goes in a circle.
const MOST_STEPS: u64 = 60_000;
/// How long the system may take to come to rest once nothing disturbs it.
const REST_LIMIT: Duration = Duration::from_secs(150);
/// The server, the client and the judge.
const OUTSIDE: ProcessId = 0;

/// What came of one schedule.
#[derive(Debug)]
pub struct Played {
    pub choices: Vec<u16>,
    pub trace: Vec<String>,
    pub violation: Option<String>,
    pub steps: u64,
}

/// What a schedule is played with.
#[derive(Debug, Clone, Default)]
pub struct Setting {
    pub mutants: Vec<Mutant>,
    pub profile: Profile,
}

/// Plays one schedule.
///
/// # Panics
/// When the runtime cannot be made.
pub fn play(choices: Choices, setting: &Setting, traced: bool) -> Played {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without IO needs nothing that could be missing");
    let world = runtime.block_on(tokio::task::unconstrained(async {
        let world = Arc::new(World::new(choices, setting.mutants.clone(), traced, setting.profile));
        Box::pin(run(&world)).await;
        world
    }));
    drop(runtime);
    let (violation, steps) = (world.violation(), world.steps());
    let world = Arc::into_inner(world).expect("every task was dropped, and with it its hold on the world");
    let (choices, trace) = world.into_record();
    Played { choices, trace, violation, steps }
}

async fn run(world: &Arc<World>) {
    world.note(|| format!("{:?}", world.shape));
    let tasks = Tasks::default();
    let cast = Rc::new(Cast { world: Arc::clone(world), tasks: tasks.clone(), ..Cast::new(world, &tasks) });
    for number in 0..world.shape.projectors {
        cast.start(number);
    }
    cast.rebalance(true);
    tasks.spawn(OUTSIDE, "server", serve_late(Arc::clone(world)));
    tasks.spawn(OUTSIDE, "client", append(Rc::clone(&cast)));
    tasks.spawn(OUTSIDE, "disturber", disturb(Rc::clone(&cast)));
    tasks.spawn(OUTSIDE, "judge", judge(Rc::clone(&cast)));
    tasks.spawn(OUTSIDE, "reader", reader::read(Arc::clone(world)));
    tasks
        .run(world, || {
            if world.steps() > MOST_STEPS {
                world.violated(|| format!("it is not at rest after {MOST_STEPS} steps"));
            }
            cast.over.get() || world.violation().is_some()
        })
        .await;
}

/// Who takes part.
struct Cast {
    world: Arc<World>,
    tasks: Tasks,
    projectors: RefCell<Vec<Projector>>,
    next_process: Cell<ProcessId>,
    /// The newest command, and how many run.
    operator: Cell<Option<ProcessId>>,
    commands: Rc<Cell<u32>>,
    appended: Cell<bool>,
    disturbed: Cell<bool>,
    over: Cell<bool>,
}

impl Cast {
    fn new(world: &Arc<World>, tasks: &Tasks) -> Self {
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

    fn start(&self, number: u32) {
        let name = char::from_u32(u32::from('A') + number).unwrap_or('Z').to_string();
        let started = Projector::start(&self.world, &self.tasks, self.process(), &name);
        self.projectors.borrow_mut().push(started);
    }

    /// The group deals its partitions out anew.
    fn rebalance(&self, patient: bool) {
        let partitions = self.world.shape.partitions;
        lock(&self.world.coordinator).rebalance(partitions, patient, |partition, members| {
            let first = usize::try_from(partition).unwrap_or(0) + self.world.below(members.len());
            members.get(first % members.len()).copied().unwrap_or_default()
        });
        self.world.note(|| format!("the group rebalances: {:?}", lock(&self.world.coordinator).owned));
        self.world.has_changed();
    }

    /// Kills a projector, starts it anew, and has the group notice both.
    async fn kill(&self) {
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

    fn command(&self, rebuild: bool) {
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

    fn lose_database(&self) {
        lock(&self.world.database).lose_everything(self.world.shape.partitions);
        self.world.note(|| "the database is lost, and empty tables are created".to_owned());
        self.world.has_changed();
    }

    /// Somebody changes stock by hand. What is in memory is right still: only who loads the tables anew decides by it. And what
    /// is decided while no relay publishes is in the outbox when the tables are mended.
    fn tamper(&self) {
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
async fn wait(world: &World) {
    if world.happens(500) {
        let millis = [1, 60, 400, 1_500, 4_000].get(world.below(5)).copied().unwrap_or(1);
        tokio::time::sleep(Duration::from_millis(millis)).await;
    } else {
        for _ in 0..world.below(60) {
            crate::scheduler::give_way().await;
        }
    }
}

/// Requests that the servers carry out though nobody waits for their answers.
async fn serve_late(world: Arc<World>) {
    loop {
        let mut changes = world.changes();
        let commit = lock(&world.database).late.first().copied();
        let kafka = lock(&world.broker).late.pop();
        let rename = lock(&world.database).late_rename;
        if commit.is_none() && kafka.is_none() && rename.is_none() {
            // The sender lives as long as the world.
            let _ = changes.changed().await;
            continue;
        }
        wait(&world).await;
        if let Some(id) = commit {
            lock(&world.database).late.retain(|late| *late != id);
            store::commit_now(&world, id, "a COMMIT of before");
        }
        if let Some((partition, epoch)) = kafka {
            broker::commit_now(&world, partition, epoch);
        }
        // A server that lost everything meanwhile has nothing to rename.
        if let Some(target) = rename.filter(|_| lock(&world.database).late_rename.is_some()) {
            let free = world.until(Duration::from_secs(1), |database| {
                let live = database.live;
                (!database.in_use(live) && !database.in_use(target)).then_some(())
            });
            if free.await.is_some() && lock(&world.database).late_rename.is_some() {
                rename_now(&world, target, false);
            }
            let mut database = lock(&world.database);
            (database.renaming, database.late_rename) = (false, None);
            (database.guard, database.swapping) = (None, false);
            drop(database);
            world.has_changed();
        }
    }
}

async fn append(cast: Rc<Cast>) {
    loop {
        if cast.world.shape.slow_clients {
            let millis = [5, 40, 300, 1_100].get(cast.world.below(4)).copied().unwrap_or(5);
            tokio::time::sleep(Duration::from_millis(millis)).await;
        } else {
            wait(&cast.world).await;
        }
        if !lock(&cast.world.log).append() {
            break;
        }
        cast.world.note(|| format!("appended: the log ends at {:?}", lock(&cast.world.log).ends()));
        cast.world.has_changed();
    }
    cast.appended.set(true);
}

async fn disturb(cast: Rc<Cast>) {
    let world = &cast.world;
    for disturbance in world.shape.disturbances.clone() {
        wait(world).await;
        match disturbance {
            Disturbance::Rebalance => {
                let patient = !world.happens(500);
                if !patient {
                    // Passed over because it does not poll: a zombie, whose writers and relays go on.
                    let millis = [0, 700, 6_000].get(world.below(3)).copied().unwrap_or(0);
                    lock(&world.coordinator).put_to_sleep(Duration::from_millis(millis));
                }
                cast.rebalance(patient);
            }
            Disturbance::Kill => cast.kill().await,
            Disturbance::Outage => {
                world.begin_outage(Duration::from_millis(if world.happens(500) { 3_000 } else { 400 }));
            }
            Disturbance::Rebuild => cast.command(true),
            Disturbance::Rollback => cast.command(false),
            Disturbance::KillOperator => {
                if let Some(process) = cast.operator.take() {
                    world.note(|| format!("operator-{process} is killed"));
                    cast.tasks.kill(process);
                }
            }
            Disturbance::Tamper => cast.tamper(),
            Disturbance::LoseDatabase => cast.lose_database(),
            Disturbance::WrongThenRebuilt => {
                cast.tamper();
                wait(world).await;
                cast.command(true);
            }
            Disturbance::LostThenRebuilt => {
                cast.lose_database();
                wait(world).await;
                cast.command(true);
            }
            Disturbance::RelayStalls => world.begin_stall(Duration::from_secs(if world.happens(500) { 8 } else { 1 })),
        }
    }
    cast.disturbed.set(true);
}

/// Waits until nothing disturbs any more, then for rest, then looks at everything once.
async fn judge(cast: Rc<Cast>) {
    let world = &cast.world;
    while !(cast.appended.get() && cast.disturbed.get()) {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    world.be_kind();
    world.note(|| "nothing goes wrong from here on".to_owned());
    let deadline = Instant::now() + REST_LIMIT;
    // Twice: what has just settled may be about to move once more.
    let mut settled = 0;
    while settled < 2 {
        if Instant::now() > deadline {
            let missing = cast.missing();
            world.violated(|| format!("it does not come to rest: {missing:?}"));
            return;
        }
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        settled = if cast.missing().is_none() { settled + 1 } else { 0 };
    }
    cast.check_tables();
    cast.over.set(true);
}

impl Cast {
    /// What is still to come.
    fn missing(&self) -> Option<String> {
        if self.commands.get() > 0 {
            return Some("a command still runs".to_owned());
        }
        let ends = lock(&self.world.log).ends();
        for (partition, end) in ends {
            let position =
                lock(&self.world.database).live_set().and_then(|set| set.of(partition)).map(|one| one.position);
            if position != Some(end) {
                return Some(format!("partition {partition} stands at {position:?}, and its log ends at {end}"));
            }
            let log = lock(&self.world.log).between(partition, 0, end);
            let last = Naive::of(&log).said.keys().next_back().copied();
            let published =
                lock(&self.world.broker).of(partition).and_then(|topic| topic.published.last().map(|one| one.0));
            if published != last {
                return Some(format!("of partition {partition} {last:?} is to be published, and {published:?} is"));
            }
        }
        for projector in self.projectors.borrow().iter() {
            let readiness = projector.shared.readiness();
            if !readiness.ready {
                return Some(format!("{} is not ready: {:?}", projector.name, readiness.reasons));
            }
        }
        None
    }

    fn check_tables(&self) {
        let database = lock(&self.world.database);
        let log = lock(&self.world.log);
        for (number, set) in database.sets.iter().filter(|(_, set)| !set.tampered) {
            for (partition, tables) in (0..).zip(&set.partitions) {
                if let Err(wrong) = database::check(tables, partition, &log, &format!("generation {number}'s")) {
                    self.world.violated(|| wrong);
                }
            }
        }
    }
}
