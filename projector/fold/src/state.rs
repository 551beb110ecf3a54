//! What a partition has in memory: the stock of its products. Proportional to products, never to orders.
//!
//! It must never take over a batch that is not committed (INV-1). Next: [`crate::batch`].

#![expect(clippy::disallowed_types, reason = "looked up only, never iterated: its order reaches no output")]

use std::collections::{BTreeMap, HashMap};

use ledger_schema::ProductId;

use crate::effects::{BatchEffects, StockRow};

/// Pieces of one product, neither ever negative (INV-2). What orders have for good is in neither.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Level {
    /// Can be sold.
    pub available: i64,
    /// Taken by lines whose order is held, or not decided yet.
    pub held: i64,
}

/// Records that operators had skipped, by offset, each with the words that its dead letter has ([`skip_detail`]).
pub type Skips = BTreeMap<i64, String>;

/// What the dead letter of a skipped record says. Part of the rules: a rebuild has to come to the same words.
pub fn skip_detail(by: &str, reason: &str) -> String {
    format!("skipped by {by}: {reason}")
}

/// Stock by product, as of the partition's stored position; and what is to be skipped, the one thing that the log does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartitionState {
    levels: HashMap<ProductId, Level>,
    skips: Skips,
}

impl PartitionState {
    /// State from the stored rows of the partition.
    ///
    /// # Panics
    /// On a negative stock, which the table's CHECKs refuse: a fold over it would reject receipts.
    pub fn from_stock(rows: impl IntoIterator<Item = (ProductId, Level)>) -> Self {
        let checked = |(product_id, level): (ProductId, Level)| {
            let Level { available, held } = level;
            assert!(available >= 0, "INV-2: the stored stock of {product_id} is {available}");
            assert!(held >= 0, "INV-2: {held} stored pieces of {product_id} are held");
            (product_id, level)
        };
        Self { levels: rows.into_iter().map(checked).collect(), skips: Skips::new() }
    }

    /// With all records of the partition that operators had skipped, folded or not.
    #[must_use]
    pub fn with_skips(self, skips: Skips) -> Self {
        Self { skips, ..self }
    }

    /// What the dead letter says of a record that is to be skipped; `None` for every other one.
    pub fn skipped(&self, offset: i64) -> Option<&str> {
        self.skips.get(&offset).map(String::as_str)
    }

    /// `None` for a product that never had a receipt.
    pub fn level(&self, product_id: &ProductId) -> Option<Level> {
        self.levels.get(product_id).copied()
    }

    /// Pieces that can be sold; `None` for a product that never had a receipt.
    pub fn available(&self, product_id: &ProductId) -> Option<i64> {
        self.level(product_id).map(|level| level.available)
    }

    /// How many products it holds.
    pub fn product_count(&self) -> usize {
        self.levels.len()
    }

    /// Takes over a batch. To be called when the batch is committed, never before: until then this state is what the
    /// stored position stands for.
    pub fn apply(&mut self, effects: &BatchEffects) {
        for StockRow { product_id, level, .. } in &effects.stock {
            match self.levels.get_mut(product_id) {
                Some(known) => *known = *level,
                None => {
                    self.levels.insert(product_id.clone(), *level);
                }
            }
        }
    }
}
