//! What every handler shares: one value, made at start, never locked.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderValue;
use tokio_util::sync::CancellationToken;

use crate::event_log::EventLog;
use crate::metrics::Metrics;
use crate::reader::Reader;
use crate::readiness::Readiness;
use crate::waiting::Waits;

/// Limits on what a client can ask for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_wait: Duration,
    pub(crate) body_timeout: Duration,
}

/// The service behind the router.
pub(crate) struct App {
    /// The value of `X-Order-Service`.
    pub(crate) name: HeaderValue,
    /// In front of the number in request ids that this process makes.
    pub(crate) request_id_prefix: String,
    pub(crate) limits: Limits,
    pub(crate) partition_count: i32,
    pub(crate) log: Arc<EventLog>,
    pub(crate) reader: Reader,
    pub(crate) waits: Waits,
    pub(crate) readiness: Readiness,
    pub(crate) metrics: Arc<Metrics>,
    /// Cancelled when the service begins to stop.
    pub(crate) stop: CancellationToken,
}

pub(crate) type Shared = Arc<App>;
