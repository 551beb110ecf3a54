//! What the whole service speaks of: what a write is about, and what the fold decided of it. The tables (`reader`) and the
//! topic of outcomes (`outcomes`) both give a [`Decision`], and requests wait for the outcome of a [`Subject`].
//!
//! It must never know where a decision was read, nor HTTP.

use std::fmt;

use ledger_schema::wire::Event;
use ledger_schema::{MovementId, OrderId, Position};

/// What a write is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    Order(OrderId),
    Movement(MovementId),
}

impl Subject {
    pub(crate) fn of(event: &Event) -> Self {
        match event {
            Event::OrderPlaced(order) => Self::Order(order.order_id()),
            Event::StockMoved(movement) => Self::Movement(movement.movement_id()),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(order_id) => write!(f, "order {order_id}"),
            Self::Movement(movement_id) => write!(f, "movement {movement_id}"),
        }
    }
}

/// A decision that the fold recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    /// Of the record that was decided: the first under its id.
    pub(crate) position: Position,
    /// A word of [`ledger_schema::Status`], or one that only a newer projector knows.
    pub(crate) status: String,
    /// Why it was rejected. There exactly when it was: by a CHECK of the tables, and in outcomes by their type.
    pub(crate) reason: Option<String>,
}
