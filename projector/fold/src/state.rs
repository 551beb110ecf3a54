//! What a partition has in memory: the stock of its products. Proportional to products, never to orders.
//!
//! It must never take over a batch that is not committed (INV-1). Next: [`crate::batch`].

#![expect(clippy::disallowed_types, reason = "looked up only, never iterated: its order reaches no output")]

use std::collections::HashMap;

use ledger_schema::ProductId;

use crate::effects::{BatchEffects, StockRow};

/// Stock by product, as of the partition's stored position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartitionState {
    available: HashMap<ProductId, i64>,
}

impl PartitionState {
    /// State from the stored rows of the partition.
    ///
    /// # Panics
    /// On a negative stock, which the table's CHECK refuses: a fold over it would reject receipts.
    pub fn from_stock(rows: impl IntoIterator<Item = (ProductId, i64)>) -> Self {
        let checked = |(product_id, available): (ProductId, i64)| {
            assert!(available >= 0, "INV-2: the stored stock of {product_id} is {available}");
            (product_id, available)
        };
        Self { available: rows.into_iter().map(checked).collect() }
    }

    /// Pieces that can be sold; `None` for a product that never had a receipt.
    pub fn available(&self, product_id: &ProductId) -> Option<i64> {
        self.available.get(product_id).copied()
    }

    /// How many products it holds.
    pub fn product_count(&self) -> usize {
        self.available.len()
    }

    /// Takes over a batch. To be called when the batch is committed, never before: until then this state is what the
    /// stored position stands for.
    pub fn apply(&mut self, effects: &BatchEffects) {
        for StockRow { product_id, available, .. } in &effects.stock {
            match self.available.get_mut(product_id) {
                Some(level) => *level = *available,
                None => {
                    self.available.insert(product_id.clone(), *available);
                }
            }
        }
    }
}
