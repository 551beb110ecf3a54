//! Outcomes: what the fold decided, as published on `orders.outcomes`. One type serves both directions, since the
//! projector writes them and the order services (and anybody else) read them.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::encode::json;
use crate::domain::{ADJUSTMENT, Contents, MovementContents, Note, OrderContents};

/// An effect of one record of the log. `type` tells the variants apart; every one carries its `version` and its
/// `event_id` (`PARTITION-OFFSET-INDEX` of the cause), by which a consumer can deduplicate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Outcome {
    OrderConfirmed(OrderConfirmed),
    OrderRejected(OrderRejected),
    StockChanged(StockChanged),
    AdjustmentRejected(AdjustmentRejected),
}

/// The order took its quantity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderConfirmed {
    pub version: u32,
    pub event_id: String,
    pub order_id: String,
    pub user_id: String,
    pub product_id: String,
    pub quantity: i64,
    pub unit_price: i64,
    pub total_price: i64,
    /// Pieces left after this order.
    pub available: i64,
}

/// The order changed nothing, for `reason` (a [`crate::RejectionReason`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRejected {
    pub version: u32,
    pub event_id: String,
    pub order_id: String,
    pub user_id: String,
    pub product_id: String,
    pub quantity: i64,
    pub unit_price: i64,
    pub total_price: i64,
    pub reason: String,
}

/// A receipt or an adjustment changed the stock by `delta`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockChanged {
    pub version: u32,
    pub event_id: String,
    pub movement_id: String,
    pub product_id: String,
    /// `receipt` or `adjustment`.
    pub kind: String,
    pub delta: i64,
    /// Pieces available after it.
    pub available: i64,
}

/// The adjustment changed nothing, for `reason` (a [`crate::RejectionReason`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdjustmentRejected {
    pub version: u32,
    pub event_id: String,
    pub movement_id: String,
    pub product_id: String,
    pub delta: i64,
    pub reason: String,
}

/// Bytes that are not an outcome of a known type and version.
#[derive(Debug, Error)]
pub enum OutcomeError {
    #[error("not an outcome: {0}")]
    Undecodable(#[from] serde_json::Error),
    #[error("version {found} of {event_type} is not known, expected 1")]
    UnknownVersion { event_type: &'static str, found: u32 },
}

impl Outcome {
    /// The only version written today.
    pub const VERSION: u32 = 1;

    pub fn encode(&self) -> Vec<u8> {
        json(self)
    }

    /// # Errors
    /// [`OutcomeError`] for other JSON, an unknown type, or an unknown version.
    pub fn decode(value: &[u8]) -> Result<Self, OutcomeError> {
        let outcome: Self = serde_json::from_slice(value)?;
        match outcome.version() {
            Self::VERSION => Ok(outcome),
            found => Err(OutcomeError::UnknownVersion { event_type: outcome.event_type(), found }),
        }
    }

    fn version(&self) -> u32 {
        match self {
            Self::OrderConfirmed(outcome) => outcome.version,
            Self::OrderRejected(outcome) => outcome.version,
            Self::StockChanged(outcome) => outcome.version,
            Self::AdjustmentRejected(outcome) => outcome.version,
        }
    }

    /// The word in `type` and `ce_type`.
    pub fn event_type(&self) -> &'static str {
        match self {
            Self::OrderConfirmed(_) => "OrderConfirmed",
            Self::OrderRejected(_) => "OrderRejected",
            Self::StockChanged(_) => "StockChanged",
            Self::AdjustmentRejected(_) => "AdjustmentRejected",
        }
    }

    /// `PARTITION-OFFSET-INDEX` of the cause; parses as [`crate::EventId`].
    pub fn event_id(&self) -> &str {
        match self {
            Self::OrderConfirmed(outcome) => &outcome.event_id,
            Self::OrderRejected(outcome) => &outcome.event_id,
            Self::StockChanged(outcome) => &outcome.event_id,
            Self::AdjustmentRejected(outcome) => &outcome.event_id,
        }
    }

    /// The product it is about.
    pub fn product_id(&self) -> &str {
        match self {
            Self::OrderConfirmed(outcome) => &outcome.product_id,
            Self::OrderRejected(outcome) => &outcome.product_id,
            Self::StockChanged(outcome) => &outcome.product_id,
            Self::AdjustmentRejected(outcome) => &outcome.product_id,
        }
    }

    /// What the record that was decided asks for under its id. (An outcome does not hold an adjustment's note.)
    pub fn contents(&self) -> Contents<'_> {
        let movement = |product_id, kind, delta| {
            Contents::Movement(MovementContents { product_id, kind, delta, note: Note::NotHeld })
        };
        match self {
            Self::OrderConfirmed(OrderConfirmed { user_id, product_id, quantity, unit_price, .. })
            | Self::OrderRejected(OrderRejected { user_id, product_id, quantity, unit_price, .. }) => {
                Contents::Order(OrderContents { user_id, product_id, quantity: *quantity, unit_price: *unit_price })
            }
            Self::StockChanged(outcome) => movement(&outcome.product_id, &outcome.kind, outcome.delta),
            // Only an adjustment can be rejected: a receipt introduces its product and takes nothing.
            Self::AdjustmentRejected(outcome) => movement(&outcome.product_id, ADJUSTMENT, outcome.delta),
        }
    }

    /// The record's key: the order id, or for a movement the product id.
    pub fn key(&self) -> &str {
        match self {
            Self::OrderConfirmed(outcome) => &outcome.order_id,
            Self::OrderRejected(outcome) => &outcome.order_id,
            Self::StockChanged(outcome) => &outcome.product_id,
            Self::AdjustmentRejected(outcome) => &outcome.product_id,
        }
    }
}
