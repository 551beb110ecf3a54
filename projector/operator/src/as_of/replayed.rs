//! The fold of one partition from its beginning, with nothing but the log. It keeps the ids that have a row: a record under one of
//! them is a duplicate or a conflict, and changes no stock, so it is left out of the fold.

use std::collections::{HashMap, HashSet};

use ledger_fold::{BatchEffects, BatchFold, Partition, PartitionState, Prior};
use ledger_kafka::record::OwnedRecord;
use ledger_schema::ProductId;
use ledger_schema::wire::{self, Event};
use ledger_store::for_fold;
use uuid::Uuid;

use super::level::Level;

pub(super) struct Replayed {
    partition: Partition,
    next_offset: i64,
    state: PartitionState,
    pub(super) levels: HashMap<ProductId, Level>,
    known: Known,
}

/// Ids that have a row.
#[derive(Debug, Default)]
struct Known {
    orders: HashSet<Uuid>,
    movements: HashSet<Uuid>,
}

impl Known {
    fn has(&self, event: &Event) -> bool {
        match event {
            Event::OrderPlaced(order) => self.orders.contains(&order.order_id().as_uuid()),
            Event::StockMoved(movement) => self.movements.contains(&movement.movement_id().as_uuid()),
        }
    }

    /// Whether the batch repeats an earlier id. A record that is parked for what the stock would be has no row, and may.
    fn is_repeated(&self, effects: &BatchEffects) -> bool {
        effects.orders.iter().any(|row| self.orders.contains(&row.order.order_id().as_uuid()))
            || effects.movements.iter().any(|row| self.movements.contains(&row.movement.movement_id().as_uuid()))
            || !effects.parked.is_empty()
    }
}

impl Replayed {
    pub(super) fn new(partition: Partition) -> Self {
        let (state, levels, known) = (PartitionState::default(), HashMap::new(), Known::default());
        Self { partition, next_offset: 0, state, levels, known }
    }

    /// Folds the next records; gives what they did. What it does not name had no effect.
    pub(super) fn fold(&mut self, records: &[OwnedRecord]) -> BatchEffects {
        let mut effects = self.effects(records, |_| true);
        if self.known.is_repeated(&effects) {
            effects =
                self.effects(records, |record| !wire::decode(record.value()).is_ok_and(|event| self.known.has(&event)));
        }
        self.state.apply(&effects);
        for row in &effects.stock {
            let level = Level { available: row.available, partition: self.partition.number, offset: row.offset };
            self.levels.insert(row.product_id.clone(), level);
        }
        self.known.orders.extend(effects.orders.iter().map(|row| row.order.order_id().as_uuid()));
        self.known.movements.extend(effects.movements.iter().map(|row| row.movement.movement_id().as_uuid()));
        if let Some(last) = records.last() {
            self.next_offset = last.offset + 1;
        }
        effects
    }

    fn effects(&self, records: &[OwnedRecord], takes: impl Fn(&OwnedRecord) -> bool) -> BatchEffects {
        // Ids that were there before are left out by `takes`, so that the fold needs not know what stands under them.
        let prior = Prior::default();
        let mut fold = BatchFold::new(self.partition, &self.state, &prior, self.next_offset);
        records.iter().filter(|record| takes(record)).for_each(|record| fold.fold(&for_fold(record)));
        fold.finish()
    }
}
