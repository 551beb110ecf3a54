//! What operators and load balancers ask: alive, ready, metrics.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::readiness::ReadinessReport;
use crate::state::Shared;

/// The process is alive
#[utoipa::path(get, path = "/healthz", tag = "operations",
responses((status = 200, description = "Alive", body = String, content_type = "text/plain")))]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Kafka and the database can be reached, and the service is not stopping
#[utoipa::path(get, path = "/readyz", tag = "operations", responses(
    (status = 200, description = "Ready", body = ReadinessReport),
    (status = 503, description = "Not ready; the parts say why", body = ReadinessReport,
     headers(("Retry-After" = String, description = "Seconds"))),
))]
pub(crate) async fn readyz(State(app): State<Shared>) -> Response {
    let report = app.readiness.report(app.stop.is_cancelled()).await;
    if report.ready {
        return Json(report).into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")], Json(report)).into_response()
}

/// Metrics for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "operations",
responses((status = 200, description = "Prometheus text format", body = String, content_type = "text/plain")))]
pub(crate) async fn metrics(State(app): State<Shared>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.render()).into_response()
}
