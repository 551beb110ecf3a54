//! Rows that this writer has written and that are about to be asked for again: orders whose lines are under way, and lines that wait for
//! their order. An order of several lines comes back to its tables for each of its lines' answers, so without this each batch asks the
//! database for what the batch before it wrote.
//!
//! It must never hold a row of another state than its slot's: it is made empty with the slot, takes over what is committed, and goes
//! with the slot. So it needs no proof of its own: the compare-and-set that holds for the state holds for it. Next: `doubt.rs`.

use std::collections::HashMap;

use ledger_fold::{BatchEffects, OrderRow, Prior, ReservationKey, ReservationRow, ReservationState, Stage};
use ledger_schema::OrderId;
use ledger_store::Ids;

/// Most rows that are kept of a partition: a busy second's. An order of a hundred lines has some 20 KB.
const MOST_ROWS: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct Recent {
    orders: HashMap<OrderId, OrderRow>,
    reservations: HashMap<ReservationKey, ReservationRow>,
    /// Lines of all of them.
    rows: usize,
}

impl Recent {
    /// Takes over what a batch did, once it is committed.
    pub(super) fn apply(&mut self, effects: &BatchEffects) {
        for row in effects.orders.iter().chain(&effects.changed_orders) {
            self.forget_order(row.order.order_id());
            if row.state.stage() == Stage::Pending {
                self.rows += row.order.line_count();
                self.orders.insert(row.order.order_id(), row.clone());
            }
        }
        for row in effects.reservations.iter().chain(&effects.changed_reservations) {
            self.forget_reservation(row.key);
            if row.state == ReservationState::Reserved {
                self.rows += 1;
                self.reservations.insert(row.key, row.clone());
            }
        }
        if self.rows > MOST_ROWS {
            *self = Self::default();
        }
    }

    fn forget_order(&mut self, id: OrderId) {
        if let Some(before) = self.orders.remove(&id) {
            self.rows -= before.order.line_count();
        }
    }

    fn forget_reservation(&mut self, key: ReservationKey) {
        if self.reservations.remove(&key).is_some() {
            self.rows -= 1;
        }
    }

    /// What is known of `ids`, and those of them that have to be looked up.
    pub(super) fn know(&self, ids: Ids) -> (Prior, Ids) {
        let mut known = Prior::default();
        let mut unknown = Ids { movements: ids.movements, ..Ids::default() };
        for id in ids.orders {
            match self.orders.get(&id) {
                Some(row) => drop(known.orders.insert(id, Some(row.clone()))),
                None => unknown.orders.push(id),
            }
        }
        for key in ids.reservations {
            match self.reservations.get(&key) {
                Some(row) => drop(known.reservations.insert(key, Some(row.clone()))),
                None => unknown.reservations.push(key),
            }
        }
        (known, unknown)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use ledger_fold::{BatchFold, Partition, PartitionState, Record};
    use ledger_schema::partitioner::partition_of;
    use serde_json::json;

    use super::*;

    const COUNT: i32 = 4;

    /// A product in each of two partitions.
    fn products() -> (String, String) {
        let of = |partition| {
            let is_there = |name: &String| partition_of(name.as_bytes(), COUNT) == partition;
            (0..).map(|nth| format!("bar-{nth}")).find(is_there).expect("there is one")
        };
        (of(0), of(1))
    }

    /// What the partition of line 1 does with records, after what it knows.
    fn fold(state: &mut PartitionState, records: &[String], from: i64, prior: &Prior) -> BatchEffects {
        let mut fold = BatchFold::new(Partition { number: 0, count: COUNT }, state, prior, from);
        let (key, _) = products();
        for (offset, value) in (from..).zip(records) {
            fold.fold(&Record { offset, time_ms: Some(1), key: Some(key.as_bytes()), value: Some(value.as_bytes()) });
        }
        let effects = fold.finish();
        state.apply(&effects);
        effects
    }

    fn received() -> String {
        let (here, _) = products();
        json!({ "type": "StockReceived", "version": 1, "movement_id": uuid(0), "product_id": here, "quantity": 1_000_000,
            "occurred_at": "2026-01-01T00:00:00Z" })
        .to_string()
    }

    fn placed(id: u128) -> String {
        let (here, there) = products();
        let line = |line_no, product: &str| {
            json!({ "line_no": line_no, "product_id": product, "quantity": 1,
            "unit_price": 1, "total_price": 1 })
        };
        json!({ "type": "OrderPlaced", "version": 3, "order_id": uuid(id), "user_id": "alice", "total_price": 2,
            "lines": [line(1, &here), line(2, &there)], "placed_at": "2026-01-01T00:00:00Z" })
        .to_string()
    }

    fn cancelled(id: u128) -> String {
        let now: DateTime<Utc> = DateTime::UNIX_EPOCH;
        json!({ "type": "OrderCancelRequested", "version": 1, "order_id": uuid(id), "product_id": products().0,
            "occurred_at": now.to_rfc3339() })
        .to_string()
    }

    fn uuid(id: u128) -> String {
        uuid::Uuid::from_u128(id).to_string()
    }

    fn order_id(id: u128) -> OrderId {
        OrderId::parse(&uuid(id)).expect("an id")
    }

    fn asked(id: u128) -> Ids {
        Ids { orders: vec![order_id(id)], ..Ids::default() }
    }

    #[test]
    fn an_order_is_known_for_as_long_as_its_lines_are_under_way() {
        let (mut recent, mut state) = (Recent::default(), PartitionState::default());
        recent.apply(&fold(&mut state, &[received(), placed(1)], 0, &Prior::default()));
        assert_eq!(recent.rows, 2);
        let (known, unknown) = recent.know(asked(1));
        assert_eq!((known.orders.len(), unknown), (1, Ids::default()));
        assert_eq!(recent.know(asked(2)).1, asked(2));
        // What is known is enough to fold on.
        let effects = fold(&mut state, &[cancelled(1)], 2, &known);
        assert!(effects.wanted.is_empty() && effects.changed_orders.len() == 1, "{effects:?}");
        recent.apply(&effects);
        assert_eq!((recent.rows, recent.know(asked(1)).1), (0, asked(1)));
    }

    #[test]
    fn it_never_grows_beyond_its_limit() {
        let (mut recent, mut state) = (Recent::default(), PartitionState::default());
        let most = u128::try_from(MOST_ROWS / 2).expect("small");
        let mut records = vec![received()];
        records.extend((1..=most).map(placed));
        recent.apply(&fold(&mut state, &records, 0, &Prior::default()));
        assert_eq!(recent.rows, MOST_ROWS);
        recent.apply(&fold(&mut state, &[placed(most + 1)], 5_000, &Prior::default()));
        assert_eq!((recent.rows, recent.orders.len()), (0, 0));
    }
}
