//! Plays the store of one partition: what is committed, in plain maps, and a writer's way of folding a batch over it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ledger_fold::{
    BatchEffects, BatchFold, Level, OrderRow, Partition, PartitionState, Prior, ReservationKey, ReservationRow,
    ReservationState, Stage, ToldEntry, stored_under,
};
use ledger_schema::wire::decode;
use ledger_schema::{Movement, MovementId, OrderId, ProductId, Status};

use super::Owned;

/// What a partition has stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tables {
    pub(crate) partition: Partition,
    pub(crate) next_offset: i64,
    pub(crate) orders: BTreeMap<OrderId, OrderRow>,
    pub(crate) reservations: BTreeMap<ReservationKey, ReservationRow>,
    pub(crate) movements: BTreeMap<MovementId, (Movement, bool)>,
    pub(crate) stock: BTreeMap<ProductId, (Level, i64)>,
    pub(crate) open: BTreeMap<OrderId, (Status, DateTime<Utc>)>,
    pub(crate) parked: BTreeMap<i64, String>,
    pub(crate) outcomes: Vec<String>,
    pub(crate) told: Vec<ToldEntry>,
    pub(crate) duplicates: u64,
    pub(crate) overruled: u64,
}

impl Tables {
    pub(crate) fn new(partition: Partition) -> Self {
        Self {
            partition,
            next_offset: 0,
            orders: BTreeMap::new(),
            reservations: BTreeMap::new(),
            movements: BTreeMap::new(),
            stock: BTreeMap::new(),
            open: BTreeMap::new(),
            parked: BTreeMap::new(),
            outcomes: Vec::new(),
            told: Vec::new(),
            duplicates: 0,
            overruled: 0,
        }
    }

    fn state(&self) -> PartitionState {
        PartitionState::from_stock(self.stock.iter().map(|(product, (level, _))| (product.clone(), *level)))
    }

    fn try_fold(&self, prior: &Prior, records: &[Owned]) -> BatchEffects {
        let state = self.state();
        let mut batch = BatchFold::new(self.partition, &state, prior, self.next_offset);
        for record in records {
            batch.fold(&record.record());
        }
        batch.finish()
    }

    /// As the writer: supposing that ids are new, then knowing them where one objected or the fold wants to know.
    pub(crate) fn fold(&mut self, records: &[Owned]) -> BatchEffects {
        let mut prior = Prior::default();
        let mut effects = self.try_fold(&prior, records);
        if self.objects(&effects) {
            for record in records {
                let Ok(event) = decode(record.value.as_deref()) else { continue };
                match stored_under(&event, self.partition) {
                    ledger_fold::StoredUnder::Order(id) => {
                        prior.orders.insert(id, self.orders.get(&id).cloned());
                    }
                    ledger_fold::StoredUnder::Movement(id) => {
                        if let Some((movement, _)) = self.movements.get(&id) {
                            prior.movements.insert(id, movement.clone());
                        }
                    }
                    ledger_fold::StoredUnder::Reservation(key) => {
                        prior.reservations.insert(key, self.reservations.get(&key).cloned());
                    }
                }
            }
            effects = self.try_fold(&prior, records);
        }
        if !effects.wanted.is_empty() {
            prior.orders.extend(effects.wanted.orders.iter().map(|id| (*id, self.orders.get(id).cloned())));
            let wanted = effects.wanted.reservations.iter();
            prior.reservations.extend(wanted.map(|key| (*key, self.reservations.get(key).cloned())));
            effects = self.try_fold(&prior, records);
        }
        assert!(effects.wanted.is_empty(), "once is enough");
        if self.objects(&effects) {
            // An id objects that the first look-up did not ask for: ask for all.
            return self.fold_knowing_all(records);
        }
        self.commit(&effects);
        effects
    }

    fn fold_knowing_all(&mut self, records: &[Owned]) -> BatchEffects {
        let mut prior = Prior::default();
        prior.orders.extend(self.orders.iter().map(|(id, row)| (*id, Some(row.clone()))));
        prior.movements.extend(self.movements.iter().map(|(id, (movement, _))| (*id, movement.clone())));
        prior.reservations.extend(self.reservations.iter().map(|(key, row)| (*key, Some(row.clone()))));
        loop {
            let effects = self.try_fold(&prior, records);
            if effects.wanted.is_empty() {
                self.commit(&effects);
                return effects;
            }
            prior.orders.extend(effects.wanted.orders.iter().map(|id| (*id, None)));
            prior.reservations.extend(effects.wanted.reservations.iter().map(|key| (*key, None)));
        }
    }

    /// Whether a unique key would.
    fn objects(&self, effects: &BatchEffects) -> bool {
        effects.orders.iter().any(|row| self.orders.contains_key(&row.order.order_id()))
            || effects.movements.iter().any(|row| self.movements.contains_key(&row.movement.movement_id()))
            || effects.reservations.iter().any(|row| self.reservations.contains_key(&row.key))
    }

    fn commit(&mut self, effects: &BatchEffects) {
        assert_eq!((effects.from_offset, effects.partition), (self.next_offset, self.partition.number), "INV-1");
        self.next_offset = effects.next_offset;
        for row in &effects.orders {
            assert_eq!(self.orders.insert(row.order.order_id(), row.clone()), None, "INV-5");
        }
        for row in &effects.changed_orders {
            assert!(self.orders.insert(row.order.order_id(), row.clone()).is_some(), "only what stands can change");
        }
        for row in &effects.reservations {
            assert_eq!(self.reservations.insert(row.key, row.clone()), None, "INV-5");
        }
        for row in &effects.changed_reservations {
            assert!(self.reservations.insert(row.key, row.clone()).is_some(), "only what stands can change");
        }
        for open in &effects.open_orders.removed {
            assert_eq!(self.open.remove(&open.order_id), Some((open.status, open.due_at)), "what is removed stands");
        }
        for open in &effects.open_orders.added {
            assert_eq!(self.open.insert(open.order_id, (open.status, open.due_at)), None, "open once");
        }
        for row in &effects.movements {
            let confirmed = row.decision.reason().is_none();
            let earlier = self.movements.insert(row.movement.movement_id(), (row.movement.clone(), confirmed));
            assert_eq!(earlier, None, "INV-5");
        }
        self.stock.extend(effects.stock.iter().map(|row| (row.product_id.clone(), (row.level, row.offset))));
        self.parked.extend(effects.parked.iter().map(|parked| (parked.offset, parked.reason.to_string())));
        let encoded = |outcome: Vec<u8>| String::from_utf8(outcome).expect("UTF-8");
        self.outcomes.extend(effects.outcomes.iter().map(|entry| encoded(entry.outcome.encode())));
        self.told.extend(effects.told.iter().cloned());
        self.duplicates += effects.duplicate_count;
        self.overruled += effects.overruled_count;
        self.check();
    }

    /// What holds at every position of every partition.
    fn check(&self) {
        for (product, (level, _)) in &self.stock {
            let moved = self.movements.values().filter(|(movement, done)| *done && movement.product_id() == product);
            let moved: i64 = moved.map(|(movement, _)| movement.delta().get()).sum();
            let (mut held, mut sold) = (0, 0);
            for row in self.orders.values() {
                for (line_no, line) in row.order.lines().filter(|(_, line)| line.product_id() == product) {
                    match (row.state.stage(), row.state.line(line_no)) {
                        (Stage::Confirmed, _) => sold += line.quantity().get(),
                        (_, ledger_fold::LineState::Reserved) => held += line.quantity().get(),
                        _ => {}
                    }
                }
            }
            for row in self.reservations.values().filter(|row| row.product_id == *product) {
                match row.state {
                    ReservationState::Reserved => held += row.quantity.get(),
                    ReservationState::Confirmed => sold += row.quantity.get(),
                    ReservationState::Released | ReservationState::Rejected(_) => {}
                }
            }
            assert_eq!(level.held, held, "{product} is held by lines");
            assert_eq!(moved, level.available + level.held + sold, "INV-3 of {product}");
            assert!(level.available >= 0 && level.held >= 0, "INV-2");
        }
        for (id, row) in &self.orders {
            let open = row.open().map(|open| (open.status, open.due_at));
            assert_eq!(self.open.get(id).copied(), open, "open_orders follows the orders");
        }
    }
}
