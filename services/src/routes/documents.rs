//! The service's own documents: problem types, `/openapi.json`, and `/docs` (Swagger UI, compiled in; it loads nothing from elsewhere
//! and asks nobody to validate). What does not change while the service runs is told apart by its hash: a browser keeps it, and
//! asks whether it is still the same.

use std::collections::HashMap;
use std::fmt::Write;
use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::Config;

use crate::openapi::ExplainProblems;
use crate::problem::{Problem, ProblemPage, explain};
use crate::request::{PathId, Word};
use crate::state::Shared;

/// It may be kept, and must be asked for every time: by its hash, which costs no body.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Swagger UI sets styles by script, and has its pictures in them; it loads and asks nothing but this address.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);
/// On every page: no guessing of what a file is, no address of ours to others, no frame of a stranger around it.
pub(super) const GUARDED: [(HeaderName, HeaderValue); 3] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
];
/// How much of a hash tells two versions apart.
const HASH_BYTES: usize = 16;

/// What a problem type means, and what to do
#[utoipa::path(get, path = "/problems/{word}", tag = "operations",
params(("word" = String, Path, description = "The last segment of a problem's `type`", example = "out-of-stock")),
responses((status = 200, description = "The explanation", body = ProblemPage), ExplainProblems))]
pub(crate) async fn explain_problem(PathId(Word(word)): PathId<Word>) -> Result<Response, Problem> {
    let page = explain(&word).ok_or_else(|| Problem::NotFound("no such problem type".to_owned()))?;
    Ok(Json(page).into_response())
}

/// A document that does not change while the service runs.
#[derive(Debug, Clone)]
pub(super) struct Document {
    bytes: Bytes,
    content_type: HeaderValue,
    etag: HeaderValue,
}

impl Document {
    pub(super) fn new(bytes: impl Into<Bytes>, content_type: HeaderValue) -> Self {
        let bytes = bytes.into();
        // Weak: what is compressed on the way has the same one.
        let mut etag = "W/\"".to_owned();
        for byte in &Sha256::digest(&bytes)[..HASH_BYTES] {
            write!(etag, "{byte:02x}").expect("a string takes everything");
        }
        etag.push('"');
        Self { bytes, content_type, etag: HeaderValue::try_from(etag).expect("hex is a header's value") }
    }

    pub(super) fn answer(self, request: &HeaderMap) -> Response {
        let marks = [(ETAG, self.etag.clone()), (CACHE_CONTROL, ASK_AGAIN)];
        if is_held(request, &self.etag) {
            return (StatusCode::NOT_MODIFIED, marks).into_response();
        }
        (marks, [(CONTENT_TYPE, self.content_type)], self.bytes).into_response()
    }
}

/// RFC 9110, section 13.1.2: by weak comparison.
fn is_held(request: &HeaderMap, etag: &HeaderValue) -> bool {
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let wanted = etag.to_str().map(strong).expect("hex is text");
    let mut held = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    held.any(|list| list.trim() == "*" || list.split(',').any(|tag| strong(tag) == wanted))
}

/// The files of Swagger UI, each hashed when it is first asked for. There are few, and no others are kept.
struct Pages {
    config: Arc<Config<'static>>,
    known: Mutex<HashMap<String, Document>>,
}

impl Pages {
    fn find(&self, path: &str) -> Result<Document, Problem> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(document) = known.get(path) {
            return Ok(document.clone());
        }
        let file = utoipa_swagger_ui::serve(path, self.config.clone()).ok().flatten();
        let file = file.ok_or_else(|| Problem::NotFound("no such address".to_owned()))?;
        let content_type = HeaderValue::try_from(file.content_type).expect("a media type is a header's value");
        let document = Document::new(file.bytes.into_owned(), content_type);
        known.insert(path.to_owned(), document.clone());
        Ok(document)
    }

    fn answer(&self, path: &str, request: &HeaderMap) -> Response {
        let answer = self.find(path).map_or_else(Problem::into_response, |document| document.answer(request));
        (GUARDED, [(CONTENT_SECURITY_POLICY, POLICY)], answer).into_response()
    }
}

/// `/openapi.json` and `/docs`.
pub(super) fn pages(api: &OpenApi) -> Router<Shared> {
    let description = serde_json::to_vec(api).expect("what describes the routes is JSON");
    let description = Document::new(description, JSON);
    let config = Arc::new(Config::new(["/openapi.json"]).validator_url("none"));
    let pages = Arc::new(Pages { config, known: Mutex::default() });
    let first = pages.clone();
    Router::new()
        .route("/openapi.json", get(move |request: HeaderMap| ready(description.clone().answer(&request))))
        .route("/docs", get(async || Redirect::to("/docs/")))
        .route("/docs/", get(move |request: HeaderMap| ready(first.answer("", &request))))
        .route("/docs/{*rest}", get(move |path, request: HeaderMap| ready(page(&pages, path, &request))))
}

fn page(pages: &Pages, path: Result<Path<String>, PathRejection>, request: &HeaderMap) -> Response {
    match path {
        Ok(Path(path)) => pages.answer(&path, request),
        Err(_) => Problem::invalid("path", "is not UTF-8 after percent-decoding").into_response(),
    }
}
