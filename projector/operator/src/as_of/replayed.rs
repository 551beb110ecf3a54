//! The fold of one partition from its beginning, with nothing but the log. It keeps what every id stands for, since there is no table to
//! ask: a later record may repeat an order, confirm it, or cancel it.

use std::collections::HashMap;

use ledger_fold::{
    BatchEffects, BatchFold, OrderRow, Partition, PartitionState, Prior, ReservationKey, ReservationRow, Skips,
};
use ledger_kafka::record::OwnedRecord;
use ledger_schema::wire::Event;
use ledger_schema::{Movement, MovementId, OrderId, ProductId};
use ledger_store::{Ids, for_fold};

use super::level::Level;
use crate::verify::ids;

pub(super) struct Replayed {
    pub(super) partition: Partition,
    next_offset: i64,
    state: PartitionState,
    pub(super) levels: HashMap<ProductId, Level>,
    known: Known,
}

/// What stands under each id.
#[derive(Debug, Default)]
struct Known {
    orders: HashMap<OrderId, OrderRow>,
    movements: HashMap<MovementId, Movement>,
    reservations: HashMap<ReservationKey, ReservationRow>,
}

impl Known {
    fn prior(&self, ids: &Ids) -> Prior {
        Prior {
            orders: ids.orders.iter().map(|id| (*id, self.orders.get(id).cloned())).collect(),
            movements: ids
                .movements
                .iter()
                .filter_map(|id| self.movements.get(id).map(|movement| (*id, movement.clone())))
                .collect(),
            reservations: ids.reservations.iter().map(|key| (*key, self.reservations.get(key).cloned())).collect(),
        }
    }

    fn take_over(&mut self, effects: &BatchEffects) {
        let orders = effects.orders.iter().chain(&effects.changed_orders);
        self.orders.extend(orders.map(|row| (row.order.order_id(), row.clone())));
        let movements = effects.movements.iter().map(|row| (row.movement.movement_id(), row.movement.clone()));
        self.movements.extend(movements);
        let lines = effects.reservations.iter().chain(&effects.changed_reservations);
        self.reservations.extend(lines.map(|row| (row.key, row.clone())));
    }
}

impl Replayed {
    pub(super) fn new(partition: Partition, skips: Skips) -> Self {
        let state = PartitionState::default().with_skips(skips);
        let (levels, known) = (HashMap::new(), Known::default());
        Self { partition, next_offset: 0, state, levels, known }
    }

    /// Folds the next records, which say `events`; gives what they did.
    pub(super) fn fold(&mut self, records: &[OwnedRecord], events: &[Option<Event>]) -> BatchEffects {
        let prior = self.known.prior(&ids::ids_of(events, self.partition));
        let mut fold = BatchFold::new(self.partition, &self.state, &prior, self.next_offset);
        records.iter().for_each(|record| fold.fold(&for_fold(record)));
        let effects = fold.finish();
        assert!(effects.wanted.is_empty(), "every id of the batch is known, and more is wanted: {:?}", effects.wanted);
        self.state.apply(&effects);
        for row in &effects.stock {
            let level = Level { of: row.level, partition: self.partition.number, offset: row.offset };
            self.levels.insert(row.product_id.clone(), level);
        }
        self.known.take_over(&effects);
        self.next_offset = effects.next_offset;
        effects
    }
}
