//! How many orders may have begun, and how fast they come: orders and faults share the time of a run, so that each
//! fault meets orders. It must never know an order, or what a fault does. Read `faults` next.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::sync::Semaphore;

use crate::kinds::Fault;
use crate::system::System;

/// One more round of faults for each so many orders.
const ORDERS_A_ROUND: usize = 35_000;
const LENT_ORDERS: usize = 20;
const LOOKS_IN_VAIN: u32 = 20;

/// How many orders may have begun, and how fast they may come.
pub(crate) struct Pace {
    allowed: AtomicUsize,
    order_count: usize,
    pub(crate) rounds: u32,
    total: Duration,
}

impl Pace {
    /// For rounds of those faults.
    pub(crate) fn of(order_count: usize, round: &[(Fault, &str)]) -> Self {
        let rounds = u32::try_from(1 + order_count / ORDERS_A_ROUND).unwrap_or(u32::MAX);
        let total = round.iter().map(|(fault, _)| fault.about()).sum::<Duration>() * rounds;
        Self { allowed: AtomicUsize::new(0), order_count, rounds, total }
    }

    /// The orders that belong to the time until `end`, counted as [`Fault::about`] says.
    pub(crate) fn open(&self, end: Duration) {
        let share = end.as_millis() * u128::try_from(self.order_count).unwrap_or(u128::MAX) / self.total.as_millis();
        self.allowed.fetch_max(usize::try_from(share).unwrap_or(usize::MAX), Ordering::Relaxed);
    }

    /// A few orders before their time, for a fault that waits for what only orders bring.
    pub(crate) fn lend(&self) {
        self.allowed.fetch_add(LENT_ORDERS, Ordering::Relaxed);
    }

    /// As [`System::wait_until`], for what only orders bring: while it does not come, a few are lent. Without that a fault
    /// that comes late, after one that took longer than [`crate::kinds::Fault::about`], finds its share already spent.
    pub(crate) fn wait_for_orders(
        &self,
        system: &mut System,
        what: &str,
        limit: Duration,
        mut condition: impl FnMut(&mut System) -> bool,
    ) -> Result<()> {
        let mut looks = 0_u32;
        system.wait_until(what, limit, |system| {
            let is_met = condition(system);
            looks += 1;
            if !is_met && looks.is_multiple_of(LOOKS_IN_VAIN) {
                self.lend();
            }
            is_met
        })
    }

    /// No more faults come: the rest may come as it can.
    pub(crate) fn end(&self) {
        self.allowed.store(usize::MAX, Ordering::Relaxed);
    }

    /// Lets orders in, evenly, until all are in: a permit of `gate` for each.
    pub(crate) async fn let_in(&self, gate: &Semaphore) {
        const TICK: Duration = Duration::from_millis(100);
        let ticks = usize::try_from(self.total.as_millis() / TICK.as_millis()).unwrap_or(usize::MAX);
        let (mut begun, mut tick) = (0, 0);
        while begun < self.order_count {
            tick += 1;
            let allowed = self.allowed.load(Ordering::Relaxed);
            let is_over = allowed > self.order_count || tick >= ticks;
            let due = if is_over { self.order_count } else { self.order_count * tick / ticks };
            let next = due.min(allowed).max(begun);
            gate.add_permits(next - begun);
            begun = next;
            tokio::time::sleep(TICK).await;
        }
    }
}
