//! Outcomes: what the fold decided, as published on `orders.outcomes`. One type serves both directions, since the
//! projector writes them and the order services (and anybody else) read them.
//!
//! It must never have a field that is no function of the log (INV-4). Next: [`super::outcome_of_lines`] (version 2), and
//! `ledger_fold::decided`, which makes them.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::encode::json;
use super::outcome_of_lines::{OrderMoved, OutcomeOfLines, StockReleased};
use crate::domain::{ADJUSTMENT, Contents, LineContents, MovementContents, Note, OrderContents};

/// An effect of one record of the log. The member `type` tells them apart; every one carries its `version` and its
/// `event_id` (`PARTITION-OFFSET-INDEX` of the cause), by which a consumer can deduplicate. An order of one line has
/// version 1, one of several lines version 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    OrderConfirmed(OrderConfirmed),
    OrderRejected(OrderRejected),
    OrderHeld(OrderHeld),
    OrderCancelled(OrderCancelled),
    /// Version 2 of `OrderConfirmed`, `OrderRejected`, `OrderHeld` and `OrderCancelled`.
    OfLines(OutcomeOfLines),
    StockChanged(StockChanged),
    /// Version 2 of `StockChanged`: pieces that an order gave back.
    StockReleased(StockReleased),
    AdjustmentRejected(AdjustmentRejected),
}

macro_rules! outcome_of_one_line {
    ($(#[$doc:meta])* $name:ident { $($(#[$last_doc:meta])* $last:ident: $kind:ty),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name {
            pub version: u32,
            pub event_id: String,
            pub order_id: String,
            pub user_id: String,
            pub product_id: String,
            pub quantity: i64,
            pub unit_price: i64,
            pub total_price: i64,
            $($(#[$last_doc])* pub $last: $kind,)+
            /// Code of ISO 4217, where the order has one.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub currency: Option<String>,
            /// For how long the order asked to be held, where it did.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub hold_seconds: Option<i64>,
        }

        impl $name {
            fn contents(&self) -> OrderContents<'_> {
                OrderContents {
                    user_id: &self.user_id,
                    lines: vec![LineContents {
                        product_id: &self.product_id,
                        quantity: self.quantity,
                        unit_price: self.unit_price,
                    }],
                    currency: self.currency.as_deref(),
                    hold_seconds: self.hold_seconds,
                }
            }
        }
    };
}

outcome_of_one_line!(
    /// The order took its quantity, for good.
    OrderConfirmed {
        /// Pieces left after this order.
        available: i64,
    }
);
outcome_of_one_line!(
    /// The order changed nothing, for `reason` (a [`crate::RejectionReason`]).
    OrderRejected {
        reason: String,
    }
);
outcome_of_one_line!(
    /// The order took its quantity, until it is confirmed, cancelled or expires.
    OrderHeld {
        /// RFC 3339, UTC.
        expires_at: String,
        /// Pieces left after this order.
        available: i64,
    }
);
outcome_of_one_line!(
    /// The order gave its quantity back, for `reason`: `cancelled` or `expired`.
    OrderCancelled {
        reason: String,
        /// Pieces left after that.
        available: i64,
    }
);

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
    #[error("not an outcome: type `{found}` is not known")]
    UnknownType { found: String },
    #[error("version {found} of {event_type} is not known, expected {expected}")]
    UnknownVersion { event_type: String, found: u32, expected: &'static str },
}

/// What decides how the rest is read.
#[derive(Deserialize)]
struct Head {
    r#type: String,
    version: u32,
}

/// The type's word, then the members.
#[derive(Serialize)]
struct Typed<'a, T> {
    r#type: &'static str,
    #[serde(flatten)]
    members: &'a T,
}

impl Outcome {
    /// Of an order of one line, and of a receipt or an adjustment.
    pub const VERSION: u32 = 1;
    /// Of an order of several lines, and of pieces that an order gave back.
    pub const VERSION_OF_LINES: u32 = 2;

    pub fn encode(&self) -> Vec<u8> {
        fn typed(r#type: &'static str, members: &impl Serialize) -> Vec<u8> {
            json(&Typed { r#type, members })
        }
        let event_type = self.event_type();
        match self {
            Self::OrderConfirmed(outcome) => typed(event_type, outcome),
            Self::OrderRejected(outcome) => typed(event_type, outcome),
            Self::OrderHeld(outcome) => typed(event_type, outcome),
            Self::OrderCancelled(outcome) => typed(event_type, outcome),
            Self::OfLines(outcome) => typed(event_type, outcome),
            Self::StockChanged(outcome) => typed(event_type, outcome),
            Self::StockReleased(outcome) => typed(event_type, outcome),
            Self::AdjustmentRejected(outcome) => typed(event_type, outcome),
        }
    }

    /// # Errors
    /// [`OutcomeError`] for other JSON, an unknown type, or an unknown version.
    pub fn decode(value: &[u8]) -> Result<Self, OutcomeError> {
        let Head { r#type, version } = serde_json::from_slice(value)?;
        let of_lines = |moved: OrderMoved| -> Result<Self, OutcomeError> {
            Ok(Self::OfLines(OutcomeOfLines { moved, ..serde_json::from_slice(value)? }))
        };
        Ok(match (r#type.as_str(), version) {
            ("OrderConfirmed", 1) => Self::OrderConfirmed(serde_json::from_slice(value)?),
            ("OrderRejected", 1) => Self::OrderRejected(serde_json::from_slice(value)?),
            ("OrderHeld", 1) => Self::OrderHeld(serde_json::from_slice(value)?),
            ("OrderCancelled", 1) => Self::OrderCancelled(serde_json::from_slice(value)?),
            ("OrderConfirmed", 2) => of_lines(OrderMoved::Confirmed)?,
            ("OrderRejected", 2) => of_lines(OrderMoved::Rejected)?,
            ("OrderHeld", 2) => of_lines(OrderMoved::Held)?,
            ("OrderCancelled", 2) => of_lines(OrderMoved::Cancelled)?,
            ("StockChanged", 1) => Self::StockChanged(serde_json::from_slice(value)?),
            ("StockChanged", 2) => Self::StockReleased(serde_json::from_slice(value)?),
            ("AdjustmentRejected", 1) => Self::AdjustmentRejected(serde_json::from_slice(value)?),
            ("AdjustmentRejected", found) => {
                return Err(OutcomeError::UnknownVersion { event_type: r#type, found, expected: "1" });
            }
            ("OrderConfirmed" | "OrderRejected" | "OrderHeld" | "OrderCancelled" | "StockChanged", found) => {
                return Err(OutcomeError::UnknownVersion { event_type: r#type, found, expected: "1 or 2" });
            }
            _ => return Err(OutcomeError::UnknownType { found: crate::domain::shown(&r#type) }),
        })
    }

    /// The word in `type` and `ce_type`.
    pub fn event_type(&self) -> &'static str {
        match self {
            Self::OrderConfirmed(_) => OrderMoved::Confirmed.event_type(),
            Self::OrderRejected(_) => OrderMoved::Rejected.event_type(),
            Self::OrderHeld(_) => OrderMoved::Held.event_type(),
            Self::OrderCancelled(_) => OrderMoved::Cancelled.event_type(),
            Self::OfLines(outcome) => outcome.moved.event_type(),
            Self::StockChanged(_) | Self::StockReleased(_) => "StockChanged",
            Self::AdjustmentRejected(_) => "AdjustmentRejected",
        }
    }

    /// `PARTITION-OFFSET-INDEX` of the cause; parses as [`crate::EventId`].
    pub fn event_id(&self) -> &str {
        match self {
            Self::OrderConfirmed(outcome) => &outcome.event_id,
            Self::OrderRejected(outcome) => &outcome.event_id,
            Self::OrderHeld(outcome) => &outcome.event_id,
            Self::OrderCancelled(outcome) => &outcome.event_id,
            Self::OfLines(outcome) => &outcome.event_id,
            Self::StockChanged(outcome) => &outcome.event_id,
            Self::StockReleased(outcome) => &outcome.event_id,
            Self::AdjustmentRejected(outcome) => &outcome.event_id,
        }
    }

    /// The product it is about; of an order of several lines, that of line 1.
    pub fn product_id(&self) -> &str {
        match self {
            Self::OrderConfirmed(outcome) => &outcome.product_id,
            Self::OrderRejected(outcome) => &outcome.product_id,
            Self::OrderHeld(outcome) => &outcome.product_id,
            Self::OrderCancelled(outcome) => &outcome.product_id,
            Self::OfLines(outcome) => outcome.first_product_id(),
            Self::StockChanged(outcome) => &outcome.product_id,
            Self::StockReleased(outcome) => &outcome.product_id,
            Self::AdjustmentRejected(outcome) => &outcome.product_id,
        }
    }

    /// What was asked for under the id of the order or movement that it is about; `None` for what a line gave back, which is about
    /// neither. (An outcome does not hold an adjustment's note.)
    pub fn contents(&self) -> Option<Contents<'_>> {
        let movement = |product_id, kind, delta| {
            Contents::Movement(MovementContents { product_id, kind, delta, note: Note::NotHeld })
        };
        Some(match self {
            Self::OrderConfirmed(outcome) => Contents::Order(outcome.contents()),
            Self::OrderRejected(outcome) => Contents::Order(outcome.contents()),
            Self::OrderHeld(outcome) => Contents::Order(outcome.contents()),
            Self::OrderCancelled(outcome) => Contents::Order(outcome.contents()),
            Self::OfLines(outcome) => Contents::Order(outcome.contents()),
            Self::StockChanged(outcome) => movement(&outcome.product_id, &outcome.kind, outcome.delta),
            // Only an adjustment can be rejected: a receipt introduces its product and takes nothing.
            Self::AdjustmentRejected(outcome) => movement(&outcome.product_id, ADJUSTMENT, outcome.delta),
            Self::StockReleased(_) => return None,
        })
    }

    /// The record's key: the order id, or for a change of stock the product id.
    pub fn key(&self) -> &str {
        match self {
            Self::OrderConfirmed(outcome) => &outcome.order_id,
            Self::OrderRejected(outcome) => &outcome.order_id,
            Self::OrderHeld(outcome) => &outcome.order_id,
            Self::OrderCancelled(outcome) => &outcome.order_id,
            Self::OfLines(outcome) => &outcome.order_id,
            Self::StockChanged(outcome) => &outcome.product_id,
            Self::StockReleased(outcome) => &outcome.product_id,
            Self::AdjustmentRejected(outcome) => &outcome.product_id,
        }
    }
}
