//! A server with a few routes, and clients that write bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{Response, StatusCode};
use axum::routing::{get, post};
use ledger_http::{Limits, Refusal, serve};
use ledger_tls::ServerTls;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// More than the buffers of two sockets hold.
const LONG_ANSWER: usize = 32 * 1024 * 1024;

pub(crate) const LIMITS: Limits =
    Limits { connections: 64, idle: Duration::from_secs(20), write: Duration::from_secs(20), stop: PATIENCE };

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) refused: Arc<AtomicUsize>,
    pub(crate) stop: CancellationToken,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Server {
    pub(crate) async fn start(limits: Limits) -> Self {
        Self::start_with(limits, None).await
    }

    /// By TLS.
    pub(crate) async fn start_with(limits: Limits, tls: Option<ServerTls>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (refused, stop) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
        let counter = refused.clone();
        let refuse = move |refusal: Refusal| {
            counter.fetch_add(1, Ordering::Relaxed);
            let body = format!("{}: {}", refusal.word().name, refusal.detail());
            let response = Response::builder().status(refusal.status()).header("x-ours", "yes");
            response.body(Bytes::from(body)).expect("an answer")
        };
        let router = Router::new()
            // Answers without a look at the body.
            .route("/early", post(async || (StatusCode::UNSUPPORTED_MEDIA_TYPE, "early")))
            .route("/echo", post(async |body: Bytes| body.len().to_string()))
            .route("/long", get(async || vec![b'x'; LONG_ANSWER]))
            .route("/", get(async || "here"));
        tokio::spawn(serve(listener, router, limits, tls, Arc::new(refuse), stop.clone()));
        Self { address, refused, stop }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client { stream: TcpStream::connect(self.address).await.expect("connected"), read: Vec::new() }
    }
}

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    read: Vec<u8>,
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    }

    pub(crate) fn closes(&self) -> bool {
        self.head.lines().any(|line| line.eq_ignore_ascii_case("connection: close"))
    }
}

impl Client {
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("sent");
    }

    /// Sends as much as is taken: the server may have closed.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// The next answer, whose length is stated.
    pub(crate) async fn answer(&mut self) -> Answer {
        timeout(PATIENCE, self.read_answer()).await.expect("an answer in time").expect("an answer")
    }

    async fn read_answer(&mut self) -> Option<Answer> {
        loop {
            let text = String::from_utf8_lossy(&self.read).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().ok()?;
                if body.len() >= length {
                    let answer = Answer { head: head.to_owned(), body: body[..length].to_owned() };
                    self.read.drain(..head.len() + 4 + length);
                    return Some(answer);
                }
            }
            if self.stream.read_buf(&mut self.read).await.ok()? == 0 {
                return None;
            }
        }
    }

    /// Whether the server has closed, waited for.
    pub(crate) async fn is_closed(&mut self) -> bool {
        let mut space = [0; 1024];
        let closed = async {
            loop {
                match self.stream.read(&mut space).await {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                }
            }
        };
        timeout(PATIENCE, closed).await.is_ok()
    }
}
