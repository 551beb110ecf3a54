//! The events on the wire: JSON in snake_case with `type` and `version`. Versions are resolved here, at the edge;
//! inside there are only domain types. Golden samples, one per event and version, are in `golden/` and are
//! never edited. Fields that a reader does not know are ignored; a type or version it does not know is an error.
//!
//! It must never let a wire type into the domain. Reading order: `decode`, `decode_lines`, `decode_requests`,
//! `json`, `text`, `members`, `foreign` (from bytes to an event, or to a refusal in plain words), `encode`, `encode_lines`, `outcome`,
//! `outcome_of_lines`.

mod beginnings;
mod decode;
mod decode_lines;
mod decode_requests;
mod encode;
mod encode_lines;
mod foreign;
mod json;
mod members;
mod outcome;
mod outcome_of_lines;
mod text;

pub use decode::{DecodeError, MAX_EVENT_BYTES, decode};
pub use encode::{encode, encode_into, time_text};
pub use outcome::{
    AdjustmentRejected, OrderCancelled, OrderConfirmed, OrderHeld, OrderRejected, Outcome, OutcomeError, StockChanged,
};
pub use outcome_of_lines::{OrderMoved, OutcomeLine, OutcomeOfLines, StockReleased};

use std::fmt::Write;

use crate::domain::{Contents, LineEvent, Movement, MovementKind, Order, OrderRequest, ProductId};

/// An event of the log, decoded: the past tense of what a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    OrderPlaced(Order),
    /// `StockReceived` or `StockAdjusted`, by the movement's kind.
    StockMoved(Movement),
    /// `OrderConfirmRequested`, `OrderCancelRequested` or `HoldExpired`, by the request's kind.
    OrderRequested(OrderRequest),
    /// `LineRequested`, `LineDecided`, `LineReleased` or `LineConfirmed`, by its step. Of the projector alone.
    LineTold(LineEvent),
}

/// The `type` words of the log.
pub const ORDER_PLACED: &str = "OrderPlaced";
pub const STOCK_RECEIVED: &str = "StockReceived";
pub const STOCK_ADJUSTED: &str = "StockAdjusted";
pub const ORDER_CONFIRM_REQUESTED: &str = "OrderConfirmRequested";
pub const ORDER_CANCEL_REQUESTED: &str = "OrderCancelRequested";
pub const HOLD_EXPIRED: &str = "HoldExpired";
pub const LINE_REQUESTED: &str = "LineRequested";
pub const LINE_DECIDED: &str = "LineDecided";
pub const LINE_RELEASED: &str = "LineReleased";
pub const LINE_CONFIRMED: &str = "LineConfirmed";

impl Event {
    /// The product whose id is the record's key: what it is about, or where it goes.
    pub fn product_id(&self) -> &ProductId {
        match self {
            Self::OrderPlaced(order) => order.product_id(),
            Self::StockMoved(movement) => movement.product_id(),
            Self::OrderRequested(request) => request.home_product_id(),
            Self::LineTold(told) => told.addressee(),
        }
    }

    /// What it asks for under an id of its own; `None` for what follows an order that stands before.
    pub fn contents(&self) -> Option<Contents<'_>> {
        match self {
            Self::OrderPlaced(order) => Some(Contents::Order(order.contents())),
            Self::StockMoved(movement) => Some(Contents::Movement(movement.contents())),
            Self::OrderRequested(_) | Self::LineTold(_) => None,
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
            Self::OrderRequested(request) => encode_lines::request_type(request.kind()),
            Self::LineTold(told) => encode_lines::step_type(told.step),
        }
    }

    /// The event's `ce_id`: the id of the order or movement, or what the event follows from. Unique within its type.
    pub fn id(&self) -> String {
        let mut id = String::new();
        self.id_into(&mut id);
        id
    }

    /// As [`Event::id`], to the end of `id`: who appends many need not ask for room each time.
    pub fn id_into(&self, id: &mut String) {
        match self {
            Self::OrderPlaced(order) => write!(id, "{}", order.order_id()),
            Self::StockMoved(movement) => write!(id, "{}", movement.movement_id()),
            Self::OrderRequested(request) => write!(id, "{}", request.order_id()),
            Self::LineTold(told) => write!(id, "{}", told.cause),
        }
        .expect("a text takes what is written to it");
    }
}
