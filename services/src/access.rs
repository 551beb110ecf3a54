//! What each route needs of its caller. A route that stands in no row needs an operator, so that a new one that was forgotten here is shut, not open;
//! a test wants a row for everything that `/openapi.json` describes.

use axum::http::Method;
use ledger_auth::Access;

/// Method, route as axum names it, what it needs.
const NEEDS: &[(Method, &str, Access)] = &[
    // What probes call, by whatever address.
    (Method::GET, "/healthz", Access::Probe),
    (Method::GET, "/readyz", Access::Probe),
    // No data: the page asks for a key, and for what it shows with it.
    (Method::GET, "/", Access::Open),
    (Method::GET, "/page/{file}", Access::Open),
    (Method::GET, "/docs", Access::Open),
    (Method::GET, "/docs/", Access::Open),
    (Method::GET, "/docs/{*rest}", Access::Open),
    (Method::GET, "/openapi.json", Access::Open),
    (Method::GET, "/problems/{word}", Access::Open),
    // A customer's own, and anybody's for the others.
    (Method::POST, "/orders", Access::Order),
    (Method::POST, "/users/{userId}/orders", Access::Order),
    (Method::POST, "/orders/{orderId}/confirm", Access::Order),
    (Method::POST, "/orders/{orderId}/cancel", Access::Order),
    (Method::GET, "/orders/{orderId}", Access::Anybody),
    (Method::GET, "/users/{userId}/orders", Access::Anybody),
    (Method::GET, "/events", Access::Anybody),
    (Method::GET, "/stock", Access::Anybody),
    (Method::GET, "/stock/events", Access::Anybody),
    (Method::GET, "/stock/{productId}", Access::Anybody),
    // How a number came about, how far the log is, what goes through: the business's, not a customer's.
    (Method::GET, "/stock/{productId}/movements/{movementId}", Access::Read),
    (Method::GET, "/status", Access::Read),
    (Method::GET, "/metrics", Access::Read),
    (Method::POST, "/stock/{productId}/receipts", Access::Operate),
    (Method::POST, "/stock/{productId}/adjustments", Access::Operate),
];

/// What a request needs; `route` as axum named it, if there is one.
pub(crate) fn needed(method: &Method, route: Option<&str>) -> Access {
    // There is nothing there, and to say so shows nothing.
    let Some(route) = route else { return Access::Open };
    of_row(method, route).unwrap_or(Access::Operate)
}

/// The routes that have a row.
#[cfg(test)]
pub(crate) fn routes() -> impl Iterator<Item = &'static str> {
    NEEDS.iter().map(|(_, route, _)| *route)
}

/// The row of a route, if it has one.
fn of_row(method: &Method, route: &str) -> Option<Access> {
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    NEEDS.iter().find(|(of, row, _)| of == method && *row == route).map(|(_, _, access)| *access)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forgotten_is_shut() {
        assert_eq!(needed(&Method::GET, Some("/new")), Access::Operate);
        assert_eq!(needed(&Method::DELETE, Some("/orders")), Access::Operate);
        assert_eq!(needed(&Method::HEAD, Some("/stock")), Access::Anybody);
        assert_eq!(needed(&Method::GET, None), Access::Open);
    }
}
