//! The swap of a command: the barrier, the fence, and the RENAME that waits for whoever has the tables. It must never rename without
//! the named lock.

use std::sync::Arc;
use std::time::Duration;

use crate::operator::{Ended, Operator};
use crate::settings::Mutant;
use crate::tables::TableSet;
use crate::world::{Request, World, lock};

/// Longest wait of one RENAME.
const RENAME_WAIT: Duration = Duration::from_secs(1);

impl Operator {
    /// Sets the barrier, then fences every relay: in this order, nobody publishes until it is taken back.
    pub(crate) async fn stop_publishing(&self) -> Result<(), Ended> {
        if self.world.has(Mutant::BarrierMissing) {
            return Ok(());
        }
        self.step("setting the barrier").await?;
        lock(&self.world.database).swapping = true;
        for partition in 0..self.world.shape.partitions {
            self.world.step(&self.who(), "fencing a relay").await?;
            lock(&self.world.broker).fence(partition);
        }
        self.world.note(|| format!("{}: the barrier is set, and the relays are fenced", self.who()));
        self.world.has_changed();
        Ok(())
    }

    pub(crate) async fn resume_publishing(&self) -> Result<(), Ended> {
        self.step("taking the barrier back").await?;
        lock(&self.world.database).swapping = false;
        Ok(())
    }

    /// RENAME TABLE: waits for open transactions, and others wait for it.
    pub(crate) async fn rename(&self, target: i32, built: bool) -> Result<(), Ended> {
        if !self.world.has(Mutant::SwapForgetsFurthest) {
            self.step("keeping what was observed").await?;
            lock(&self.world.database).raise_furthest();
        }
        // Behind the barrier: who pauses later sees that, and waits for us.
        self.step("looking for pauses").await?;
        if lock(&self.world.database).paused_elsewhere(target).is_some() && !self.world.has(Mutant::SwapIgnoresPause) {
            return Err(Ended::Busy);
        }
        self.step("swapping").await?;
        let request = self.world.request(&self.who(), "RENAME").await;
        if request == Request::Dropped {
            return Err(Ended::Lost);
        }
        {
            let mut database = lock(&self.world.database);
            if database.losses != self.losses {
                return Err(Ended::Lost);
            }
            database.renaming = true;
        }
        if request == Request::Late {
            lock(&self.world.database).late_rename = Some(target);
            self.world.has_changed();
            return Err(Ended::Lost);
        }
        let waiting = Renaming { world: Arc::clone(&self.world) };
        let free = self.world.until(RENAME_WAIT, |database| {
            let live = database.live;
            (!database.in_use(live) && !database.in_use(target)).then_some(())
        });
        free.await.ok_or(Ended::Busy)?;
        if lock(&self.world.database).losses != self.losses {
            return Err(Ended::Lost);
        }
        rename_now(&self.world, target, built);
        drop(waiting);
        if request == Request::Unanswered { Err(Ended::Lost) } else { Ok(()) }
    }
}

/// A RENAME that waits; when its client is killed, it gives up.
struct Renaming {
    world: Arc<World>,
}

impl Drop for Renaming {
    fn drop(&mut self) {
        lock(&self.world.database).renaming = false;
        self.world.has_changed();
    }
}

/// What the server does with the RENAME once the tables are free.
pub(crate) fn rename_now(world: &World, target: i32, built: bool) {
    if built {
        check_not_ahead(world, target);
    }
    lock(&world.database).swap_in(target);
    if let Some(broken) = lock(&world.database).broken_promise() {
        world.violated(|| broken);
    }
    world.note(|| format!("swapped: generation {target} is live; {}", crate::shown::positions(world)));
    world.has_changed();
}

/// Tables that were built hold nothing that is not published (INV-11).
fn check_not_ahead(world: &World, target: i32) {
    let positions = lock(&world.database).sets.get(&target).map(TableSet::positions).unwrap_or_default();
    for (partition, position) in positions {
        let cursor = lock(&world.broker).cursor(partition);
        if position > cursor {
            world.violated(|| {
                format!("generation {target} is swapped in at {position} of partition {partition}, after the cursor {cursor}")
            });
        }
    }
}
