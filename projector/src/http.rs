//! The projector's own HTTP: liveness, readiness, metrics, status. It must never change anything, never tell figures to whom the gate does not let in, and answers the probes
//! also when Kafka and MariaDB do not. However many ask for the status, it is read once a second.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Response as HttpResponse, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use ledger_auth::{Access, Denied, Gate};
use ledger_database::DatabaseUrl;
use ledger_http::words::{self, Word};
use ledger_http::{Limits, Refusal};
use ledger_kafka::LogInspector;
use ledger_tls::ServerTls;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::health::{Health, Readiness};
use crate::shared::Shared;
use crate::status::{Status, StatusReader};

/// What the answers are made from.
#[derive(Clone)]
pub struct Sources {
    /// Who is let in.
    pub gate: Arc<Gate>,
    pub shared: Arc<Shared>,
    pub metrics: PrometheusHandle,
    pub database: DatabaseUrl,
    pub inspector: LogInspector,
    pub topic: String,
    pub status: StatusReader,
}

/// What the answers of a started projector are made from.
#[derive(Clone)]
struct Answers {
    sources: Sources,
    status: Arc<StatusCache>,
}

/// How long the status that was read is answered with. It costs a connection to the database and questions to Kafka.
const STATUS_AGE: Duration = Duration::from_secs(1);
/// Longest that a request waits for it.
const STATUS_LIMIT: Duration = Duration::from_secs(10);
/// Requests that wait for it at the same time.
const STATUS_WAITERS: usize = 64;

/// Connections and clients: probes, scrapers and people, none of them many. Idle connections for longer than a scraper's interval.
const LIMITS: Limits = Limits {
    connections: 256,
    idle: Duration::from_secs(75),
    write: Duration::from_secs(20),
    stop: Duration::from_secs(2),
};

/// Answers on `listener` until `stop`.
pub(crate) async fn serve(listener: TcpListener, router: Router, tls: Option<ServerTls>, stop: CancellationToken) {
    let refuse = |refusal: Refusal| problem(refusal.word(), &refusal.detail());
    ledger_http::serve(listener, router, LIMITS, tls, Arc::new(refuse), stop).await;
}

pub fn router(sources: Sources) -> Router {
    let status = Arc::new(StatusCache::new());
    let gate = sources.gate.clone();
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/status", get(status_of))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(gate, admit))
        .layer(map_response(not_stored))
        .with_state(Answers { sources, status })
}

/// What a route needs of its caller. One that stands in no line needs an operator, so that a new one that was forgotten here is shut.
fn needed(route: Option<&str>) -> Access {
    match route {
        Some("/healthz" | "/readyz") => Access::Probe,
        Some("/metrics" | "/status") => Access::Read,
        Some(_) => Access::Operate,
        // There is nothing there, and to say so shows nothing.
        None => Access::Open,
    }
}

async fn admit(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let route = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str);
    match gate.admit(&parts, needed(route)).await {
        Ok(_) => next.run(Request::from_parts(parts, body)).await,
        Err(denied) => refused(&denied),
    }
}

fn refused(denied: &Denied) -> Response {
    if let Some(cause) = denied.cause() {
        tracing::warn!(cause, "a request could not be let in");
    }
    let mut response = problem(denied.word(), &denied.detail()).map(Body::from);
    denied.mark(response.headers_mut());
    response
}

/// What is answered while the start waits for its servers.
pub(crate) fn starting_router(health: Arc<Health>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(starting_readyz))
        .fallback(not_started)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(map_response(not_stored))
        .with_state(health)
}

/// What is true now is not, a moment later.
async fn not_stored(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn starting_readyz(State(health): State<Arc<Health>>) -> Response {
    readiness_answer(health.readiness(&[], |_, _| false))
}

async fn not_started() -> Response {
    let detail = "the projector starts: /readyz says what it waits for";
    problem(words::UNAVAILABLE, detail).map(Body::from)
}

/// The process runs. A projector that cannot continue ends, so there is nothing else to say.
async fn healthz() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}

async fn readyz(State(answers): State<Answers>) -> Response {
    readiness_answer(answers.sources.shared.readiness())
}

fn readiness_answer(readiness: Readiness) -> Response {
    let code = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(readiness)).into_response()
}

async fn metrics(State(answers): State<Answers>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], answers.sources.metrics.render()).into_response()
}

async fn status_of(State(answers): State<Answers>) -> Response {
    let Ok(waiter) = answers.status.waiters.clone().try_acquire_owned() else {
        return problem(words::UNAVAILABLE, "too many requests wait for the status").map(Body::from);
    };
    // A task of its own: a client that hangs up must not end a query in the middle.
    let reading = tokio::spawn(async move {
        let status = answers.status.fresh(|| read(&answers.sources)).await;
        drop(waiter);
        status
    });
    let unavailable = |detail: &str| problem(words::UNAVAILABLE, detail).map(Body::from);
    match timeout(STATUS_LIMIT, reading).await {
        Ok(Ok(Ok(status))) => ([(header::CONTENT_TYPE, "application/json")], status).into_response(),
        Ok(Ok(Err(error))) => unavailable(&error),
        Ok(Err(error)) => unavailable(&error.to_string()),
        Err(_) => unavailable(&format!("the status was not read within {} s", STATUS_LIMIT.as_secs())),
    }
}

/// The status as JSON, or why it cannot be known.
type ReadStatus = Result<Bytes, String>;

/// The status that was read last.
struct StatusCache {
    waiters: Arc<Semaphore>,
    /// Held while it is read, so that one reading serves all who ask meanwhile.
    last: Mutex<Option<(Instant, ReadStatus)>>,
}

impl StatusCache {
    fn new() -> Self {
        Self { waiters: Arc::new(Semaphore::new(STATUS_WAITERS)), last: Mutex::new(None) }
    }

    async fn fresh<F: Future<Output = ReadStatus>>(&self, read: impl FnOnce() -> F) -> ReadStatus {
        let mut last = self.last.lock().await;
        if let Some((at, status)) = &*last
            && at.elapsed() < STATUS_AGE
        {
            return status.clone();
        }
        let status = read().await;
        *last = Some((Instant::now(), status.clone()));
        status
    }
}

/// What `/status` answers: what the tables and the log say, and whether this projector is ready.
#[derive(Serialize)]
struct OwnStatus {
    #[serde(flatten)]
    status: Status,
    #[serde(flatten)]
    readiness: Readiness,
}

async fn read(sources: &Sources) -> ReadStatus {
    let status = sources.status.read().await.map_err(|error| error.to_string())?;
    // Afterwards: reading it may have taken long.
    let status = OwnStatus { status, readiness: sources.shared.readiness() };
    serde_json::to_vec(&status).map(Bytes::from).map_err(|error| error.to_string())
}

async fn not_found(uri: Uri) -> Response {
    problem(words::NOT_FOUND, &format!("there is nothing at {}", uri.path())).map(Body::from)
}

async fn method_not_allowed() -> Response {
    problem(words::METHOD_NOT_ALLOWED, "only GET and HEAD are answered here").map(Body::from)
}

/// RFC 9457.
fn problem(word: Word, detail: &str) -> HttpResponse<Bytes> {
    let Word { name, status, title } = word;
    let body = json!({ "type": format!("/problems/{name}"), "title": title, "status": status, "detail": detail });
    let mut response = HttpResponse::new(Bytes::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).expect("words have statuses of the standard");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn however_many_ask_the_status_is_read_once_a_second() {
        let (cache, reads) = (Arc::new(StatusCache::new()), Arc::new(AtomicU32::new(0)));
        let ask = || {
            let (cache, reads) = (cache.clone(), reads.clone());
            tokio::spawn(async move {
                let read = || async {
                    let count = reads.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(STATUS_AGE * 2).await;
                    Ok(Bytes::from(count.to_string()))
                };
                cache.fresh(read).await
            })
        };
        let asking: Vec<_> = (0..60).map(|_| ask()).collect();
        for answer in asking {
            assert_eq!(answer.await.expect("no panic"), Ok(Bytes::from("0")));
        }
        tokio::time::advance(STATUS_AGE / 2).await;
        assert_eq!(ask().await.expect("no panic"), Ok(Bytes::from("0")), "young enough");
        tokio::time::advance(STATUS_AGE).await;
        assert_eq!(ask().await.expect("no panic"), Ok(Bytes::from("1")));
    }

    async fn talk(address: std::net::SocketAddr, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.expect("connected");
        stream.write_all(request).await.expect("sent");
        // A client that sends nothing more.
        stream.shutdown().await.expect("half-closed");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("answered");
        answer
    }

    #[tokio::test]
    async fn answers_are_whole_and_every_refusal_is_a_problem() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, starting_router(Arc::default()), None, stop.clone()));
        for (request, status, words) in [
            ("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n", 200, "\"ok\""),
            ("GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n", 503, "\"ready\":false"),
            ("GET /status HTTP/1.1\r\nhost: x\r\n\r\n", 503, "/problems/unavailable"),
            ("POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\nx", 405, "/problems/method-not-allowed"),
            ("TRACE /readyz HTTP/1.1\r\nhost: x\r\n\r\n", 405, "allow: GET,HEAD"),
            ("GET /healthz HTTP/1.1\r\n\r\n", 400, "/problems/bad-request"),
            ("no request\r\n\r\n", 400, "/problems/bad-request"),
        ] {
            let answer = talk(address, request.as_bytes()).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
            assert!(answer.contains(words), "{request}: {answer}");
            assert!(answer.contains("cache-control: no-store"), "{request}: {answer}");
        }
        stop.cancel();
        serving.await.expect("it ends");
    }
}
