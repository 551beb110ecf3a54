//! What is already stored under the ids of a batch. Normally empty: the store finds out that an id was there before
//! when a unique key objects, looks the batch's ids up, and folds the batch again with what it found.
//!
//! It must never be iterated. Next: [`crate::batch`], rules 4 and 5.

#![expect(clippy::disallowed_types, reason = "looked up only, never iterated: its order reaches no output")]

use std::collections::HashMap;

use ledger_schema::{Movement, MovementId, Order, OrderId};

/// Orders and movements of this partition, stored before this batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prior {
    pub orders: HashMap<OrderId, Order>,
    pub movements: HashMap<MovementId, Movement>,
}
