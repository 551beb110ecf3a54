//! The routes: each handler takes parsed values and hands them on; no rule lives here.

mod documents;
mod movements;
mod operations;
mod orders;
mod stock;

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::HeaderName;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use ledger_schema::Position;
use tokio::time::Instant;
use tower_http::catch_panic::{CatchPanicLayer, ResponseForPanic};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer_marks;
use crate::metrics::Metrics;
use crate::openapi;
use crate::problem::Problem;
use crate::request::Preference;
use crate::state::{App, Shared};
use crate::waiting::Waited;

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Every route, as metrics name it.
pub(crate) const ROUTES: &[&str] = &[
    "/orders",
    "/orders/{orderId}",
    "/users/{userId}/orders",
    "/stock",
    "/stock/{productId}",
    "/stock/{productId}/receipts",
    "/stock/{productId}/adjustments",
    "/problems/{word}",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/docs/",
    "/docs/{*rest}",
];

/// The whole service as one router.
pub(crate) fn router(app: Shared) -> Router {
    let (router, api) = OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(orders::place_order))
        .routes(routes!(orders::place_order_of_user, orders::list_orders_of_user))
        .routes(routes!(orders::show_order))
        .routes(routes!(stock::list_stock))
        .routes(routes!(stock::show_stock))
        .routes(routes!(movements::receive_stock))
        .routes(routes!(movements::adjust_stock))
        .routes(routes!(documents::explain_problem))
        .routes(routes!(operations::healthz))
        .routes(routes!(operations::readyz))
        .routes(routes!(operations::metrics))
        .split_for_parts();
    let router = router
        .merge(documents::pages(openapi::finish(api)))
        .fallback(async || Problem::NotFound("no such address".to_owned()))
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed);
    layered(router, app)
}

/// The layers around every route: panics become problems, every answer is marked and counted.
fn layered(router: Router<Shared>, app: Shared) -> Router {
    router
        .layer(catch_panics(app.metrics.clone()))
        .layer(from_fn_with_state(app.clone(), answer_marks::mark))
        .with_state(app)
}

pub(crate) fn catch_panics(metrics: Arc<Metrics>) -> CatchPanicLayer<impl ResponseForPanic<ResponseBody = Body>> {
    CatchPanicLayer::custom(move |payload: Box<dyn Any + Send>| answer_marks::on_panic(&metrics, &*payload))
}

/// The answer, with `Preference-Applied` where a wait was asked for.
fn preferring(preference: Preference, result: Result<Response, Problem>) -> Response {
    let mut response = result.unwrap_or_else(Problem::into_response);
    if let Some(applied) = preference.applied() {
        response.headers_mut().insert(PREFERENCE_APPLIED, applied);
    }
    response
}

/// Waits for `?after=`: as long as `Prefer: wait` says, else as long as the service waits at most.
async fn wait_for(app: &App, after: Option<Position>, preference: Preference) -> Result<(), Problem> {
    let Some(position) = after else { return Ok(()) };
    let deadline = Instant::now() + preference.wait.unwrap_or(app.limits.max_wait);
    match app.waits.until_folded(position, deadline).await {
        Waited::Folded => Ok(()),
        Waited::TimeOver => Err(Problem::NotYetProjected(position)),
    }
}
