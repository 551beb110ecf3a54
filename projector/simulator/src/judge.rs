//! The judge: waits until nothing disturbs the system any more, then for rest, and says what is missing or wrong. It must never
//! excuse a projector that calls itself not ready.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use crate::cast::Cast;
use crate::oracle::Naive;
use crate::tables;
use crate::world::lock;

/// How long the system may take to come to rest once nothing disturbs it.
const REST_LIMIT: Duration = Duration::from_secs(150);

/// Waits until nothing disturbs any more, then for rest, then looks at everything once.
pub(crate) async fn judge(cast: Rc<Cast>) {
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
            let index = usize::try_from(partition).unwrap_or(usize::MAX);
            let furthest = lock(&self.world.database).furthest.get(index).copied().unwrap_or(0);
            if furthest > end {
                return Some(format!(
                    "readers of partition {partition} wait for {furthest}, and its log ends at {end}"
                ));
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
                if let Err(wrong) = tables::check(tables, partition, &log, &format!("generation {number}'s")) {
                    self.world.violated(|| wrong);
                }
            }
        }
    }
}
