//! What the tables count beside positions: orders that are open, and dead letters. For a person who watches; it only reads.

use chrono::{DateTime, Utc};
use ledger_database::Watched;
use ledger_store::StoreError;
use serde::Serialize;
use sqlx::FromRow;

/// Dead letters are counted up to so many: whoever watches asks again and again.
const MOST_COUNTED: i64 = 10_000;

/// Counts of the live tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Orders of several lines that are not decided yet.
    pub pending_orders: i64,
    /// When the log took the oldest of them.
    pub oldest_pending: Option<DateTime<Utc>>,
    /// Orders that are held.
    pub held_orders: i64,
    /// When the next of them expires.
    pub next_expiry: Option<DateTime<Utc>>,
    /// Records that could not be folded; at most 10000 are counted.
    pub dead_letters: i64,
}

/// One statement, so of one moment.
const COUNTS: &str = "SELECT p.pending_orders, p.oldest_pending, h.held_orders, h.next_expiry, d.dead_letters FROM \
    (SELECT COUNT(*) AS pending_orders, MIN(due_at) AS oldest_pending FROM open_orders WHERE status = 'pending') p, \
    (SELECT COUNT(*) AS held_orders, MIN(due_at) AS next_expiry FROM open_orders WHERE status = 'held') h, \
    (SELECT COUNT(*) AS dead_letters FROM (SELECT 1 FROM dead_letters LIMIT ?) AS some) d";

/// # Errors
/// The database's.
pub(super) async fn read(connection: &mut Watched) -> Result<Counts, StoreError> {
    let counts = sqlx::query_as(COUNTS).bind(MOST_COUNTED).fetch_one(connection).await;
    counts.map_err(|cause| StoreError::Database { step: "counting open orders and dead letters", cause })
}
