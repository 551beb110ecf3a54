//! Accepts connections and speaks HTTP/1.1 on them, with a limit on each thing that a client could hold on to.
//!
//! Its own loop instead of `axum::serve`, which sets no time limit on request headers and none on connections.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use ledger_database::Backoff;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// After errors of `accept`, such as too many open files, which pass.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy)]
pub(crate) struct ServeOptions {
    /// Connections at the same time; more wait in the kernel's queue.
    pub(crate) max_connections: usize,
    /// Limit of an idle connection, and of a request's headers. Longer than a gateway keeps its own idle connections,
    /// so that the gateway closes first and never sends into a closing one.
    pub(crate) idle_timeout: Duration,
    /// Longest that requests in flight are waited for when the service stops.
    pub(crate) stop_timeout: Duration,
}

/// Serves until `stop`, then lets what is in flight finish.
pub(crate) async fn serve(listener: TcpListener, router: Router, options: ServeOptions, stop: CancellationToken) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(options.max_connections));
    let mut pauses = Backoff::new(SHORTEST_PAUSE, LONGEST_PAUSE);
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
            (listener.accept().await, place)
        };
        match stop.run_until_cancelled(next).await {
            None => break,
            Some((Ok((stream, _)), place)) => {
                pauses.reset();
                let connection = connection(stream, router.clone(), options.idle_timeout);
                let watched = graceful.watch(connection);
                tokio::spawn(async move {
                    // A client that breaks off is not worth a line.
                    let _ = watched.await;
                    drop(place);
                });
            }
            Some((Err(error), _)) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(pauses.next_wait()).await;
            }
        }
    }
    drop(listener);
    if timeout(options.stop_timeout, graceful.shutdown()).await.is_err() {
        tracing::warn!(stop_timeout = ?options.stop_timeout, "requests were still in flight when the time was over");
    }
}

fn connection(
    stream: TcpStream,
    router: Router,
    idle_timeout: Duration,
) -> http1::Connection<TokioIo<TcpStream>, TowerToHyperService<Router>> {
    // Answers are small: Nagle's algorithm would hold them back.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY refused");
    }
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle_timeout)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
}
