//! An outbox row that cannot be written or read, and the key that names it.

use thiserror::Error;

/// The key of a row of `outbox`, for errors and checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxKey {
    pub partition: i32,
    pub first_offset: i64,
    pub next_offset: i64,
}

/// An outbox row that cannot be written or read. Never retryable.
#[derive(Debug, Error)]
pub enum OutboxError {
    #[error("the outbox entries cannot be encoded: {0}")]
    Encode(String),
    #[error(
        "outbox row of partition {}, offsets {} to {}: expected {expected}, found {found}",
        key.partition, key.first_offset, key.next_offset
    )]
    Corrupt { key: OutboxKey, expected: String, found: String },
}
