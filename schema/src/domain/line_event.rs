//! What the partitions of an order's lines tell each other, through the log: the home asks for a line, the line's partition decides,
//! the home takes it for good or gives it back. Appended by the relay alone.
//!
//! It must never carry what the receiver could not check or does not need. Next: [`super::movement`].

use super::{LineNo, OrderId, ProductId, Quantity};
use crate::position::EventId;
use crate::reason::RejectionReason;

/// Which line of which order, and what it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineTarget {
    pub order_id: OrderId,
    pub line_no: LineNo,
    /// The product of the order's line 1: its partition is the home.
    pub home_product_id: ProductId,
    /// The line's product: its partition decides about the line.
    pub product_id: ProductId,
    pub quantity: Quantity,
}

/// What a line's partition decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineDecision {
    Reserved,
    /// `unknown-product` or `out-of-stock`.
    Rejected(RejectionReason),
}

/// What happens to the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineStep {
    /// The home asks the line's partition to reserve it.
    Requested,
    /// The line's partition tells the home.
    Decided(LineDecision),
    /// The home gives it back: the order is rejected, cancelled or expired, or never wanted it.
    Released,
    /// The home tells that the order is confirmed: what was held is sold.
    Confirmed,
}

/// One event between two partitions of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineEvent {
    /// The event id that it follows from: `PARTITION-OFFSET-INDEX` of what its sender folded. Its partition is the sender.
    pub cause: EventId,
    pub target: LineTarget,
    pub step: LineStep,
}

impl LineEvent {
    /// The product whose partition it goes to: the key.
    pub fn addressee(&self) -> &ProductId {
        match self.step {
            LineStep::Requested | LineStep::Released | LineStep::Confirmed => &self.target.product_id,
            LineStep::Decided(_) => &self.target.home_product_id,
        }
    }

    /// The product whose partition sends it: that of the cause.
    pub fn sender(&self) -> &ProductId {
        match self.step {
            LineStep::Requested | LineStep::Released | LineStep::Confirmed => &self.target.home_product_id,
            LineStep::Decided(_) => &self.target.product_id,
        }
    }
}
