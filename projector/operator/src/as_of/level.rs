//! Stock of one product, and the record that it comes from.

/// Stock of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// What could be sold, and what was held.
    pub of: ledger_fold::Level,
    pub partition: i32,
    /// Of the record that changed it last.
    pub offset: i64,
}
