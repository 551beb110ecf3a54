//! What the ticker remembers: how far it has read the open orders of a partition, and what it appended about which. Nothing rests on it:
//! whoever takes a partition over begins without, and what is appended twice changes nothing.

use std::collections::HashMap;
use std::time::Duration;

use ledger_fold::OpenOrder;
use ledger_schema::OrderId;
use tokio::time::Instant;

/// Whatever is still open is appended again after this long, at the latest.
const MAX_WAIT: Duration = Duration::from_secs(600);

/// Of the orders of one status in one partition. They are read page by page, from the one that is due first to the last and then from
/// the beginning again, so that those that stay open do not keep the others from their turn.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// The last one that was read in this round.
    after: Option<OpenOrder>,
    round: u64,
    appended: HashMap<OrderId, Appended>,
}

#[derive(Debug, Clone, Copy)]
struct Appended {
    again_at: Instant,
    wait: Duration,
    /// The round that met it last.
    round: u64,
}

impl Turn {
    /// Where the next page begins.
    pub(super) fn after(&self) -> Option<OpenOrder> {
        self.after
    }

    /// Which orders of a page something is to be appended about: those about which nothing was, or not for long.
    pub(super) fn ripe(&mut self, page: &[OpenOrder], now: Instant) -> Vec<OrderId> {
        let round = self.round;
        let mut is_ripe = |open: &&OpenOrder| match self.appended.get_mut(&open.order_id) {
            None => true,
            Some(appended) => {
                appended.round = round;
                appended.again_at <= now
            }
        };
        page.iter().filter(&mut is_ripe).map(|open| open.order_id).collect()
    }

    /// Something stands on the log about these orders. It is given `first_wait` to change them, twice that the next time, and so on.
    pub(super) fn appended(&mut self, orders: &[OrderId], now: Instant, first_wait: Duration) {
        for order_id in orders {
            let before = self.appended.get(order_id).map(|appended| appended.wait * 2);
            let wait = before.unwrap_or(first_wait).min(MAX_WAIT.max(first_wait));
            self.appended.insert(*order_id, Appended { again_at: now + wait, wait, round: self.round });
        }
    }

    /// The page is done with. After the last one a round begins anew, and what this one has not met is forgotten: it is open no more.
    pub(super) fn passed(&mut self, page: &[OpenOrder], is_last: bool) {
        self.after = page.last().copied().filter(|_| !is_last);
        if is_last {
            let round = self.round;
            self.appended.retain(|_, appended| appended.round == round);
            self.round += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use ledger_schema::Status;

    use super::*;

    const FIRST: Duration = Duration::from_secs(30);

    fn open(n: u128) -> OpenOrder {
        let due_at = DateTime::from_timestamp_secs(i64::try_from(n).expect("small")).expect("a time");
        OpenOrder { order_id: OrderId::from_uuid(uuid::Uuid::from_u128(n)), status: Status::Pending, due_at }
    }

    fn ids(orders: &[OpenOrder]) -> Vec<OrderId> {
        orders.iter().map(|open| open.order_id).collect()
    }

    #[test]
    fn it_is_appended_again_after_a_wait_that_doubles() {
        let (mut turn, begun, page) = (Turn::default(), Instant::now(), [open(1), open(2)]);
        let mut at = begun;
        for wait in [30, 60, 120, 240, 480, 600, 600] {
            assert_eq!(turn.ripe(&page, at), ids(&page));
            turn.appended(&ids(&page), at, FIRST);
            turn.passed(&page, true);
            at += Duration::from_secs(wait);
            assert_eq!(turn.ripe(&page, at - Duration::from_millis(1)), []);
        }
        assert_eq!(turn.ripe(&[open(3)], at), ids(&[open(3)]), "what is new does not wait");
    }

    #[test]
    fn pages_follow_each_other_and_begin_anew() {
        let (mut turn, now) = (Turn::default(), Instant::now());
        assert_eq!(turn.after(), None);
        turn.ripe(&[open(1), open(2)], now);
        turn.passed(&[open(1), open(2)], false);
        assert_eq!(turn.after(), Some(open(2)));
        turn.passed(&[open(3)], true);
        assert_eq!(turn.after(), None);
        turn.passed(&[], true);
        assert_eq!(turn.after(), None);
    }

    #[test]
    fn what_a_whole_round_does_not_meet_is_forgotten() {
        let (mut turn, now) = (Turn::default(), Instant::now());
        turn.appended(&ids(&[open(1), open(2)]), now, FIRST);
        turn.passed(&[open(1)], false);
        turn.passed(&[open(2)], true);
        assert_eq!(turn.appended.len(), 2);
        assert_eq!(turn.ripe(&[open(2)], now), [], "it was met in this round");
        turn.passed(&[open(2)], true);
        assert_eq!(turn.appended.keys().copied().collect::<Vec<_>>(), ids(&[open(2)]));
    }
}
