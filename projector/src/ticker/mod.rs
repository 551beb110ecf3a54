//! The ticker: looks every second which open orders of the partitions that are ours are due, and appends what follows to the log.
//! `HoldExpired` for a hold that is over by our clock, and `LineRequested` once more for lines that are undecided for long, since whatever
//! got lost heals when it is asked again.
//!
//! It must never decide: an event that it appends has its time in it, and the fold takes it or not by what stands on the log before. A clock
//! that is wrong makes an expiry early or late by its error, never inconsistent; the grace keeps it from being early by so much. What
//! is appended twice, by us or by a projector that was frozen, changes nothing. And it must never scan: what is due is a range of a
//! primary key, and where nothing is open it asks nothing. Of a partition that an operator has paused it appends nothing: its holds are
//! looked at when it is resumed.
//!
//! Reading order: [`seam`] (tables and log), `turns` (what it remembers).

mod seam;
mod turns;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use ledger_fold::{OpenOrder, Partition, asked_again};
use ledger_schema::wire::Event;
use ledger_schema::{OrderId, OrderRequest, RequestKind, Status};
use ledger_store::StoreError;
use ledger_store::open_orders::PAGE;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use turns::Turn;

use crate::meters;
use crate::shared::Shared;

pub use seam::{AppendsEvents, KafkaLog, OpenOrders};

/// When it looks, and what it takes for due.
#[derive(Debug, Clone, Copy)]
pub struct TickSettings {
    pub every: Duration,
    /// How long after its end a hold is over, so that a clock that is fast by less ends none early.
    pub hold_grace: Duration,
    /// How long a line may be undecided before it is asked for again.
    pub ask_again: Duration,
}

/// What a ticker is made of.
pub struct Ticker<R, L> {
    pub open_orders: R,
    pub log: L,
    pub shared: Arc<Shared>,
    /// Of the log.
    pub partition_count: i32,
    pub settings: TickSettings,
    pub clock: fn() -> DateTime<Utc>,
    pub stop: CancellationToken,
}

/// What one page of open orders comes to.
struct Work {
    partition: i32,
    status: Status,
    page: Vec<OpenOrder>,
    /// About which something is appended.
    orders: Vec<OrderId>,
    events: Vec<Event>,
}

impl Work {
    fn is_last(&self) -> bool {
        self.page.len() < PAGE
    }
}

/// How far each partition is, by status.
type Turns = HashMap<(i32, Status), Turn>;

impl<R: OpenOrders, L: AppendsEvents> Ticker<R, L> {
    /// Looks until it is stopped. What fails is logged once, and looked for again with the next tick.
    pub async fn run(mut self) {
        let mut ticks = tokio::time::interval(self.settings.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut turns = Turns::new();
        let mut fails = false;
        while self.stop.run_until_cancelled(ticks.tick()).await.is_some() {
            match self.tick(&mut turns).await {
                // There is more, and what was there is on the log: no wait.
                Ok(true) => ticks.reset_immediately(),
                Ok(false) => {}
                Err(error) => {
                    meters::tick_failed();
                    if !std::mem::replace(&mut fails, true) {
                        tracing::warn!(error, "what is due cannot be looked for or appended: trying again");
                    }
                    continue;
                }
            }
            if std::mem::replace(&mut fails, false) {
                tracing::info!("what is due is looked for and appended again");
            }
        }
    }

    /// One look at every partition that is ours. Whether more is due than one page.
    async fn tick(&mut self, turns: &mut Turns) -> Result<bool, String> {
        turns.retain(|(partition, _), _| self.shared.has_loaded(*partition));
        let mut work = Vec::new();
        let shared = Arc::clone(&self.shared);
        for partition in (0..self.partition_count).filter(|partition| shared.has_loaded(*partition)) {
            let found = self.look(partition, turns).await;
            // Tables that were lost, or are being swapped, are told by whoever writes them.
            work.extend(found.map_err(|error| error.to_string())?);
        }
        // All at once: a partition whose leader is away must not hold up the others' holds.
        let appends = join_all(work.iter().map(|work| self.log.append(&work.events)));
        let Some(appended) = self.stop.run_until_cancelled(appends).await else { return Ok(false) };
        let (mut more, mut failed) = (false, None);
        for (work, appended) in work.into_iter().zip(appended) {
            let turn = turns.entry((work.partition, work.status)).or_default();
            match appended {
                Ok(()) => {
                    more |= !work.is_last() && !work.orders.is_empty();
                    count(&work);
                }
                Err(error) => {
                    failed.get_or_insert(error.to_string());
                    if work.status == Status::Held {
                        // With the next tick: nobody else ends these holds.
                        continue;
                    }
                }
            }
            turn.appended(&work.orders, Instant::now(), self.settings.ask_again);
            turn.passed(&work.page, work.is_last());
        }
        failed.map_or(Ok(more), Err)
    }

    /// What is due of a partition.
    async fn look(&mut self, partition: i32, turns: &mut Turns) -> Result<Vec<Work>, StoreError> {
        let open = self.shared.open_orders(partition);
        let now = (self.clock)();
        let mut work = Vec::new();
        // Of a paused partition nothing is decided that an event could wait for: it would be appended again and again, for as long.
        let is_folded = !self.shared.holds(partition);
        if open.held > 0 && is_folded {
            work.extend(self.page(partition, Status::Held, now, turns).await?);
        }
        let mut age = Duration::ZERO;
        if open.pending > 0 {
            if is_folded {
                work.extend(self.page(partition, Status::Pending, now, turns).await?);
            }
            let oldest = self.open_orders.oldest_pending(partition).await?;
            // A clock that is behind the broker's: it has just been placed.
            age = oldest.and_then(|since| (now - since).to_std().ok()).unwrap_or_default();
        }
        meters::oldest_undecided(partition, age);
        Ok(work)
    }

    /// The next page of orders that are due, with what is to be appended about them.
    async fn page(
        &mut self,
        partition: i32,
        status: Status,
        now: DateTime<Utc>,
        turns: &mut Turns,
    ) -> Result<Option<Work>, StoreError> {
        let turn = turns.entry((partition, status)).or_default();
        let wait = if status == Status::Held { self.settings.hold_grace } else { self.settings.ask_again };
        let Some(up_to) = now.checked_sub_signed(to_signed(wait)) else { return Ok(None) };
        let page = self.open_orders.due(partition, status, up_to, turn.after()).await?;
        let ripe = turn.ripe(&page, Instant::now());
        let mut work = Work { partition, status, page, orders: Vec::new(), events: Vec::new() };
        if !ripe.is_empty() {
            let home = Partition { number: partition, count: self.partition_count };
            // What has changed since the page was read is passed over: the log has got to it.
            for row in
                self.open_orders.orders(partition, &ripe).await?.iter().filter(|row| row.state.status() == status)
            {
                let order_id = row.order.order_id();
                work.orders.push(order_id);
                if status == Status::Held {
                    let key = row.order.product_id().clone();
                    work.events.push(Event::OrderRequested(OrderRequest::new(order_id, key, RequestKind::Expire, now)));
                } else {
                    work.events.extend(asked_again(row, home).into_iter().map(|told| Event::LineTold(told.event)));
                }
            }
        }
        Ok(Some(work))
    }
}

fn count(work: &Work) {
    match work.status {
        Status::Held => meters::expiries_appended(work.events.len()),
        _ => meters::asked_again(work.events.len()),
    }
}

/// # Panics
/// Above 292 million years, which no setting allows.
fn to_signed(wait: Duration) -> chrono::TimeDelta {
    chrono::TimeDelta::from_std(wait).expect("settings are of seconds")
}

#[cfg(test)]
mod tests;
