//! The live page: plain files of `services/page/`, compiled in. It loads nothing from elsewhere, and its policy lets it load nothing from
//! elsewhere; what it shows it asks of the routes that everybody has.
//!
//! It must never hold a text of a user, nor know more than the interface says. Read `services/page/main.js` next.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::documents::{Document, GUARDED};
use crate::problem::Problem;
use crate::state::Shared;

/// Scripts, styles, images and connections of this address alone; no inline script, no frame, no form that is sent elsewhere.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

/// The file that `/` is.
const FIRST: &str = include_str!("../../page/index.html");

macro_rules! files {
    ($($name:literal is $kind:expr),+ $(,)?) => {
        &[$(($name, $kind, include_str!(concat!("../../page/", $name)))),+]
    };
}

/// Name, media type, text.
const FILES: &[(&str, &str, &str)] = files![
    "api.js" is SCRIPT,
    "caller.js" is SCRIPT,
    "chocolate.js" is SCRIPT,
    "dom.js" is SCRIPT,
    "icon.svg" is PICTURE,
    "key.js" is SCRIPT,
    "ledger.js" is SCRIPT,
    "main.js" is SCRIPT,
    "orders.js" is SCRIPT,
    "place.js" is SCRIPT,
    "stock.js" is SCRIPT,
    "stream.js" is SCRIPT,
    "style.css" is STYLE,
];

/// What is served, hashed once.
struct Page {
    first: Document,
    files: HashMap<&'static str, Document>,
}

/// `/` and `/page/{file}`.
pub(super) fn page() -> Router<Shared> {
    let document = |kind: &'static str, text: &'static str| Document::new(text, HeaderValue::from_static(kind));
    let files = FILES.iter().map(|(name, kind, text)| (*name, document(kind, text))).collect();
    let page = Arc::new(Page { first: document(HTML, FIRST), files });
    Router::new()
        .route("/", get(async |State(page): State<Arc<Page>>, request: HeaderMap| answer(&page.first, &request)))
        .route("/page/{file}", get(file))
        .with_state(page)
}

async fn file(
    State(page): State<Arc<Page>>,
    name: Result<Path<String>, PathRejection>,
    request: HeaderMap,
) -> Result<Response, Problem> {
    let Path(name) = name.map_err(|_| Problem::invalid("file", "is not UTF-8 after percent-decoding"))?;
    let document = page.files.get(name.as_str()).ok_or_else(|| Problem::NotFound("no such address".to_owned()))?;
    Ok(answer(document, &request))
}

fn answer(document: &Document, request: &HeaderMap) -> Response {
    (GUARDED, [(CONTENT_SECURITY_POLICY, POLICY)], document.clone().answer(request)).into_response()
}
