//! What a request may ask of this service: read by the extractors, set at start.

use std::time::Duration;

/// Limits on what a client can ask for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestLimits {
    /// Longest that a request waits for a decision or for the projection.
    pub(crate) max_wait: Duration,
    /// Longest that a body may take to arrive.
    pub(crate) body_timeout: Duration,
    /// Of the log; `after` names one of them.
    pub(crate) partition_count: i32,
}
