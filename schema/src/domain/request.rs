//! What is asked of an order that was placed: confirm it, cancel it, end its hold. Each goes to the order's home, under the key of
//! the order's own record, so the log decides every race between them.
//!
//! It must never know the order's state: whether it may happen is decided by the fold. Next: [`super::line_event`].

use chrono::{DateTime, Utc};

use super::{CancelNote, OrderId, ProductId};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestKind {
    /// A held order is wanted for good.
    Confirm,
    /// It is not wanted any more. The note is kept on the log alone.
    Cancel { note: Option<CancelNote> },
    /// The time of its hold is over. Asked by the owner of the home partition, by its own clock.
    Expire,
}

/// Something that is asked of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRequest {
    order_id: OrderId,
    /// The product of the order's line 1: the key.
    home_product_id: ProductId,
    kind: RequestKind,
    occurred_at: DateTime<Utc>,
}

impl OrderRequest {
    /// `home_product_id` is the product of the order's line 1.
    pub fn new(order_id: OrderId, home_product_id: ProductId, kind: RequestKind, occurred_at: DateTime<Utc>) -> Self {
        Self { order_id, home_product_id, kind, occurred_at }
    }

    pub fn order_id(&self) -> OrderId {
        self.order_id
    }

    pub fn home_product_id(&self) -> &ProductId {
        &self.home_product_id
    }

    pub fn kind(&self) -> &RequestKind {
        &self.kind
    }

    /// By the clock of whoever asked.
    pub fn occurred_at(&self) -> DateTime<Utc> {
        self.occurred_at
    }
}
