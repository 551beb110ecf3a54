//! The body of a stream's answer: what its queue holds, a heartbeat while there is nothing, and last words.
//!
//! It must never outlive its place in the feed: dropped, it takes itself out.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream::poll_fn;
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep, sleep};

use super::feed::Feed;
use super::filter::Filter;
use super::frames::{heartbeat, told};
use super::open::Seat;
use super::roster::{Ended, Ending, Member};

const TOO_SLOW: &str =
    "the events were not read fast enough; go on by the last id, more slowly than they come, or with a narrower filter";

/// The stream of one client.
pub(super) struct StreamBody {
    number: u64,
    /// Not the member itself, whose end of the queue would keep it open.
    filter: Arc<Filter>,
    ending: Arc<Ending>,
    queue: mpsc::Receiver<Bytes>,
    feed: Arc<Feed>,
    interval: Duration,
    next_heartbeat: Pin<Box<Sleep>>,
    has_ended: bool,
    /// Given back with the body.
    _seat: Seat,
}

impl StreamBody {
    pub(super) fn new(
        number: u64,
        member: &Member,
        queue: mpsc::Receiver<Bytes>,
        feed: Arc<Feed>,
        heartbeat: Duration,
        seat: Seat,
    ) -> Self {
        let next_heartbeat = Box::pin(sleep(heartbeat));
        let (filter, ending) = (member.filter.clone(), member.ending.clone());
        let interval = heartbeat;
        Self { number, filter, ending, queue, feed, interval, next_heartbeat, has_ended: false, _seat: seat }
    }

    pub(super) fn into_body(mut self) -> Body {
        Body::from_stream(poll_fn(move |cx| self.poll_next(cx).map(|next| next.map(Ok::<_, Infallible>))))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let next = match self.queue.poll_recv(cx) {
            Poll::Ready(Some(bytes)) => Some(bytes),
            Poll::Ready(None) => {
                self.has_ended = true;
                self.last_words()
            }
            Poll::Pending => {
                ready!(self.next_heartbeat.as_mut().poll(cx));
                // Between the queue and this an event may have come: then the place is not said.
                let queue = &self.queue;
                let place = self.feed.place_of(self.number, &self.filter, || queue.is_empty());
                Some(heartbeat(place.as_deref()))
            }
        };
        self.next_heartbeat.as_mut().reset(Instant::now() + self.interval);
        Poll::Ready(next)
    }

    fn last_words(&self) -> Option<Bytes> {
        match self.ending.get() {
            Ended::TooSlow => Some(told("dropped", "slow-reader", TOO_SLOW, None)),
            Ended::Stopping => Some(Bytes::from_static(b": this service stops\n\n")),
            Ended::Silently => None,
        }
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        // In this order: who joins later sees that nobody listens, who joined before is taken out.
        self.queue.close();
        self.feed.leave(self.number, &self.filter);
    }
}
