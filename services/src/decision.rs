//! What the whole service speaks of: what a write is about, and what the fold decided of it. The tables (`reader`) and the
//! topic of outcomes (`outcomes`) both give a [`Decision`], and requests wait for the outcome of a [`Subject`].
//!
//! It must never know where a decision was read, nor HTTP.

use std::fmt;

use ledger_schema::{MovementId, OrderId, Position, Status};

/// What a write is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    Order(OrderId),
    Movement(MovementId),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(order_id) => write!(f, "order {order_id}"),
            Self::Movement(movement_id) => write!(f, "movement {movement_id}"),
        }
    }
}

/// Where an order or a movement stands, as the fold recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    /// Of the record under whose id it stands: the first of that id in its partition.
    pub(crate) position: Position,
    /// A word of [`ledger_schema::Status`], or one that only a newer projector knows.
    pub(crate) status: String,
    /// Why it was rejected or cancelled. There exactly when it was: by a CHECK of the tables, and in outcomes by their type.
    pub(crate) reason: Option<String>,
    /// When the hold of an order ends that is held; RFC 3339.
    pub(crate) expires_at: Option<String>,
    /// The lines of an order that were refused.
    pub(crate) refused: Vec<RefusedLine>,
}

/// A line of an order that its product's partition refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefusedLine {
    pub(crate) line_no: i16,
    pub(crate) product_id: String,
    /// In pieces.
    pub(crate) quantity: i64,
    /// A word of [`ledger_schema::OrderReason`].
    pub(crate) reason: String,
}

impl Decision {
    /// Whether lines of the order are still to be decided.
    pub(crate) fn is_pending(&self) -> bool {
        self.is(Status::Pending)
    }

    pub(crate) fn is(&self, status: Status) -> bool {
        self.status == status.as_str()
    }
}
