//! Requests to a router, and what is checked of every answer.

use std::sync::OnceLock;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use http_body_util::BodyExt;
use ledger_schema::Position;
use serde_json::Value;
use tower::ServiceExt;

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("JSON: {}", String::from_utf8_lossy(&self.bytes)))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// The last segment of a problem's type, after checking that it is a whole problem.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let json = self.json();
        assert_eq!(json["status"], self.status);
        assert!(!json["title"].as_str().expect("a title").is_empty());
        assert!(!json["detail"].as_str().expect("a detail").is_empty());
        assert_eq!(self.headers.contains_key("retry-after"), matches!(self.status, 429 | 503));
        json["type"].as_str().and_then(|text| text.strip_prefix("/problems/")).expect("a type").to_owned()
    }

    /// The fields that the problem names.
    pub(crate) fn fields(&self) -> Vec<String> {
        let json = self.json();
        let errors = json["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["field"].as_str().expect("a field").to_owned()).collect()
    }

    pub(crate) fn position(&self) -> Position {
        self.json()["position"].as_str().expect("a position").parse().expect("PARTITION:OFFSET")
    }
}

pub(crate) async fn call(router: &Router, request: Request<Body>) -> Answer {
    let asked = (request.method().as_str().to_ascii_lowercase(), request.uri().path().to_owned());
    let response: Response<Body> = router.clone().oneshot(request).await.expect("infallible");
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.expect("a body").to_bytes().to_vec();
    assert_eq!(parts.headers["x-order-service"], "a", "on every answer");
    assert!(parts.headers.contains_key("x-request-id"));
    let answer = Answer { status: parts.status.as_u16(), headers: parts.headers, bytes };
    if let Some(document) = document(router).await {
        described(document, &asked.0, &asked.1, &answer);
    }
    answer
}

/// What the service says of itself, read once. Nothing while it is being read, nor where a service lets nobody read it.
async fn document(router: &Router) -> Option<&'static Value> {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    if let Some(document) = DOCUMENT.get() {
        return Some(document);
    }
    let request = Request::get("/openapi.json").header("host", "localhost").body(Body::empty()).expect("a request");
    let response = router.clone().oneshot(request).await.expect("infallible");
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    let document: Value = serde_json::from_slice(&bytes).ok()?;
    document.get("openapi")?;
    Some(DOCUMENT.get_or_init(|| document))
}

/// The answer's status is one of the operation's, and a problem's type one of those that are listed for it.
fn described(document: &Value, method: &str, path: &str, answer: &Answer) {
    let fits = |template: &str| {
        let (mut wanted, mut found) = (template.split('/'), path.split('/'));
        wanted.by_ref().zip(found.by_ref()).all(|(wanted, found)| wanted == found || wanted.starts_with('{'))
            && template.split('/').count() == path.split('/').count()
    };
    let paths = document["paths"].as_object().expect("paths");
    let template = paths.keys().filter(|template| fits(template)).min_by_key(|template| template.contains('{'));
    let Some(operation) = template.and_then(|template| paths[template].get(method)) else { return };
    let response = &operation["responses"][answer.status.to_string()];
    assert!(response.is_object(), "{method} {path}: the document has no {}", answer.status);
    if answer.header("content-type") == "application/problem+json" {
        let problem: Value = answer.json();
        let types = response["x-problem-types"].as_array().expect("types");
        assert!(types.contains(&problem["type"]), "{method} {path}: the document has no {problem}");
    }
}

pub(crate) async fn get(router: &Router, uri: &str) -> Answer {
    call(router, Request::get(uri).body(Body::empty()).expect("a request")).await
}

/// A POST of JSON with more headers.
pub(crate) async fn post(router: &Router, uri: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::post(uri).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    call(router, request.body(Body::from(body.to_owned())).expect("a request")).await
}

/// The value of a metric without labels, or with them as Prometheus writes them.
pub(crate) async fn metric(router: &Router, name: &str) -> u64 {
    let text = String::from_utf8(get(router, "/metrics").await.bytes).expect("text");
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{name} in\n{text}")).parse().expect("a whole number")
}
