//! Stock of one product, and the record that it comes from.

/// Stock of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    pub available: i64,
    pub partition: i32,
    /// Of the record that changed it last.
    pub offset: i64,
}
