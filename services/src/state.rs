//! What every handler shares: one value, made at start, never locked.

use std::sync::Arc;

use axum::extract::FromRef;
use axum::http::HeaderValue;
use ledger_auth::Gate;
use tokio_util::sync::CancellationToken;

use crate::event_log::EventLog;
use crate::ledger_status::StatusBoard;
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::reads::Reads;
use crate::request::RequestLimits;
use crate::streams::Streams;
use crate::waiting::Waits;

/// What the router's handlers work with.
pub(crate) struct App {
    /// The value of `X-Order-Service`.
    pub(crate) name: HeaderValue,
    /// In front of the number in request ids that this process makes.
    pub(crate) request_id_prefix: String,
    pub(crate) limits: RequestLimits,
    /// Who is let in.
    pub(crate) gate: Gate,
    /// The origins whose pages may call.
    pub(crate) cross_origins: Vec<HeaderValue>,
    pub(crate) log: Arc<EventLog>,
    pub(crate) reads: Reads,
    pub(crate) waits: Arc<Waits>,
    pub(crate) streams: Streams,
    pub(crate) readiness: Readiness,
    pub(crate) status: StatusBoard,
    pub(crate) metrics: Arc<Metrics>,
    /// Cancelled when the service begins to stop: it is not ready any more, and goes on to serve.
    pub(crate) stop: CancellationToken,
    /// Cancelled when that is over: waits end, and no connection is accepted.
    pub(crate) drained: CancellationToken,
}

pub(crate) type Shared = Arc<App>;

impl FromRef<Shared> for RequestLimits {
    fn from_ref(app: &Shared) -> Self {
        app.limits
    }
}
