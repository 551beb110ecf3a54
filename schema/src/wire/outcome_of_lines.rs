//! Version 2 of outcomes: what became of an order of several lines, and pieces that an order gave back.
//!
//! It must never be written for an order of one line: its readers know version 1. Next: [`super::outcome`].

use serde::{Deserialize, Serialize};

use crate::domain::{LineContents, OrderContents};

/// What became of an order: the word of `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OrderMoved {
    /// Every line is taken, until the order is confirmed, cancelled or expires.
    Held,
    /// Every line is taken, for good.
    #[default]
    Confirmed,
    /// A line was refused, and no line is taken.
    Rejected,
    /// What was taken is given back, for `reason`: `cancelled` or `expired`.
    Cancelled,
}

impl OrderMoved {
    /// The word in `type` and `ce_type`.
    pub fn event_type(self) -> &'static str {
        match self {
            Self::Held => "OrderHeld",
            Self::Confirmed => "OrderConfirmed",
            Self::Rejected => "OrderRejected",
            Self::Cancelled => "OrderCancelled",
        }
    }
}

/// What became of an order of several lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeOfLines {
    /// Stands in `type`.
    #[serde(skip)]
    pub moved: OrderMoved,
    pub version: u32,
    pub event_id: String,
    pub order_id: String,
    pub user_id: String,
    pub lines: Vec<OutcomeLine>,
    pub total_price: i64,
    /// Why it is rejected or cancelled (an [`crate::OrderReason`]); of a rejection the reason of the line that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// RFC 3339, UTC: of an order that is held, when that ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Code of ISO 4217, where the order has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// For how long the order asked to be held, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_seconds: Option<i64>,
}

/// One line of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeLine {
    pub line_no: i16,
    pub product_id: String,
    pub quantity: i64,
    pub unit_price: i64,
    pub total_price: i64,
    /// A [`crate::LineStatus`].
    pub status: String,
    /// An [`crate::OrderReason`]: why this line, or its order, was ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An order gave pieces back: it was rejected, cancelled, or its hold expired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReleased {
    pub version: u32,
    pub event_id: String,
    pub order_id: String,
    pub line_no: i16,
    pub product_id: String,
    /// `release`.
    pub kind: String,
    /// In pieces, positive.
    pub delta: i64,
    /// Pieces available after it.
    pub available: i64,
}

impl OutcomeLine {
    fn contents(&self) -> LineContents<'_> {
        LineContents { product_id: &self.product_id, quantity: self.quantity, unit_price: self.unit_price }
    }
}

impl StockReleased {
    /// The word of `kind`.
    pub const KIND: &'static str = "release";
}

impl OutcomeOfLines {
    /// Of line 1, where the order is at home.
    pub fn first_product_id(&self) -> &str {
        self.lines.first().map_or("", |line| &line.product_id)
    }

    pub(super) fn contents(&self) -> OrderContents<'_> {
        OrderContents {
            user_id: &self.user_id,
            lines: self.lines.iter().map(OutcomeLine::contents).collect(),
            currency: self.currency.as_deref(),
            hold_seconds: self.hold_seconds,
        }
    }
}
