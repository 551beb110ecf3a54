//! The rest of a request's body, where the answer did not wait for it: read and thrown away within limits, so that the connection
//! serves the next request; beyond them the answer says `Connection: close`. Without either, the client's next request (a
//! gateway's, so anybody's) would be sent into a connection that is being closed.
//!
//! It holds for every route, whatever it does with the body: the route gets the body by a handle, and the other handle stays here.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::http::header::EXPECT;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::timeout;

/// Most that is read and thrown away before an answer, and after the last one of a connection.
pub(crate) const MOST_BYTES: usize = 16 * 1024 * 1024;
/// Longest that this takes.
pub(crate) const LONGEST: Duration = Duration::from_secs(2);

/// A body that the route and the connection share.
#[derive(Clone)]
struct Shared(Arc<Mutex<Reading>>);

struct Reading {
    body: Incoming,
    /// Somebody began to read: a client that waits for `100 Continue` was invited.
    has_begun: bool,
    /// It failed: what is left of it cannot be told from what follows.
    has_failed: bool,
}

/// What is left of a body.
pub(crate) struct Rest {
    shared: Shared,
    waits_for_invitation: bool,
}

/// The request for the route, and what will be left of its body; nothing where it has none.
pub(crate) fn apart(request: Request<Incoming>) -> (Request<Body>, Option<Rest>) {
    if request.body().is_end_stream() {
        return (request.map(|_| Body::empty()), None);
    }
    let waits_for_invitation = request.headers().contains_key(EXPECT);
    let mut rest = None;
    let request = request.map(|body| {
        let shared = Shared(Arc::new(Mutex::new(Reading { body, has_begun: false, has_failed: false })));
        rest = Some(Rest { shared: shared.clone(), waits_for_invitation });
        Body::new(shared)
    });
    (request, rest)
}

impl Shared {
    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut reading = self.reading();
        reading.has_begun = true;
        let polled = Pin::new(&mut reading.body).poll_frame(cx);
        reading.has_failed |= matches!(polled, Poll::Ready(Some(Err(_))));
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.reading().body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.reading().body.size_hint()
    }
}

impl Rest {
    /// Reads what is left; false where it is too much, too slow, or was not invited: the connection can serve nothing after this.
    pub(crate) async fn read_to_end(mut self) -> bool {
        {
            let reading = self.shared.reading();
            if reading.has_failed || self.waits_for_invitation && !reading.has_begun {
                return false;
            }
            if reading.body.is_end_stream() {
                return true;
            }
        }
        timeout(LONGEST, self.drain()).await.unwrap_or(false)
    }

    async fn drain(&mut self) -> bool {
        let mut dropped = 0;
        while let Some(frame) = self.shared.frame().await {
            let Ok(frame) = frame else { return false };
            dropped += frame.data_ref().map_or(0, Bytes::len);
            if dropped > MOST_BYTES {
                return false;
            }
        }
        true
    }
}
