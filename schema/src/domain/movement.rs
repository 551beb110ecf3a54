//! A change of a product's stock that is not an order: goods arrived, or a count differed.

use chrono::{DateTime, Utc};

use super::{AdjustmentNote, Delta, MovementContents, MovementId, Note, ProductId, Quantity};

/// The words of the column `kind`.
pub(crate) const RECEIPT: &str = "receipt";
pub(crate) const ADJUSTMENT: &str = "adjustment";

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
            MovementKind::Receipt(_) => RECEIPT,
            MovementKind::Adjustment { .. } => ADJUSTMENT,
        }
    }

    /// What it asks for under its id.
    pub fn contents(&self) -> MovementContents<'_> {
        MovementContents {
            product_id: self.product_id.as_str(),
            kind: self.kind_word(),
            delta: self.delta().get(),
            note: Note::Held(self.note().map(AdjustmentNote::as_str)),
        }
    }

    /// Whether `other` is the same movement: the same id, and the same contents under it. The time, which differs between
    /// a request and its retry, is no part of them ([`MovementContents`]).
    pub fn same_contents(&self, other: &Self) -> bool {
        self.movement_id == other.movement_id && self.contents() == other.contents()
    }
}
