//! Accepts connections and speaks HTTP/1.1 on them, with a limit on each thing that a client could hold on to.
//!
//! Its own loop instead of `axum::serve`, which limits neither connections nor what a slow client may take.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::refusal::Refuse;
use crate::requests::Requests;
use crate::stream::{ClientStream, Unread};

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

/// Serves until `stop`, then lets what is in flight finish. `refuse` answers what comes to no route.
///
/// A client may close its half of the connection after its request; it gets its answer. So a client that goes away is
/// noticed when its answer is written.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, refuse: Refuse, stop: CancellationToken) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(limits.connections));
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
            (listener.accept().await, place)
        };
        match stop.run_until_cancelled(next).await {
            None => break,
            Some((Ok((stream, _)), place)) => {
                let watched = graceful.watch(connection(stream, router.clone(), limits, refuse.clone()));
                tokio::spawn(async move {
                    // A client that breaks off is not worth a line.
                    let _ = watched.await;
                    drop(place);
                });
            }
            Some((Err(error), _)) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
    for stream in connected_already(listener) {
        tokio::spawn(graceful.watch(connection(stream, router.clone(), limits, refuse.clone())));
    }
    if graceful.count() > 0 {
        sleep(LAST_REQUESTS).await;
    }
    if timeout(limits.stop, graceful.shutdown()).await.is_err() {
        tracing::warn!(limit = ?limits.stop, "requests were still in flight when the time was over");
    }
}

/// Closes the listener; those that the kernel has connected already may have sent a request, and would be reset.
fn connected_already(listener: TcpListener) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    match listener.into_std() {
        Ok(listener) => {
            while streams.len() < MOST_AT_ONCE
                && let Ok((stream, _)) = listener.accept()
            {
                streams.extend(stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)));
            }
        }
        Err(error) => tracing::debug!(%error, "connections that were not accepted yet are reset"),
    }
    streams
}

fn connection(
    stream: TcpStream,
    router: Router,
    limits: Limits,
    refuse: Refuse,
) -> http1::Connection<TokioIo<ClientStream>, Requests> {
    // Answers are small: Nagle's algorithm would hold them back.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY refused");
    }
    let unread = Arc::new(Unread::default());
    let stream = ClientStream::new(stream, limits.write, refuse.clone(), unread.clone());
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle)
        .max_header_size(MAX_HEAD_BYTES)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), Requests { router, refuse, unread })
}
