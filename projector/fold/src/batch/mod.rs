//! The rules. A batch folds records of one partition over a state that it does not touch, so a batch that cannot be
//! committed is simply dropped.
//!
//! It must never read a clock, draw a number, or look at a header. Next: `placed` and `moved` (what is new), `home` and
//! `requests` (orders that stand before), `reserved` (lines of orders that are at home elsewhere), [`crate::effects`], what comes out.
//!
//! Precedence, for every record; the first that applies decides:
//! 0. an operator had it skipped: parked, `skipped`, and not looked into (the one rule that is not about the log; [`crate::state`])
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
//!
//! What refers to an order or a line that stands before comes after rule 3:
//! 10. a line event whose cause lies in another partition than its sender's: parked, `wrong-cause`
//! 11. no such order, or no such line: parked, `unknown-order` or `unknown-line`; a line that was reserved for nothing is given back
//! 12. what it asks for was done before: a duplicate, counted; what the other side may have missed is told again
//! 13. the order or line was decided otherwise before: counted as overruled, and told again
//! 14. `HoldExpired` with a time before the hold's end: parked, `hold-not-over`
//! 15. it moves the order, or the line.

#![expect(
    clippy::disallowed_types,
    reason = "the maps of ids are looked up only, never iterated: their order reaches no output"
)]

mod home;
mod moved;
mod placed;
mod requests;
mod reserved;

use std::collections::{BTreeMap, HashMap};

use ledger_schema::domain::{MAX_SAFE_INTEGER, shown_bytes};
use ledger_schema::partitioner::partition_of;
use ledger_schema::wire::{self, Event, Outcome};
use ledger_schema::{
    EventId, LineEvent, LineStep, LineTarget, MovementId, OrderId, ParkReason, Position, ProductId, RejectionReason,
};

use crate::effects::{
    BatchEffects, MovementRow, OpenChanges, OrderRow, OutcomeEntry, Parked, StockRow, ToldEntry, conflict_detail,
};
use crate::prior::{Prior, Wanted};
use crate::record::{Partition, Record};
use crate::reservation::{ReservationKey, ReservationRow};
use crate::state::{Level, PartitionState};

/// A changed product within the batch.
struct Changed {
    level: Level,
    offset: i64,
}

/// Why a record is parked, in words.
type Refusal = (ParkReason, String);

/// One batch in the making.
pub struct BatchFold<'a> {
    partition: Partition,
    state: &'a PartitionState,
    prior: &'a Prior,
    from_offset: i64,
    next_offset: i64,
    record_count: u64,
    /// Of the record that is folded: the index of its next outcome, or of what it tells.
    next_index: u32,
    stock: BTreeMap<ProductId, Changed>,
    orders: Vec<OrderRow>,
    order_index: HashMap<OrderId, usize>,
    /// Which of `orders` were open when they were placed.
    opened: Vec<usize>,
    changed_orders: BTreeMap<OrderId, OrderRow>,
    movements: Vec<MovementRow>,
    movement_index: HashMap<MovementId, usize>,
    reservations: Vec<ReservationRow>,
    reservation_index: HashMap<ReservationKey, usize>,
    changed_reservations: BTreeMap<ReservationKey, ReservationRow>,
    parked: Vec<Parked>,
    outcomes: Vec<OutcomeEntry>,
    told: Vec<ToldEntry>,
    duplicate_count: u64,
    overruled_count: u64,
    wanted: Wanted,
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
            record_count: 0,
            next_index: 0,
            stock: BTreeMap::new(),
            orders: Vec::new(),
            order_index: HashMap::new(),
            opened: Vec::new(),
            changed_orders: BTreeMap::new(),
            movements: Vec::new(),
            movement_index: HashMap::new(),
            reservations: Vec::new(),
            reservation_index: HashMap::new(),
            changed_reservations: BTreeMap::new(),
            parked: Vec::new(),
            outcomes: Vec::new(),
            told: Vec::new(),
            duplicate_count: 0,
            overruled_count: 0,
            wanted: Wanted::default(),
        }
    }

    /// Folds one record. Records come in the order of their offsets; one that lies before the position was folded
    /// already and is passed over. (Offsets may have gaps: Kafka's transaction markers take some.)
    pub fn fold(&mut self, record: &Record<'_>) {
        if record.offset < self.next_offset {
            return;
        }
        self.next_offset = record.offset + 1;
        self.record_count += 1;
        self.next_index = 0;
        if let Some(detail) = self.state.skipped(record.offset) {
            let (offset, detail) = (record.offset, detail.to_owned());
            self.parked.push(Parked { offset, reason: ParkReason::Skipped, detail });
            return;
        }
        let folded = match self.examine(record) {
            Ok(Event::OrderPlaced(order)) => self.fold_order(order, record),
            Ok(Event::StockMoved(movement)) => self.fold_movement(movement, record.offset),
            Ok(Event::OrderRequested(request)) => self.fold_request(&request, record.offset),
            Ok(Event::LineTold(told)) => self.fold_told(&told, record.offset),
            Err(refusal) => Err(refusal),
        };
        if let Err((reason, detail)) = folded {
            self.parked.push(Parked { offset: record.offset, reason, detail });
        }
    }

    /// Everything that the batch does.
    pub fn finish(self) -> BatchEffects {
        let open_orders = self.open_changes();
        let stock = self
            .stock
            .into_iter()
            .map(|(product_id, Changed { level, offset })| StockRow { product_id, level, offset })
            .collect();
        BatchEffects {
            partition: self.partition.number,
            from_offset: self.from_offset,
            next_offset: self.next_offset,
            record_count: self.record_count,
            orders: self.orders,
            changed_orders: self.changed_orders.into_values().collect(),
            open_orders,
            movements: self.movements,
            reservations: self.reservations,
            changed_reservations: self.changed_reservations.into_values().collect(),
            stock,
            parked: self.parked,
            outcomes: self.outcomes,
            told: self.told,
            duplicate_count: self.duplicate_count,
            overruled_count: self.overruled_count,
            wanted: self.wanted,
        }
    }

    /// Rules 1 to 3.
    fn examine(&self, record: &Record<'_>) -> Result<Event, Refusal> {
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

    /// Rule 10, then by what the event says.
    fn fold_told(&mut self, told: &LineEvent, offset: i64) -> Result<(), Refusal> {
        let (sender, cause) = (self.partition.of(told.sender()), told.cause.cause.partition);
        if cause != sender || sender == self.partition.number {
            let expected = if sender == self.partition.number {
                "the partition of another product: what a partition decides about its own lines it tells nobody"
                    .to_owned()
            } else {
                format!("partition {sender}, where `{}` lives", told.sender())
            };
            return Err((ParkReason::WrongCause, format!("cause must be of {expected}, found partition {cause}")));
        }
        match told.step {
            LineStep::Requested => self.fold_line_requested(&told.target, offset),
            LineStep::Decided(decision) => self.fold_line_decided(&told.target, decision, offset),
            LineStep::Released => self.fold_line_released(&told.target, offset),
            LineStep::Confirmed => self.fold_line_confirmed(&told.target, offset),
        }
    }

    /// What a product has here; `None` where it never had a receipt.
    fn level(&self, product_id: &ProductId) -> Option<Level> {
        self.stock.get(product_id).map(|changed| changed.level).or_else(|| self.state.level(product_id))
    }

    /// Of a product of which pieces are taken.
    fn known_level(&self, product_id: &ProductId) -> Level {
        self.level(product_id).unwrap_or_else(|| panic!("INV-3: pieces of {product_id} are taken, and it has no stock"))
    }

    /// Whether so many pieces can be taken.
    fn judge_line(&self, product_id: &ProductId, quantity: i64) -> Result<Level, RejectionReason> {
        match self.level(product_id) {
            None => Err(RejectionReason::UnknownProduct),
            Some(level) if level.available < quantity => Err(RejectionReason::OutOfStock),
            Some(level) => Ok(level),
        }
    }

    fn set_level(&mut self, product_id: &ProductId, level: Level, offset: i64) {
        let Level { available, held } = level;
        assert!(available >= 0, "INV-2: a decision at offset {offset} would leave {available} pieces of {product_id}");
        assert!(held >= 0, "INV-2: a decision at offset {offset} would leave {held} pieces of {product_id} held");
        match self.stock.get_mut(product_id) {
            Some(changed) => *changed = Changed { level, offset },
            None => {
                self.stock.insert(product_id.clone(), Changed { level, offset });
            }
        }
    }

    /// Rule 8, for pieces of a confirmed order that come back: others may have taken their place.
    fn check_room(&self, product_id: &ProductId, quantity: i64) -> Result<(), Refusal> {
        let Level { available, held } = self.known_level(product_id);
        check_sum(available + held + quantity)
    }

    fn event_id(&mut self, offset: i64) -> EventId {
        let index = self.next_index;
        self.next_index += 1;
        EventId { cause: Position { partition: self.partition.number, offset }, index }
    }

    fn emit(&mut self, offset: i64, outcome: impl FnOnce(String) -> Outcome) {
        let event_id = self.event_id(offset);
        self.outcomes.push(OutcomeEntry { event_id, outcome: outcome(event_id.to_string()) });
    }

    fn tell(&mut self, offset: i64, target: LineTarget, step: LineStep) {
        let event_id = self.event_id(offset);
        let event = LineEvent { cause: event_id, target, step };
        let partition = self.partition.of(event.addressee());
        self.told.push(ToldEntry { event_id, partition, event });
    }

    /// What became of `open_orders`: what is open now and was not before the batch, and the other way round.
    fn open_changes(&self) -> OpenChanges {
        let mut changes = OpenChanges::default();
        changes.added.extend(self.opened.iter().filter_map(|at| self.orders[*at].open()));
        for (id, row) in &self.changed_orders {
            let before = self.prior.orders.get(id).and_then(Option::as_ref).and_then(OrderRow::open);
            let after = row.open();
            if before != after {
                changes.removed.extend(before);
                changes.added.extend(after);
            }
        }
        changes
    }
}

/// Rule 8. What is held comes back some day, so it counts, too.
fn check_sum(pieces: i64) -> Result<(), Refusal> {
    if pieces <= MAX_SAFE_INTEGER {
        return Ok(());
    }
    Err((ParkReason::StockOverflow, format!("the stock would be {pieces}, at most {MAX_SAFE_INTEGER} can be held")))
}

fn conflict(what: &str, id: &str) -> Refusal {
    (ParkReason::ConflictingDuplicate, conflict_detail(what, id))
}
