//! What a compared row says, as the store reads it: see `ledger_store::row_values`. The time plays no part in what is compared
//! or folded with it, and is left out.

use chrono::DateTime;
use ledger_store::row_values::{MovementValues, OrderValues};

use super::compared_row::ComparedRow;
use super::table::{ORDERS, STOCK_MOVEMENTS};

/// Of a row of `orders`.
pub(super) fn order(row: &ComparedRow) -> OrderValues<'_> {
    OrderValues {
        order_id: row.id(),
        user_id: row.text(&ORDERS, "user_id"),
        product_id: row.text(&ORDERS, "product_id"),
        quantity: row.integer(&ORDERS, "quantity"),
        unit_price: row.integer(&ORDERS, "unit_price"),
        total_price: row.integer(&ORDERS, "total_price"),
        placed_at: DateTime::UNIX_EPOCH,
    }
}

/// Of a row of `stock_movements`.
pub(super) fn movement(row: &ComparedRow) -> MovementValues<'_> {
    MovementValues {
        movement_id: row.id(),
        product_id: row.text(&STOCK_MOVEMENTS, "product_id"),
        kind: row.text(&STOCK_MOVEMENTS, "kind"),
        delta: row.integer(&STOCK_MOVEMENTS, "delta"),
        note: row.text_or_null(&STOCK_MOVEMENTS, "note"),
        occurred_at: DateTime::UNIX_EPOCH,
    }
}
