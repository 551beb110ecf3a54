//! One schedule from its first choice to its end: the processes, what disturbs them, and what must be true when nothing disturbs
//! them any more. It must never judge by anything but the servers and the projectors' own readiness.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::cast::{Cast, OUTSIDE, wait};
use crate::choice::Choices;
use crate::judge::judge;
use crate::scheduler::Tasks;
use crate::settings::{Disturbance, Mutant, Profile};
use crate::swap::rename_now;
use crate::world::{World, lock};
use crate::{publishing, reader, store, telling};

/// Polls after which a schedule is given up: it goes in a circle.
const MOST_STEPS: u64 = 60_000;

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

/// Plays one schedule. What stops the code that runs (an impossible state, by its name) is a violation like any other.
///
/// # Panics
/// When the runtime cannot be made.
pub fn play(choices: Choices, setting: &Setting, traced: bool) -> Played {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without IO needs nothing that could be missing");
    // Within the runtime: its clock stands still.
    let made = async { Arc::new(World::new(choices, setting.mutants.clone(), traced, setting.profile)) };
    let world = runtime.block_on(made);
    let played = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(tokio::task::unconstrained(Box::pin(run(&world))));
    }));
    if let Err(stopped) = played {
        let words = stopped.downcast_ref::<String>().map(String::as_str);
        let words = words.or(stopped.downcast_ref::<&str>().copied()).unwrap_or("without a word");
        world.violated(|| format!("the program stops: {words}"));
    }
    drop(runtime);
    let (violation, steps) = (world.violation(), world.steps());
    let world = Arc::into_inner(world).expect("every task was dropped, and with it its hold on the world");
    let (choices, trace) = world.into_record();
    Played { choices, trace, violation, steps }
}

async fn run(world: &Arc<World>) {
    world.note(|| format!("{:?}", world.shape));
    let tasks = Tasks::default();
    let cast = Rc::new(Cast::new(world, &tasks));
    for number in 0..world.shape.projectors {
        cast.start(number);
    }
    cast.rebalance(true);
    tasks.spawn(OUTSIDE, "server", serve_late(Arc::clone(world)));
    tasks.spawn(OUTSIDE, "client", append(Rc::clone(&cast)));
    tasks.spawn(OUTSIDE, "disturber", disturb(Rc::clone(&cast)));
    tasks.spawn(OUTSIDE, "judge", judge(Rc::clone(&cast)));
    tasks.spawn(OUTSIDE, "reader", reader::read(Arc::clone(world)));
    tasks.spawn(OUTSIDE, "owners", telling::own(Arc::clone(world)));
    tasks
        .run(world, || {
            if world.steps() > MOST_STEPS {
                world.violated(|| format!("it is not at rest after {MOST_STEPS} steps"));
            }
            cast.over.get() || world.violation().is_some()
        })
        .await;
}

/// Requests that the servers carry out though nobody waits for their answers.
async fn serve_late(world: Arc<World>) {
    loop {
        let mut changes = world.changes();
        let commit = lock(&world.database).late.first().copied();
        let kafka = lock(&world.broker).late.pop();
        let told = lock(&world.broker).late_told.pop();
        let rename = lock(&world.database).late_rename;
        if commit.is_none() && kafka.is_none() && told.is_none() && rename.is_none() {
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
            publishing::commit_now(&world, partition, epoch);
        }
        if let Some(value) = told {
            telling::append(&world, &value);
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
            Disturbance::Restart => cast.restart().await,
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
            Disturbance::Pause => cast.pause_for_a_while(false).await,
            Disturbance::PausedThenSwapped => cast.pause_for_a_while(true).await,
            Disturbance::RelayStalls => world.begin_stall(Duration::from_secs(if world.happens(500) { 8 } else { 1 })),
        }
    }
    cast.disturbed.set(true);
}
