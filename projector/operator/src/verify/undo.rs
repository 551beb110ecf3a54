//! What rows that only one side has come to did to stock, so that it can be brought back to the position that both sides have
//! reached. See [`super::compare`].

use std::collections::HashMap;

use super::compared_row::ComparedRow;
use super::table::{ORDERS, STOCK, STOCK_MOVEMENTS, TableShape};

/// What rows that are set aside did to a product, on one side.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Undo {
    /// To be taken from `available`.
    change: i64,
    /// A receipt is among them, so that the product may be new.
    received: bool,
}

/// By product. Memory is proportional to the products that changed after the common position.
#[derive(Debug, Default)]
pub(super) struct Undoes(HashMap<Box<str>, Undo>);

impl Undoes {
    /// Notes what a row that is set aside did.
    pub(super) fn set_aside(&mut self, shape: &TableShape, row: &ComparedRow) {
        // A parked record changed no stock, and has no status.
        if ![ORDERS.name, STOCK_MOVEMENTS.name].contains(&shape.name) || row.text(shape, "status") != "confirmed" {
            return;
        }
        let (change, received) = if shape.name == ORDERS.name {
            (-row.integer(shape, "quantity"), false)
        } else {
            (row.integer(shape, "delta"), row.text(shape, "kind") == "receipt")
        };
        let undo = self.0.entry(row.text(shape, "product_id").into()).or_default();
        // What is stored may be anything; a sum that overflows is no stock, and is shown as a difference.
        undo.change = undo.change.saturating_add(change);
        undo.received |= received;
    }

    /// Undoes it in a row of stock; `None` when nothing changed that product.
    pub(super) fn bring_back(&self, row: &mut ComparedRow) -> Option<Undo> {
        let undo = self.0.get(row.text(&STOCK, "product_id"))?;
        let available = row.integer(&STOCK, "available").saturating_sub(undo.change);
        row.set(&STOCK, "available", available.into());
        Some(*undo)
    }
}

/// Whether a product that only one side has was introduced after the common position: nothing of it is left when that is undone.
pub(super) fn is_introduced(undone: Option<Undo>, brought_back: &ComparedRow) -> bool {
    undone.is_some_and(|undo| undo.received) && brought_back.integer(&STOCK, "available") == 0
}
