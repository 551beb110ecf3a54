//! What the rules decided about an order or a movement, and the outcome that says so.
//!
//! A confirmation carries what is left, a rejection carries why: neither can be published without, so neither has to be
//! looked up again, or guessed. It must never decide anything itself. Next: [`crate::batch`], which does.

use ledger_schema::wire::{AdjustmentRejected, OrderConfirmed, OrderRejected, Outcome, StockChanged};
use ledger_schema::{Movement, Order, RejectionReason};

use crate::effects::Decision;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decided {
    Confirmed {
        /// Pieces of the product after it.
        available: i64,
    },
    Rejected(RejectionReason),
}

impl Decided {
    /// As its row has it.
    pub(crate) fn decision(self) -> Decision {
        match self {
            Self::Confirmed { .. } => Decision::Confirmed,
            Self::Rejected(reason) => Decision::Rejected(reason),
        }
    }

    pub(crate) fn order_outcome(self, order: &Order, event_id: String) -> Outcome {
        let version = Outcome::VERSION;
        let order_id = order.order_id().to_string();
        let user_id = order.user_id().to_string();
        let product_id = order.product_id().to_string();
        let quantity = order.quantity().get();
        let unit_price = order.unit_price().get();
        let total_price = order.total_price().get();
        match self {
            Self::Confirmed { available } => Outcome::OrderConfirmed(OrderConfirmed {
                version,
                event_id,
                order_id,
                user_id,
                product_id,
                quantity,
                unit_price,
                total_price,
                available,
            }),
            Self::Rejected(reason) => Outcome::OrderRejected(OrderRejected {
                version,
                event_id,
                order_id,
                user_id,
                product_id,
                quantity,
                unit_price,
                total_price,
                reason: reason.as_str().to_owned(),
            }),
        }
    }

    pub(crate) fn movement_outcome(self, movement: &Movement, event_id: String) -> Outcome {
        let version = Outcome::VERSION;
        let movement_id = movement.movement_id().to_string();
        let product_id = movement.product_id().to_string();
        let delta = movement.delta().get();
        match self {
            Self::Confirmed { available } => Outcome::StockChanged(StockChanged {
                version,
                event_id,
                movement_id,
                product_id,
                kind: movement.kind_word().to_owned(),
                delta,
                available,
            }),
            Self::Rejected(reason) => Outcome::AdjustmentRejected(AdjustmentRejected {
                version,
                event_id,
                movement_id,
                product_id,
                delta,
                reason: reason.as_str().to_owned(),
            }),
        }
    }
}
