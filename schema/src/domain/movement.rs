//! A change of a product's stock that is not an order: goods arrived, or a count differed.

use chrono::{DateTime, Utc};

use super::{AdjustmentNote, Delta, MovementId, ProductId, Quantity};

/// What moved the stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MovementKind {
    /// Goods arrived; introduces the product where it is new.
    Receipt(Quantity),
    /// A count differed, for the stated reason. Never introduces a product, never takes stock below zero.
    Adjustment { delta: Delta, note: AdjustmentNote },
}

/// A receipt or an adjustment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    movement_id: MovementId,
    product_id: ProductId,
    kind: MovementKind,
    occurred_at: DateTime<Utc>,
}

impl Movement {
    pub fn new(movement_id: MovementId, product_id: ProductId, kind: MovementKind, occurred_at: DateTime<Utc>) -> Self {
        Self { movement_id, product_id, kind, occurred_at }
    }

    pub fn movement_id(&self) -> MovementId {
        self.movement_id
    }

    pub fn product_id(&self) -> &ProductId {
        &self.product_id
    }

    pub fn kind(&self) -> &MovementKind {
        &self.kind
    }

    pub fn occurred_at(&self) -> DateTime<Utc> {
        self.occurred_at
    }

    /// The signed change that it asks for, in pieces.
    pub fn delta(&self) -> Delta {
        match &self.kind {
            MovementKind::Receipt(quantity) => Delta::from(*quantity),
            MovementKind::Adjustment { delta, .. } => *delta,
        }
    }

    /// The stated reason of an adjustment.
    pub fn note(&self) -> Option<&AdjustmentNote> {
        match &self.kind {
            MovementKind::Receipt(_) => None,
            MovementKind::Adjustment { note, .. } => Some(note),
        }
    }

    /// `receipt` or `adjustment`, as in the column `kind`.
    pub fn kind_word(&self) -> &'static str {
        match self.kind {
            MovementKind::Receipt(_) => "receipt",
            MovementKind::Adjustment { .. } => "adjustment",
        }
    }

    /// Whether `other` asks for the same thing: all but the time, which differs between a request and its retry.
    pub fn same_contents(&self, other: &Self) -> bool {
        self.movement_id == other.movement_id && self.product_id == other.product_id && self.kind == other.kind
    }
}
