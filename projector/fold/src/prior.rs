//! What is already stored under the ids of a batch. Normally empty for what is new: the store finds out that an id was there before
//! when a unique key objects, looks the batch's ids up, and folds the batch again with what it found. What refers to an order that
//! stands before has to be looked up in any case: the fold says which ([`Wanted`]).
//!
//! It must never be iterated. Next: [`crate::batch`], rules 4 and 5.

#![expect(clippy::disallowed_types, reason = "looked up only, never iterated: its order reaches no output")]

use std::collections::{BTreeSet, HashMap};

use ledger_schema::wire::Event;
use ledger_schema::{LineStep, Movement, MovementId, OrderId};

use crate::effects::OrderRow;
use crate::record::Partition;
use crate::reservation::{ReservationKey, ReservationRow};

/// Orders, movements and reservations of this partition, stored before this batch. Under an id that was looked up stands what was
/// found, or `None`; an id that was not looked up is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prior {
    pub orders: HashMap<OrderId, Option<OrderRow>>,
    pub movements: HashMap<MovementId, Movement>,
    pub reservations: HashMap<ReservationKey, Option<ReservationRow>>,
}

/// What has to be looked up before a batch can be folded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    pub orders: BTreeSet<OrderId>,
    pub reservations: BTreeSet<ReservationKey>,
}

impl Wanted {
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty() && self.reservations.is_empty()
    }
}

/// The id under which something may be stored that decides what an event does. A record may be about one of each kind at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredUnder {
    Order(OrderId),
    Movement(MovementId),
    Reservation(ReservationKey),
}

/// The id that the event's record has to be looked up by.
pub fn stored_under(event: &Event, partition: Partition) -> StoredUnder {
    match event {
        Event::OrderPlaced(order) => StoredUnder::Order(order.order_id()),
        Event::StockMoved(movement) => StoredUnder::Movement(movement.movement_id()),
        Event::OrderRequested(request) => StoredUnder::Order(request.order_id()),
        Event::LineTold(told) => match told.step {
            LineStep::Decided(_) => StoredUnder::Order(told.target.order_id),
            LineStep::Requested | LineStep::Released | LineStep::Confirmed => {
                StoredUnder::Reservation(partition.reservation_key(&told.target))
            }
        },
    }
}
