//! The events on the wire: JSON in snake_case with `type` and `version`. Versions are resolved here, at the edge;
//! inside there are only domain types. Golden samples, one per event and version, are in `golden/` and are
//! never edited. Fields that a reader does not know are ignored; a type or version it does not know is an error.
//!
//! It must never let a wire type into the domain. Reading order: `decode`, `json`, `text`, `members`, `foreign` (from bytes to an
//! event, or to a refusal in plain words), `encode`, `outcome`.

mod beginnings;
mod decode;
mod encode;
mod foreign;
mod json;
mod members;
mod outcome;
mod text;

pub use decode::{DecodeError, MAX_EVENT_BYTES, decode};
pub use encode::{encode, encode_into};
pub use outcome::{AdjustmentRejected, OrderConfirmed, OrderRejected, Outcome, OutcomeError, StockChanged};

use uuid::Uuid;

use crate::domain::{Contents, Movement, MovementKind, Order, ProductId};

/// An event of the log, decoded: the past tense of what a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    OrderPlaced(Order),
    /// `StockReceived` or `StockAdjusted`, by the movement's kind.
    StockMoved(Movement),
}

/// The `type` words of the log.
pub const ORDER_PLACED: &str = "OrderPlaced";
pub const STOCK_RECEIVED: &str = "StockReceived";
pub const STOCK_ADJUSTED: &str = "StockAdjusted";

impl Event {
    /// The product it is about, whose id is also the record's key.
    pub fn product_id(&self) -> &ProductId {
        match self {
            Self::OrderPlaced(order) => order.product_id(),
            Self::StockMoved(movement) => movement.product_id(),
        }
    }

    /// What it asks for under its id.
    pub fn contents(&self) -> Contents<'_> {
        match self {
            Self::OrderPlaced(order) => Contents::Order(order.contents()),
            Self::StockMoved(movement) => Contents::Movement(movement.contents()),
        }
    }

    /// The word in `type` and `ce_type`.
    pub fn event_type(&self) -> &'static str {
        match self {
            Self::OrderPlaced(_) => ORDER_PLACED,
            Self::StockMoved(movement) => match movement.kind() {
                MovementKind::Receipt(_) => STOCK_RECEIVED,
                MovementKind::Adjustment { .. } => STOCK_ADJUSTED,
            },
        }
    }

    /// The id of the order or movement, which is also the event's `ce_id`.
    pub fn id(&self) -> String {
        self.uuid().to_string()
    }

    /// The id of the order or movement.
    pub fn uuid(&self) -> Uuid {
        match self {
            Self::OrderPlaced(order) => order.order_id().as_uuid(),
            Self::StockMoved(movement) => movement.movement_id().as_uuid(),
        }
    }
}
