//! One request, tried again while what it meets may pass. The key goes with every attempt, so that all of them are one request.
//! It must never take silence for a refusal.

use std::error::Error;
use std::time::{Duration, Instant};

use ledger_tls::ClientFiles;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response, Url};
use serde_json::Value;

use super::address::ServiceUrl;
use super::bearer::Bearer;
use super::error::{Doubt, RestError};
use super::problem::{Problem, is_passing};
use super::secured::{not_secured, tls_of};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// What an answer may take beside what the request itself asks to wait for. More than a service takes to say that it does not know.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// Pauses between attempts where the server names none: they double, from and up to these.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Largest answer: far above a page of two hundred orders of a hundred lines.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of an answer that is none of the ledger's which an error quotes.
const QUOTED: usize = 200;

/// How long is waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// For a decision, by the service (`Prefer: wait`). Zero: not at all.
    pub decision: Duration,
    /// For what passes, by trying again. Zero: one attempt.
    pub retries: Duration,
}

/// A client of one address. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) url: ServiceUrl,
    pub(super) http: reqwest::Client,
    pub(super) waits: Waits,
    pub(super) bearer: Option<Bearer>,
}

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Request<'a> {
    pub(super) method: Method,
    pub(super) segments: &'a [&'a str],
    pub(super) query: Vec<(&'a str, String)>,
    /// Also the sign that it makes something.
    pub(super) key: Option<&'a str>,
    pub(super) body: Option<&'a Value>,
    /// Whether it asks to wait for the decision.
    pub(super) waits: bool,
}

/// An answer of success.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) body: Value,
    /// Who answered (`X-Order-Service`).
    pub(super) service: Option<String>,
}

/// An attempt without success.
struct Failure {
    error: RestError,
    /// Whether the request may have been accepted.
    doubtful: bool,
    /// Whether trying again may help, and after what pause where the server names one.
    passes: bool,
    retry_after: Option<Duration>,
}

impl<'a> Request<'a> {
    pub(super) fn get(segments: &'a [&'a str]) -> Self {
        Self { method: Method::GET, segments, query: Vec::new(), key: None, body: None, waits: false }
    }

    pub(super) fn post(segments: &'a [&'a str]) -> Self {
        Self { method: Method::POST, waits: true, ..Self::get(segments) }
    }

    pub(super) fn with_query(mut self, name: &'a str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }
}

impl Client {
    /// It does not connect yet. `files` say whom it trusts at an `https://` address.
    ///
    /// # Errors
    /// [`RestError`], where the files cannot be used, or would not be.
    pub fn new(url: ServiceUrl, files: &ClientFiles, waits: Waits) -> Result<Self, RestError> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls_of(&url, files)?)
            .connect_timeout(CONNECT_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            // The address is what was asked for, whatever the environment says of the web.
            .no_proxy()
            .user_agent(concat!("ledger/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| RestError::Client(words(&error)))?;
        Ok(Self { url, http, waits, bearer: None })
    }

    /// The same client, which says who calls.
    #[must_use]
    pub fn showing(self, bearer: Option<Bearer>) -> Self {
        if bearer.is_some() && !self.url.is_secured() && !self.url.is_this_machine() {
            tracing::warn!(url = %self.url, "the key goes over the network in the clear, where others can read it: use https://");
        }
        Self { bearer, ..self }
    }

    /// Sends it until it succeeds, is refused, or the time for retries is over.
    ///
    /// # Errors
    /// [`RestError`], with the doubt that any attempt has left.
    pub(super) async fn send(&self, request: &Request<'_>) -> Result<Answer, RestError> {
        let begun = Instant::now();
        let (mut pause, mut doubtful) = (FIRST_PAUSE, false);
        loop {
            let failure = match self.attempt(request).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            doubtful |= failure.doubtful && request.method != Method::GET;
            let wait = failure.retry_after.unwrap_or(pause).min(LONGEST_PAUSE);
            if !failure.passes || begun.elapsed() + wait > self.waits.retries {
                // A refusal of this very request is an answer: it also speaks for the attempts before it.
                let doubtful = doubtful && failure.passes;
                return Err(failure.error.with_doubt(doubtful, request.key));
            }
            tracing::warn!(
                "{}; trying again in {} ms, which is safe",
                first_line(&failure.error.to_string()),
                wait.as_millis()
            );
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn attempt(&self, request: &Request<'_>) -> Result<Answer, Failure> {
        let final_ = |error| Failure { error, doubtful: false, passes: false, retry_after: None };
        let url = self.url.of(request.segments, &request.query).map_err(final_)?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, application/problem+json"));
        headers.extend(self.bearer.as_ref().map(|bearer| (AUTHORIZATION, bearer.header())));
        let mut limit = ANSWER_LIMIT;
        if request.waits && !self.waits.decision.is_zero() {
            limit += self.waits.decision;
            let wait = format!("wait={}", self.waits.decision.as_secs());
            headers.extend(HeaderValue::from_str(&wait).map(|wait| (HeaderName::from_static("prefer"), wait)));
        }
        if let Some(key) = request.key {
            // Checked where it is read: printable ASCII.
            headers.extend(HeaderValue::from_str(key).map(|key| (HeaderName::from_static("idempotency-key"), key)));
        }
        let mut sent = self.http.request(request.method.clone(), url.clone()).headers(headers).timeout(limit);
        if let Some(body) = request.body {
            sent = sent.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let lost = |error: reqwest::Error| match not_secured(&error) {
            // Before the request was read.
            Some(cause) => final_(RestError::NotSecured { url: self.url.to_string(), cause }),
            None => Failure {
                // Who was not connected has sent nothing.
                doubtful: !error.is_connect(),
                passes: true,
                retry_after: None,
                error: RestError::Unreachable { url: self.url.to_string(), cause: words(&error), doubt: Doubt::None },
            },
        };
        let response = sent.send().await.map_err(lost)?;
        let (status, retry_after) = (response.status(), retry_after(&response));
        let service = header(&response, "x-order-service");
        let body = read(response).await.map_err(lost)?;
        match serde_json::from_slice::<Value>(&body) {
            Ok(body) if status.is_success() => return Ok(Answer { body, service }),
            Ok(body) => {
                if let Some(problem) = Problem::of(status.as_u16(), &body) {
                    let (passes, doubtful) = (problem.passes(), problem.is_doubt());
                    let error = RestError::Refused { problem: Box::new(problem), doubt: Doubt::None };
                    return Err(Failure { error, doubtful, passes, retry_after });
                }
            }
            Err(_) => {}
        }
        let passes = is_passing(status.as_u16());
        Err(Failure { error: not_the_ledger(&url, status.as_u16(), &body), doubtful: true, passes, retry_after })
    }
}

impl RestError {
    fn with_doubt(mut self, doubtful: bool, key: Option<&str>) -> Self {
        let said = if doubtful { Doubt::Unknown { key: key.map(str::to_owned) } } else { Doubt::None };
        match &mut self {
            Self::Unreachable { doubt, .. } | Self::Refused { doubt, .. } | Self::NotTheLedger { doubt, .. } => {
                *doubt = said;
            }
            Self::NotAddressable { .. }
            | Self::NotSecured { .. }
            | Self::Tls(_)
            | Self::NoUseOfTls(..)
            | Self::Bearer(_)
            | Self::Client(_)
            | Self::Output(_) => {}
        }
        self
    }
}

pub(super) fn not_the_ledger(url: &Url, status: u16, body: &[u8]) -> RestError {
    let beginning = String::from_utf8_lossy(&body[..body.len().min(QUOTED)]);
    let found = format!("{status} with `{}`", first_line(beginning.trim()));
    RestError::NotTheLedger { url: url.to_string(), expected: "JSON of an order service", found, doubt: Doubt::None }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// The body, up to the limit; what is above it is cut, and is then no JSON.
pub(super) async fn read(mut response: Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER_BYTES {
            body.truncate(MAX_ANSWER_BYTES);
            break;
        }
    }
    Ok(body)
}

pub(super) fn header(response: &Response, name: &str) -> Option<String> {
    response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// Seconds only: a date would need two clocks that agree.
fn retry_after(response: &Response) -> Option<Duration> {
    header(response, RETRY_AFTER.as_str()).and_then(|text| text.trim().parse().ok()).map(Duration::from_secs)
}

/// The innermost words: the outer ones name an address that the error names already.
pub(super) fn words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "nothing came in time".to_owned();
    }
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
