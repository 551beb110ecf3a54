//! What stands on every answer, whatever it is: `X-Order-Service`, `X-Request-Id`, `Cache-Control`, and while the service stops
//! `Connection: close`; and what is counted and logged of it.
//!
//! It is also the last place where a bare 404 or 405 (of the vendored pages) becomes a problem.

use std::any::Any;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ledger_http::Refuse;
use tower_http::catch_panic::{CatchPanicLayer, ResponseForPanic};
use tracing::Instrument;

use crate::metrics::Metrics;
use crate::problem::{PROBLEM_JSON, Problem};
use crate::state::{App, Shared};

const X_ORDER_SERVICE: HeaderName = HeaderName::from_static("x-order-service");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What is true now is not, a moment later: nobody may answer with it in our place.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const MAX_REQUEST_ID_BYTES: usize = 128;

/// The outermost layer.
pub(crate) async fn mark(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let request_id = request_id(&app, request.headers());
    // Only made where this level is logged: a span per request is not free. In it stands that of the write or the read; by the
    // position of a write (`PARTITION:OFFSET`) an operator finds the same record in the projector's log.
    let span =
        tracing::debug_span!("request", id = ?request_id, method = %request.method(), path = request.uri().path());
    let mut response = as_problem(next.run(request).instrument(span.clone()).await);
    let status = response.status();
    // Only faults have a cause: a wait that was over is an ordinary answer.
    if let Some(cause) = response.extensions().get::<Problem>().and_then(Problem::cause)
        && may_log()
    {
        let route = route.as_ref().map_or("none", MatchedPath::as_str);
        tracing::warn!(status = status.as_u16(), route, ?request_id, cause, "request not served");
    }
    tracing::debug!(parent: &span, status = status.as_u16(), "answered");
    app.metrics.route(route.as_ref().map(MatchedPath::as_str)).record(status.as_u16(), started.elapsed());
    mark_headers(&app, response.headers_mut(), request_id);
    response
}

fn mark_headers(app: &App, headers: &mut HeaderMap, request_id: HeaderValue) {
    headers.insert(X_ORDER_SERVICE, app.name.clone());
    headers.insert(X_REQUEST_ID, request_id);
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, NO_STORE);
    }
    // A gateway that keeps connections learns that it is to open others while this service still answers on them.
    if app.stop.is_cancelled() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

/// The answer to what came to no route, marked and counted as every other.
pub(crate) fn refuse(app: Shared) -> Refuse {
    Arc::new(move |refusal| {
        let mut response = Problem::NotRouted(refusal).into_bytes();
        app.metrics.route(None).count(response.status().as_u16());
        let request_id = request_id(&app, &HeaderMap::new());
        mark_headers(&app, response.headers_mut(), request_id);
        response
    })
}

/// The client's own id where it is short and printable, else one of ours: unique without a lock and without a system call.
fn request_id(app: &App, headers: &HeaderMap) -> HeaderValue {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let sent = headers
        .get(X_REQUEST_ID)
        .filter(|id| (1..=MAX_REQUEST_ID_BYTES).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic));
    sent.cloned().unwrap_or_else(|| {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}-{number:x}", app.request_id_prefix);
        HeaderValue::try_from(id).expect("the service's name was checked, and the rest is hex")
    })
}

/// Most warnings a second: in an outage every request fails, and the log must not be what brings the disk down too.
/// The metrics count them all.
const WARNINGS_PER_SECOND: u64 = 20;

/// Whether there is room for one more warning in this second. Second and count share one word, so no lock is needed.
fn may_log() -> bool {
    static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);
    static SECOND_AND_COUNT: AtomicU64 = AtomicU64::new(0);
    let second = STARTED.elapsed().as_secs() << 32;
    let before = SECOND_AND_COUNT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
        if word >> 32 == second >> 32 {
            (word - second < WARNINGS_PER_SECOND).then_some(word + 1)
        } else {
            Some(second + 1)
        }
    });
    before.is_ok()
}

fn as_problem(response: Response) -> Response {
    if response.headers().get(CONTENT_TYPE).is_some_and(|value| value == PROBLEM_JSON) {
        return response;
    }
    match response.status() {
        StatusCode::NOT_FOUND => Problem::NotFound("no such address".to_owned()).into_response(),
        StatusCode::METHOD_NOT_ALLOWED => {
            let allow = response.headers().get(ALLOW).cloned();
            let mut problem = Problem::MethodNotAllowed.into_response();
            if let Some(allow) = allow {
                problem.headers_mut().insert(ALLOW, allow);
            }
            problem
        }
        _ => response,
    }
}

/// The layer that makes a handler's panic a problem.
pub(crate) fn catch_panics(metrics: Arc<Metrics>) -> CatchPanicLayer<impl ResponseForPanic<ResponseBody = Body>> {
    CatchPanicLayer::custom(move |payload: Box<dyn Any + Send>| on_panic(&metrics, &*payload))
}

/// The one cause of a 500.
fn on_panic(metrics: &Metrics, payload: &(dyn Any + Send)) -> Response {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message");
    tracing::error!(panic = text, "a handler panicked");
    metrics.panics.increment(1);
    Problem::Panic.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tower::ServiceExt;

    async fn broken() -> &'static str {
        panic!("a bug")
    }

    #[tokio::test]
    async fn a_panic_is_a_problem() {
        let metrics = Arc::new(Metrics::new(&[]));
        let layer = catch_panics(metrics.clone());
        let router = axum::Router::new().route("/", get(broken)).layer(layer);
        let response = router.oneshot(Request::new(Body::empty())).await.expect("infallible");
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert!(metrics.render().contains("order_service_panics_total 1"));
    }
}
