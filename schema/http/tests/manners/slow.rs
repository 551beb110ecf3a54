//! Clients that hold on to something: each lets go within its limit, which is seen by the next client's turn, since there is place
//! for one alone.

use std::time::Duration;

use ledger_http::Limits;
use tokio::time::Instant;

use crate::world::{LIMITS, Server};

const SHORT: Duration = Duration::from_millis(500);
const ONE: Limits = Limits { connections: 1, ..LIMITS };

/// The next client is served, not before the limit and not long after it.
async fn next_is_served(server: &Server, since: Instant) {
    let mut next = server.connect().await;
    next.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(next.answer().await.status(), 200);
    let took = since.elapsed();
    assert!(took >= SHORT - Duration::from_millis(50), "the first was cut off after {took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_reads() {
    let server = Server::start(Limits { write: SHORT, ..ONE }).await;
    let mut deaf = server.connect().await;
    let since = Instant::now();
    deaf.send(b"GET /long HTTP/1.1\r\nhost: x\r\n\r\n").await;
    next_is_served(&server, since).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_do_not_end_and_connections_that_idle() {
    for begun in [&b"GET / HTTP/1.1\r\nhost: x\r\n"[..], b"G", b""] {
        let server = Server::start(Limits { idle: SHORT, ..ONE }).await;
        let mut slow = server.connect().await;
        let since = Instant::now();
        slow.send(begun).await;
        next_is_served(&server, since).await;
        assert!(slow.is_closed().await);
    }
    let server = Server::start(Limits { idle: SHORT, ..ONE }).await;
    let mut idle = server.connect().await;
    idle.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(idle.answer().await.status(), 200);
    next_is_served(&server, Instant::now()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_idle_connections_and_accepts_none() {
    let server = Server::start(LIMITS).await;
    let mut idle = server.connect().await;
    idle.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(idle.answer().await.status(), 200);
    server.stop.cancel();
    assert!(idle.is_closed().await);
    let refused = async {
        while tokio::net::TcpStream::connect(server.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), refused).await.expect("nothing is accepted any more");
}
