//! What comes out of the fold: rows to write and outcomes to publish, for one interval of one partition.
//!
//! It must never hold what is no function of the log (INV-4): no clock, no generation, no mark that something was
//! published. Next: [`crate::prior`].

use chrono::{DateTime, Utc};
use ledger_schema::wire::Outcome;
use ledger_schema::{EventId, LineEvent, Movement, Order, OrderId, ParkReason, ProductId, RejectionReason, Status};

use crate::order_state::{OrderState, Stage};
use crate::prior::Wanted;
use crate::reservation::ReservationRow;
use crate::state::Level;

/// What was decided about a movement.
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

/// An order of this partition: one row of `orders` per line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRow {
    /// Of the record that placed it.
    pub offset: i64,
    pub order: Order,
    pub state: OrderState,
    /// Where it stands in its user's list ([`crate::listed`]).
    pub listed_at: DateTime<Utc>,
}

impl OrderRow {
    /// Its row of `open_orders`, as long as it is open.
    pub fn open(&self) -> Option<OpenOrder> {
        let (status, due_at) = match self.state.stage() {
            Stage::Pending => (Status::Pending, self.listed_at),
            Stage::Held => (Status::Held, self.order.expires_at().expect("only an order with a hold is held")),
            Stage::Confirmed | Stage::Rejected | Stage::Cancelled(_) => return None,
        };
        Some(OpenOrder { order_id: self.order.order_id(), status, due_at })
    }
}

/// A row of `open_orders`: an order at home in this partition that is pending or held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOrder {
    pub order_id: OrderId,
    /// `pending` or `held`.
    pub status: Status,
    /// Of a held order: when its hold is over. Of a pending one: when the log took it.
    pub due_at: DateTime<Utc>,
}

/// How `open_orders` changes. To be removed first: an order that was pending and is held is in both lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenChanges {
    pub removed: Vec<OpenOrder>,
    pub added: Vec<OpenOrder>,
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
    pub level: Level,
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

/// Something that another partition has to know: appended to the log by the relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldEntry {
    /// The event's cause. In one sequence with the outcomes of the same record.
    pub event_id: EventId,
    /// Where it goes: the partition of the event's key.
    pub partition: i32,
    pub event: LineEvent,
}

/// Everything that one batch does to one partition. To be committed whole, with the position, or not at all (INV-1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchEffects {
    pub partition: i32,
    /// The position that the state stood at: the compare of the compare-and-set.
    pub from_offset: i64,
    /// One past the last record: the set of the compare-and-set.
    pub next_offset: i64,
    /// How many records were folded (INV-8).
    pub record_count: u64,
    /// New ones, as they stand at the end of the batch. In log order.
    pub orders: Vec<OrderRow>,
    /// Orders that stood before and changed, whole, as they stand at the end. By order id.
    pub changed_orders: Vec<OrderRow>,
    pub open_orders: OpenChanges,
    /// In log order.
    pub movements: Vec<MovementRow>,
    /// New ones, as they stand at the end of the batch. In log order.
    pub reservations: Vec<ReservationRow>,
    /// Reservations that stood before and changed, whole, as they stand at the end. By key.
    pub changed_reservations: Vec<ReservationRow>,
    /// Each changed product once, with its last value, in order of product id.
    pub stock: Vec<StockRow>,
    /// In log order.
    pub parked: Vec<Parked>,
    /// In log order.
    pub outcomes: Vec<OutcomeEntry>,
    /// In log order.
    pub told: Vec<ToldEntry>,
    /// Records that repeated an earlier one and changed nothing.
    pub duplicate_count: u64,
    /// Records that came too late to change anything: the log had decided otherwise before.
    pub overruled_count: u64,
    /// What has to be looked up first. While this is not empty, everything else means nothing, and must not be written.
    pub wanted: Wanted,
}

impl BatchEffects {
    /// Whether nothing was folded, so that there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.from_offset == self.next_offset
    }
}
