//! The judge: waits until nothing disturbs the system any more, then for rest, and says what is missing or wrong. It must never
//! excuse a projector that calls itself not ready.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use crate::ask::PRODUCTS;
use crate::cast::Cast;
use crate::oracle::Naive;
use crate::tables;
use crate::world::lock;

/// How long the system may take to come to rest once nothing disturbs it.
const REST_LIMIT: Duration = Duration::from_secs(600);

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
    cast.check_all_or_nothing();
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
            if let Some(missing) = self.unpublished(partition, end) {
                return Some(missing);
            }
        }
        if let Some(undecided) = self.undecided() {
            return Some(undecided);
        }
        for projector in self.projectors.borrow().iter() {
            let readiness = projector.shared.readiness();
            if !readiness.ready {
                return Some(format!("{} is not ready: {:?}", projector.name, readiness.reasons));
            }
        }
        None
    }

    /// What is still to be published. Of tables that were changed by hand the cursor tells: they may decide with more outcomes, or fewer.
    fn unpublished(&self, partition: i32, end: i64) -> Option<String> {
        let log = lock(&self.world.log).between(partition, 0, end);
        let right = Naive::of(partition, &log).said.keys().next_back().copied();
        let database = lock(&self.world.database);
        let live = database.live_set().and_then(|set| Some((set.tampered, set.of(partition)?)));
        let last = match live {
            Some((true, tables)) => tables.said.keys().next_back().copied(),
            _ => right,
        };
        let was_tampered = database.was_tampered;
        drop(database);
        let mut broker = lock(&self.world.broker);
        let topic = broker.of(partition)?;
        let published = topic.published.last().map(|one| one.0);
        let missing =
            if was_tampered { last.is_some_and(|(offset, _)| topic.cursor <= offset) } else { published != last };
        missing.then(|| format!("of partition {partition} {last:?} is to be published, and {published:?} is"))
    }

    /// What is still to come of orders, or went wrong with them, now that all else has come.
    fn undecided(&self) -> Option<String> {
        // What tables that were changed by hand never asked for is asked for once they are rebuilt.
        if lock(&self.world.database).live_set().is_some_and(|live| live.tampered) {
            return None;
        }
        let naive = self.naive();
        naive.values().find_map(|home| {
            let undecided =
                home.tables.orders.iter().find(|(_, order)| order.status == "pending" || order.status == "held");
            undecided.map(|(id, order)| format!("order {id} of partition {} is still {}", home.partition, order.status))
        })
    }

    fn naive(&self) -> BTreeMap<i32, Naive> {
        let log = lock(&self.world.log);
        let whole = |(partition, end)| (partition, Naive::of(partition, &log.between(partition, 0, end)));
        log.ends().into_iter().map(whole).collect()
    }

    /// An order has all of its lines, or none; and what is taken is taken for an order. (Tables that were changed by hand may have told
    /// what stands on the log now, and what is left of it is settled when they are rebuilt.)
    fn check_all_or_nothing(&self) {
        let naive = self.naive();
        if lock(&self.world.database).was_tampered {
            return;
        }
        for line in naive.values().flat_map(|partition| partition.tables.reserved.iter()) {
            let ((id, home, line_no), reserved) = line;
            let order = naive.get(home).and_then(|home| home.tables.orders.get(id));
            let status = order.map(|order| order.status);
            let right = match (reserved.status, status) {
                ("reserved", Some("confirmed")) => reserved.confirmed,
                ("reserved", _) => false,
                ("rejected", Some("confirmed")) => false,
                ("released", Some("confirmed")) => false,
                _ => true,
            };
            if !right {
                self.world.violated(|| {
                    format!("line {line_no} of order {id} of home {home} is {reserved:?}, and the order {status:?}")
                });
            }
        }
        for order in naive.values().flat_map(|home| home.tables.orders.iter().map(move |order| (home.partition, order)))
        {
            let (home, (id, order)) = order;
            for (line_no, line) in (1..).zip(&order.lines).filter(|_| order.status == "confirmed") {
                let at = i32::try_from(line.product / PRODUCTS).unwrap_or(i32::MAX);
                let key = (*id, i32::try_from(home).unwrap_or(i32::MAX), line_no);
                let taken = line.product / PRODUCTS == home
                    || naive
                        .get(&at)
                        .is_some_and(|there| there.tables.reserved.get(&key).is_some_and(|line| line.confirmed));
                if !taken {
                    self.world
                        .violated(|| format!("order {id} of home {home} is confirmed without its line {line_no}"));
                }
            }
        }
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
