//! The projector's own HTTP: liveness, readiness, metrics, status. It must never change anything, and answers the probes
//! also when Kafka and MariaDB do not.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use ledger_database::DatabaseUrl;
use ledger_kafka::LogInspector;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;

use crate::health::{Health, Readiness};
use crate::shared::Shared;
use crate::status::StatusReader;

/// What the answers are made from.
#[derive(Clone)]
pub struct Sources {
    pub shared: Arc<Shared>,
    pub metrics: PrometheusHandle,
    pub database: DatabaseUrl,
    pub inspector: LogInspector,
    pub topic: String,
    pub status: StatusReader,
}

pub fn router(sources: Sources) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/status", get(status))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(sources)
}

/// What is answered while the start waits for its servers.
pub(crate) fn starting_router(health: Arc<Health>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(starting_readyz))
        .fallback(not_started)
        .with_state(health)
}

async fn starting_readyz(State(health): State<Arc<Health>>) -> Response {
    readiness_answer(health.readiness(&[], |_, _| false))
}

async fn not_started() -> Response {
    problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the projector starts: /readyz says what it waits for")
}

/// The process runs. A projector that cannot continue ends, so there is nothing else to say.
async fn healthz() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}

async fn readyz(State(sources): State<Sources>) -> Response {
    readiness_answer(sources.shared.readiness())
}

fn readiness_answer(readiness: Readiness) -> Response {
    let code = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(readiness)).into_response()
}

async fn metrics(State(sources): State<Sources>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], sources.metrics.render()).into_response()
}

async fn status(State(sources): State<Sources>) -> Response {
    // A task of its own: a client that hangs up must not end a query in the middle.
    let reading = tokio::spawn(async move { sources.status.read().await });
    match reading.await {
        Ok(Ok(status)) => Json(status).into_response(),
        Ok(Err(error)) => problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", &error.to_string()),
        Err(error) => problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", &error.to_string()),
    }
}

async fn not_found(uri: Uri) -> Response {
    problem(StatusCode::NOT_FOUND, "not-found", &format!("there is nothing at {}", uri.path()))
}

async fn method_not_allowed() -> Response {
    problem(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "only GET is answered here")
}

/// RFC 9457.
fn problem(code: StatusCode, word: &str, detail: &str) -> Response {
    let title = code.canonical_reason().expect("a status code of the standard");
    let body =
        json!({ "type": format!("/problems/{word}"), "title": title, "status": code.as_u16(), "detail": detail });
    (code, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}
