//! Every route in one router, and the layers around it.

use axum::Router;
use axum::middleware::from_fn_with_state;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{documents, events, movements, operations, orders, page, status, stock};
use crate::admission;
use crate::answer_marks;
use crate::openapi;
use crate::problem::Problem;
use crate::state::Shared;

/// Every route, as metrics name it.
pub(crate) const ROUTES: &[&str] = &[
    "/orders",
    "/orders/{orderId}",
    "/orders/{orderId}/confirm",
    "/orders/{orderId}/cancel",
    "/users/{userId}/orders",
    "/events",
    "/stock",
    "/stock/events",
    "/stock/{productId}",
    "/stock/{productId}/receipts",
    "/stock/{productId}/adjustments",
    "/stock/{productId}/movements/{movementId}",
    "/problems/{word}",
    "/",
    "/page/{file}",
    "/status",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/docs/",
    "/docs/{*rest}",
];

/// The routes that the document describes, and what they say of themselves.
fn described() -> (Router<Shared>, OpenApi) {
    OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(orders::place_order))
        .routes(routes!(orders::place_order_of_user, orders::list_orders_of_user))
        .routes(routes!(orders::show_order))
        .routes(routes!(orders::confirm_order))
        .routes(routes!(orders::cancel_order))
        .routes(routes!(events::outcome_events))
        .routes(routes!(events::stock_events))
        .routes(routes!(stock::list_stock))
        .routes(routes!(stock::show_stock))
        .routes(routes!(movements::receive_stock))
        .routes(routes!(movements::adjust_stock))
        .routes(routes!(movements::show_movement))
        .routes(routes!(documents::explain_problem))
        .routes(routes!(status::status))
        .routes(routes!(operations::healthz))
        .routes(routes!(operations::readyz))
        .routes(routes!(operations::metrics))
        .split_for_parts()
}

/// The document as a service serves it. `asks_who`: whether callers have to say who they are.
#[cfg(test)]
pub(crate) fn document(asks_who: bool) -> OpenApi {
    openapi::finish(described().1, asks_who)
}

/// The whole service as one router.
pub(crate) fn router(app: Shared) -> Router {
    let (router, api) = described();
    let router = router
        .merge(documents::pages(&openapi::finish(api, app.gate.asks_who())))
        .merge(page::page())
        .fallback(async || Problem::NotFound("no such address".to_owned()))
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed);
    layered(router, app)
}

/// Answers of this size and above are compressed, for clients that take it. An order's or a product's is smaller.
const COMPRESSED_FROM_BYTES: u64 = 1024;

/// The layers around every route: only who is let in gets to a handler, panics become problems, long answers are compressed, every answer is marked and counted.
fn layered(router: Router<Shared>, app: Shared) -> Router {
    let router = router.layer(from_fn_with_state(app.clone(), admission::admit));
    // Outside of the door: a browser asks what it may send before it sends the key.
    let router = match admission::cross_origin(&app.cross_origins) {
        Some(layer) => router.layer(layer),
        None => router,
    };
    router
        .layer(answer_marks::catch_panics(app.metrics.clone()))
        .layer(compression())
        .layer(from_fn_with_state(app.clone(), answer_marks::mark))
        .with_state(app)
}

fn compression() -> CompressionLayer<impl Predicate> {
    // What compresses a stream holds its events back.
    let worth_it = SizeAbove::new(COMPRESSED_FROM_BYTES).and(NotForContentType::IMAGES).and(NotForContentType::SSE);
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(worth_it)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access;

    #[test]
    fn every_route_has_a_row_and_every_row_a_route() {
        for route in ROUTES {
            assert!(access::routes().any(|row| row == *route), "{route} has no row");
        }
        for row in access::routes() {
            assert!(ROUTES.contains(&row), "{row} is no route");
        }
    }
}
