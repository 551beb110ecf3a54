//! What comes out of the fold: rows to write and outcomes to publish, for one interval of one partition.
//!
//! It must never hold what is no function of the log (INV-4): no clock, no generation, no mark that something was
//! published. Next: [`crate::prior`].

use chrono::{DateTime, Utc};
use ledger_schema::wire::Outcome;
use ledger_schema::{EventId, Movement, Order, ParkReason, ProductId, RejectionReason, Status};

/// What was decided about an order or a movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Confirmed,
    Rejected(RejectionReason),
}

impl Decision {
    pub fn status(self) -> Status {
        match self {
            Self::Confirmed => Status::Confirmed,
            Self::Rejected(_) => Status::Rejected,
        }
    }

    pub fn reason(self) -> Option<RejectionReason> {
        match self {
            Self::Confirmed => None,
            Self::Rejected(reason) => Some(reason),
        }
    }
}

/// A new row of `orders`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRow {
    pub offset: i64,
    pub order: Order,
    pub decision: Decision,
    /// Where it stands in its user's list ([`crate::listed`]).
    pub listed_at: DateTime<Utc>,
}

impl OrderRow {
    /// Lines are counted from 1; an order of today has one.
    pub const LINE_NO: i16 = 1;
}

/// A new row of `stock_movements`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovementRow {
    pub offset: i64,
    pub movement: Movement,
    pub decision: Decision,
}

/// The new contents of a row of `stock`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockRow {
    pub product_id: ProductId,
    /// Never negative (INV-2).
    pub available: i64,
    /// Of the record that changed it last.
    pub offset: i64,
}

/// A record that could not be folded. Its key, value and headers are the caller's to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    pub offset: i64,
    pub reason: ParkReason,
    /// What exactly is wrong; names the field where there is one.
    pub detail: String,
}

/// The detail of a [`ParkReason::ConflictingDuplicate`]; `what` is `order` or `movement`. Here for `verify`, which expects
/// the same words without folding.
pub fn conflict_detail(what: &str, id: &str) -> String {
    format!("{what} {id} stands before with other contents")
}

/// An outcome with the position that it derives from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeEntry {
    pub event_id: EventId,
    pub outcome: Outcome,
}

/// Everything that one batch does to one partition. To be committed whole, with the position, or not at all (INV-1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchEffects {
    pub partition: i32,
    /// The position that the state stood at: the compare of the compare-and-set.
    pub from_offset: i64,
    /// One past the last record: the set of the compare-and-set.
    pub next_offset: i64,
    /// In log order.
    pub orders: Vec<OrderRow>,
    /// In log order.
    pub movements: Vec<MovementRow>,
    /// Each changed product once, with its last value, in order of product id.
    pub stock: Vec<StockRow>,
    /// In log order.
    pub parked: Vec<Parked>,
    /// In log order: one per order or movement row.
    pub outcomes: Vec<OutcomeEntry>,
    /// Records that repeated an earlier one and changed nothing.
    pub duplicate_count: u64,
}

impl BatchEffects {
    /// Whether nothing was folded, so that there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.from_offset == self.next_offset
    }
}
