//! The rules. A batch folds records of one partition over a state that it does not touch, so a batch that cannot be
//! committed is simply dropped.
//!
//! It must never read a clock, draw a number, or look at a header. Next: [`crate::effects`], what comes out.
//!
//! Precedence, for every record; the first that applies decides:
//! 1. it cannot be decoded, or a field breaks a rule: parked (reasons of [`ledger_schema::wire::decode`], in its order)
//! 2. its key is not its product id: parked, `wrong-key`
//! 3. it lies in another partition than its key hashes to: parked, `wrong-partition`
//! 4. its id was there before with the same contents: a duplicate, counted, no effect
//! 5. its id was there before with other contents: parked, `conflicting-duplicate`
//! 6. an order or adjustment of a product without any receipt: rejected, `unknown-product`
//! 7. an order of more than is available: rejected, `out-of-stock`; an adjustment below zero: rejected, `below-zero`
//! 8. a receipt or adjustment that takes the stock above 2^53 - 1: parked, `stock-overflow`
//! 9. it changes the stock.
//!
//! Rule 4 stands before 6 to 8 on purpose: the first decision about an id holds for ever, also when it was a rejection.

#![expect(
    clippy::disallowed_types,
    reason = "the maps of ids are looked up only, never iterated: their order reaches no output"
)]

use std::collections::{BTreeMap, HashMap};

use ledger_schema::domain::{MAX_SAFE_INTEGER, shown_bytes};
use ledger_schema::partitioner::partition_of;
use ledger_schema::wire::{self, Event, Outcome};
use ledger_schema::{
    EventId, Movement, MovementId, MovementKind, Order, OrderId, ParkReason, Position, ProductId, RejectionReason,
};

use crate::decided::Decided;
use crate::effects::{BatchEffects, MovementRow, OrderRow, OutcomeEntry, Parked, StockRow, conflict_detail};
use crate::listed::listed_at;
use crate::prior::Prior;
use crate::record::{Partition, Record};
use crate::state::PartitionState;

/// A changed product within the batch.
struct Level {
    available: i64,
    offset: i64,
}

/// What the rules say about an order or a movement. Nothing has changed yet.
enum Verdict {
    Duplicate,
    Parked(ParkReason, String),
    Decided(Decided),
}

/// One batch in the making.
pub struct BatchFold<'a> {
    partition: Partition,
    state: &'a PartitionState,
    prior: &'a Prior,
    from_offset: i64,
    next_offset: i64,
    changed: BTreeMap<ProductId, Level>,
    orders: Vec<OrderRow>,
    order_index: HashMap<OrderId, usize>,
    movements: Vec<MovementRow>,
    movement_index: HashMap<MovementId, usize>,
    parked: Vec<Parked>,
    outcomes: Vec<OutcomeEntry>,
    duplicate_count: u64,
}

impl<'a> BatchFold<'a> {
    /// A batch that begins at `from_offset`, the position that `state` stands for. `prior` holds what is stored under
    /// the batch's ids, as far as that is known; [`Prior::default`] supposes that they are new.
    pub fn new(partition: Partition, state: &'a PartitionState, prior: &'a Prior, from_offset: i64) -> Self {
        Self {
            partition,
            state,
            prior,
            from_offset,
            next_offset: from_offset,
            changed: BTreeMap::new(),
            orders: Vec::new(),
            order_index: HashMap::new(),
            movements: Vec::new(),
            movement_index: HashMap::new(),
            parked: Vec::new(),
            outcomes: Vec::new(),
            duplicate_count: 0,
        }
    }

    /// Folds one record. Records come in the order of their offsets; one that lies before the position was folded
    /// already and is passed over. (Offsets may have gaps: Kafka's transaction markers take some.)
    pub fn fold(&mut self, record: &Record<'_>) {
        if record.offset < self.next_offset {
            return;
        }
        self.next_offset = record.offset + 1;
        match self.examine(record) {
            Ok(Event::OrderPlaced(order)) => self.fold_order(order, record),
            Ok(Event::StockMoved(movement)) => self.fold_movement(movement, record.offset),
            Err((reason, detail)) => self.park(record.offset, reason, detail),
        }
    }

    /// Everything that the batch does.
    pub fn finish(self) -> BatchEffects {
        let stock = self
            .changed
            .into_iter()
            .map(|(product_id, Level { available, offset })| StockRow { product_id, available, offset })
            .collect();
        BatchEffects {
            partition: self.partition.number,
            from_offset: self.from_offset,
            next_offset: self.next_offset,
            orders: self.orders,
            movements: self.movements,
            stock,
            parked: self.parked,
            outcomes: self.outcomes,
            duplicate_count: self.duplicate_count,
        }
    }

    /// Rules 1 to 3.
    fn examine(&self, record: &Record<'_>) -> Result<Event, (ParkReason, String)> {
        let event = wire::decode(record.value).map_err(|error| (error.reason, error.detail))?;
        let product_id = event.product_id();
        let Some(key) = record.key.filter(|key| *key == product_id.as_str().as_bytes()) else {
            let found = record.key.map_or("none".to_owned(), |key| format!("`{}`", shown_bytes(key)));
            return Err((
                ParkReason::WrongKey,
                format!("the key must be the product id `{product_id}`, found {found}"),
            ));
        };
        let expected = partition_of(key, self.partition.count);
        if expected != self.partition.number {
            let found = self.partition.number;
            let detail = format!("the key `{product_id}` belongs in partition {expected}, found in partition {found}");
            return Err((ParkReason::WrongPartition, detail));
        }
        Ok(event)
    }

    fn available(&self, product_id: &ProductId) -> Option<i64> {
        self.changed.get(product_id).map(|level| level.available).or_else(|| self.state.available(product_id))
    }

    /// Rules 4 to 7 for an order.
    fn judge_order(&self, order: &Order) -> Verdict {
        let id = order.order_id();
        let earlier =
            self.order_index.get(&id).map(|at| &self.orders[*at].order).or_else(|| self.prior.orders.get(&id));
        match (earlier, self.available(order.product_id())) {
            (Some(earlier), _) if earlier.same_contents(order) => Verdict::Duplicate,
            (Some(_), _) => Verdict::conflict("order", &id.to_string()),
            (None, None) => Verdict::rejected(RejectionReason::UnknownProduct),
            (None, Some(available)) if available < order.quantity().get() => {
                Verdict::rejected(RejectionReason::OutOfStock)
            }
            (None, Some(available)) => Verdict::confirmed(available - order.quantity().get()),
        }
    }

    /// Rules 4 to 8 for a receipt or an adjustment.
    fn judge_movement(&self, movement: &Movement) -> Verdict {
        let id = movement.movement_id();
        let earlier = self
            .movement_index
            .get(&id)
            .map(|at| &self.movements[*at].movement)
            .or_else(|| self.prior.movements.get(&id));
        if let Some(earlier) = earlier {
            let same = earlier.same_contents(movement);
            return if same { Verdict::Duplicate } else { Verdict::conflict("movement", &id.to_string()) };
        }
        let before = match (movement.kind(), self.available(movement.product_id())) {
            (_, Some(available)) => available,
            (MovementKind::Receipt(_), None) => 0,
            (MovementKind::Adjustment { .. }, None) => return Verdict::rejected(RejectionReason::UnknownProduct),
        };
        // Both are at most 2^53 in size, so the sum cannot overflow an i64.
        match before + movement.delta().get() {
            after if after < 0 => Verdict::rejected(RejectionReason::BelowZero),
            after if after > MAX_SAFE_INTEGER => {
                let detail = format!("the stock would be {after}, at most {MAX_SAFE_INTEGER} can be held");
                Verdict::Parked(ParkReason::StockOverflow, detail)
            }
            after => Verdict::confirmed(after),
        }
    }

    fn fold_order(&mut self, order: Order, record: &Record<'_>) {
        let offset = record.offset;
        let decided = match self.judge_order(&order) {
            Verdict::Duplicate => return self.duplicate_count += 1,
            Verdict::Parked(reason, detail) => return self.park(offset, reason, detail),
            Verdict::Decided(decided) => decided,
        };
        self.set_stock(order.product_id(), decided, offset);
        self.emit(offset, |event_id| decided.order_outcome(&order, event_id));
        let decision = decided.decision();
        self.order_index.insert(order.order_id(), self.orders.len());
        let listed_at = listed_at(order.placed_at(), record.time_ms);
        self.orders.push(OrderRow { offset, order, decision, listed_at });
    }

    fn fold_movement(&mut self, movement: Movement, offset: i64) {
        let decided = match self.judge_movement(&movement) {
            Verdict::Duplicate => return self.duplicate_count += 1,
            Verdict::Parked(reason, detail) => return self.park(offset, reason, detail),
            Verdict::Decided(decided) => decided,
        };
        self.set_stock(movement.product_id(), decided, offset);
        self.emit(offset, |event_id| decided.movement_outcome(&movement, event_id));
        let decision = decided.decision();
        self.movement_index.insert(movement.movement_id(), self.movements.len());
        self.movements.push(MovementRow { offset, movement, decision });
    }

    /// Only what is confirmed changes the stock.
    fn set_stock(&mut self, product_id: &ProductId, decided: Decided, offset: i64) {
        let Decided::Confirmed { available } = decided else { return };
        assert!(available >= 0, "INV-2: a decision at offset {offset} would leave {available} pieces of {product_id}");
        match self.changed.get_mut(product_id) {
            Some(level) => *level = Level { available, offset },
            None => {
                self.changed.insert(product_id.clone(), Level { available, offset });
            }
        }
    }

    fn park(&mut self, offset: i64, reason: ParkReason, detail: String) {
        self.parked.push(Parked { offset, reason, detail });
    }

    /// One outcome per record today, so its index is 0.
    fn emit(&mut self, offset: i64, outcome: impl FnOnce(String) -> Outcome) {
        let event_id = EventId { cause: Position { partition: self.partition.number, offset }, index: 0 };
        self.outcomes.push(OutcomeEntry { event_id, outcome: outcome(event_id.to_string()) });
    }
}

impl Verdict {
    fn confirmed(available: i64) -> Self {
        Self::Decided(Decided::Confirmed { available })
    }

    fn rejected(reason: RejectionReason) -> Self {
        Self::Decided(Decided::Rejected(reason))
    }

    fn conflict(what: &str, id: &str) -> Self {
        Self::Parked(ParkReason::ConflictingDuplicate, conflict_detail(what, id))
    }
}
