//! The door: each request gets its caller, or its denial, before a handler sees anything of it; what goes on for long (a stream) is asked again.
//!
//! It must never say what a route needs ([`crate::access`]), nor who a caller is (`ledger-auth`).

use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::poll_fn;
use ledger_auth::{Caller, FRESH};
use tokio::time::sleep;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::access;
use crate::problem::Problem;
use crate::state::Shared;

/// The layer around every handler.
pub(crate) async fn admit(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let route = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str);
    let needs = access::needed(&parts.method, route);
    match app.gate.admit(&parts, needs).await {
        Ok(caller) => {
            parts.extensions.insert(caller);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(denied) => Problem::Denied(denied).into_response(),
    }
}

/// The last words of a stream whose caller is not let in any more.
const NOT_ANY_MORE: &[u8] = b": the key or the token does not hold any more\n\n";

/// A body that ends when its caller would not be let in any more: looked at as often as a key is read again.
pub(crate) fn while_admitted(body: Body, app: &Shared, caller: Caller) -> Body {
    if !app.gate.asks_who() {
        return body;
    }
    let app = app.clone();
    let is_over = async move {
        loop {
            sleep(FRESH).await;
            if !app.gate.still_holds(&caller).await {
                return;
            }
        }
    };
    let (mut is_over, mut frames, mut has_ended) = (Box::pin(is_over), body.into_data_stream(), false);
    Body::from_stream(poll_fn(move |cx| {
        if has_ended {
            return Poll::Ready(None);
        }
        if is_over.as_mut().poll(cx).is_ready() {
            has_ended = true;
            return Poll::Ready(Some(Ok(Bytes::from_static(NOT_ANY_MORE))));
        }
        frames.poll_next_unpin(cx)
    }))
}

/// Pages of these origins may call; none unless they are named. No cookie or other credential that a browser adds by itself is ever taken, so a page of
/// a stranger gets nothing by being allowed that its own key does not give.
pub(crate) fn cross_origin(origins: &[HeaderValue]) -> Option<CorsLayer> {
    const READABLE: [&str; 4] = ["x-order-service", "x-request-id", "preference-applied", "etag"];
    const SENT: [&str; 6] = ["idempotency-key", "prefer", "last-event-id", "traceparent", "tracestate", "x-request-id"];
    let names = |names: &'static [&'static str]| names.iter().map(|name| HeaderName::from_static(name));
    (!origins.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins.iter().cloned()))
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(names(&SENT).chain([AUTHORIZATION, CONTENT_TYPE]).collect::<Vec<_>>())
            .expose_headers(names(&READABLE).chain([LOCATION, RETRY_AFTER, WWW_AUTHENTICATE]).collect::<Vec<_>>())
            .max_age(Duration::from_secs(600))
    })
}
