//! Accepts connections and speaks HTTP/1.1 on them, in the clear or by TLS, with a limit on each thing that a client could hold on to.
//!
//! Its own loop instead of `axum::serve`, which limits neither connections nor what a slow client may take. Where TLS was asked for,
//! it must never answer in the clear anything but that TLS is spoken here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use ledger_tls::ServerTls;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::refusal::Refuse;
use crate::requests::Requests;
use crate::stream::{ClientStream, Unread};
use crate::transport::{self, Transport};

/// After an error of `accept`, such as too many open files, which passes.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);
/// At the stop, how long connections that are open and idle may still bring a request: one may be on its way, on a connection that
/// a gateway has just opened or keeps. Cut off, it would be one whose outcome nobody knows.
const LAST_REQUESTS: Duration = Duration::from_millis(250);
/// Connections that are taken out of the queue of the kernel at the stop.
const MOST_AT_ONCE: usize = 1024;
/// Where hyper itself stops to read a head: above the limits that `requests` has an answer for, and the longest address that hyper reads.
const MAX_HEAD_BYTES: usize = 128 * 1024;

/// What clients can hold on to at most.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at the same time; more wait in the kernel's queue.
    pub connections: usize,
    /// Of an idle connection, and of a request's first line and headers: from the last answer to the last header. Longer than a
    /// gateway keeps its own idle connections, so that the gateway closes first and never sends into a closing one.
    pub idle: Duration,
    /// From the moment that an answer cannot be written on (the client does not read) until all that waits is written.
    pub write: Duration,
    /// Longest that requests in flight are waited for at the stop.
    pub stop: Duration,
}

/// Serves until `stop`, then lets what is in flight finish. `refuse` answers what comes to no route. With `tls` nothing is served
/// without it, and its files are looked at meanwhile. Each request has its client's address as `ConnectInfo`.
///
/// A client may close its half of the connection after its request; it gets its answer. So a client that goes away is
/// noticed when its answer is written.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    tls: Option<ServerTls>,
    refuse: Refuse,
    stop: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(limits.connections));
    let serving = Serving { router, limits, tls, refuse };
    if let Some(tls) = serving.tls.clone() {
        tokio::spawn(tls.watch(stop.clone()));
    }
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
            (listener.accept().await, place)
        };
        match stop.run_until_cancelled(next).await {
            None => break,
            Some((Ok((stream, client)), place)) => {
                let connection = serving.clone().connection(stream, client, graceful.watcher());
                tokio::spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Some((Err(error), _)) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
    for (stream, client) in connected_already(listener) {
        tokio::spawn(serving.clone().connection(stream, client, graceful.watcher()));
    }
    if graceful.count() > 0 {
        sleep(LAST_REQUESTS).await;
    }
    if timeout(limits.stop, graceful.shutdown()).await.is_err() {
        tracing::warn!(limit = ?limits.stop, "requests were still in flight when the time was over");
    }
}

/// Closes the listener; those that the kernel has connected already may have sent a request, and would be reset.
fn connected_already(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let mut streams = Vec::new();
    match listener.into_std() {
        Ok(listener) => {
            while streams.len() < MOST_AT_ONCE
                && let Ok((stream, client)) = listener.accept()
            {
                let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
                streams.extend(stream.map(|stream| (stream, client)));
            }
        }
        Err(error) => tracing::debug!(%error, "connections that were not accepted yet are reset"),
    }
    streams
}

/// What every connection is served with.
#[derive(Clone)]
struct Serving {
    router: Router,
    limits: Limits,
    tls: Option<ServerTls>,
    refuse: Refuse,
}

impl Serving {
    /// One client, from the handshake to the end.
    async fn connection(self, stream: TcpStream, client: SocketAddr, watcher: Watcher) {
        // Answers are small: Nagle's algorithm would hold them back.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY refused");
        }
        let secured = match &self.tls {
            None => Some(Transport::Clear(stream)),
            Some(tls) => transport::secured(tls, stream, self.limits.idle, &self.refuse).await,
        };
        let Some(stream) = secured else { return };
        // A client that breaks off is not worth a line.
        let _ = watcher.watch(self.spoken(stream, client)).await;
    }

    fn spoken(self, stream: Transport, client: SocketAddr) -> http1::Connection<TokioIo<ClientStream>, Requests> {
        let Self { router, limits, refuse, .. } = self;
        let unread = Arc::new(Unread::default());
        let stream = ClientStream::new(stream, limits.write, refuse.clone(), unread.clone());
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.idle)
            .max_header_size(MAX_HEAD_BYTES)
            .half_close(true)
            .serve_connection(TokioIo::new(stream), Requests { router, refuse, unread, client })
    }
}
