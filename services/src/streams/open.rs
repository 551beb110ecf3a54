//! A request for a stream: a place for it, its beginning, and who brings it there.
//!
//! It must never take on more streams, nor let more of them read from the topic by themselves, than it was told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use ledger_kafka::KafkaSettings;
use thiserror::Error;
use tokio::sync::{Semaphore, mpsc};

use super::body::StreamBody;
use super::catch_up::CatchUp;
use super::feed::{Feed, From, Joined, Reset};
use super::filter::Filter;
use super::frames::head;
use super::roster::Member;
use super::token::Token;
use crate::event_log::LogEnds;
use crate::metrics::Metrics;

/// What streams may take.
#[derive(Debug, Clone)]
pub(crate) struct StreamOptions {
    pub(crate) kafka: KafkaSettings,
    /// The topic of outcomes.
    pub(crate) topic: String,
    /// Streams at the same time.
    pub(crate) max_streams: usize,
    /// Of them, those that read from the topic by themselves.
    pub(crate) max_catch_ups: usize,
    /// Events that a stream may have before it.
    pub(crate) buffer: usize,
    /// Longest silence.
    pub(crate) heartbeat: Duration,
}

/// Why a stream is not opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum NotOpened {
    #[error("{0} streams are open")]
    TooMany(usize),
    #[error("{0} streams are catching up")]
    TooManyCatchingUp(usize),
    #[error("the service stops")]
    Stopping,
    #[error("{0}")]
    Away(String),
}

/// Opens streams.
pub(crate) struct Streams {
    feed: Arc<Feed>,
    options: StreamOptions,
    ends: LogEnds,
    seats: Arc<AtomicUsize>,
    catching_up: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

/// A stream's place among those that are allowed; dropped, it is free.
pub(super) struct Seat {
    seats: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.fetch_sub(1, Ordering::Relaxed);
        self.metrics.streams.decrement(1.0);
    }
}

impl Streams {
    pub(crate) fn new(feed: Arc<Feed>, options: StreamOptions, ends: LogEnds, metrics: Arc<Metrics>) -> Self {
        let catching_up = Arc::new(Semaphore::new(options.max_catch_ups));
        Self { feed, options, ends, seats: Arc::default(), catching_up, metrics }
    }

    /// Opens a stream, from `place` on, or from now.
    ///
    /// # Errors
    /// [`NotOpened`].
    pub(crate) async fn open(&self, filter: Filter, place: Option<Token>) -> Result<Body, NotOpened> {
        let opened = self.try_open(filter, place).await;
        if opened.is_err() {
            self.metrics.refused_streams.increment(1);
        }
        opened
    }

    async fn try_open(&self, filter: Filter, place: Option<Token>) -> Result<Body, NotOpened> {
        let seat = self.take_seat()?;
        let (sender, queue) = mpsc::channel(self.options.buffer);
        let member = Member { filter: Arc::new(filter), queue: sender, ending: Arc::default(), floor: None };
        let number = self.feed.next_number();
        let body =
            |member: &Member| StreamBody::new(number, member, queue, self.feed.clone(), self.options.heartbeat, seat);
        let from = match &place {
            None => From::Now,
            Some(place) if self.is_beyond_end(place).await => From::Reset(Reset::BeyondEnd),
            Some(place) => From::Place(place),
        };
        if place.is_some() {
            // The client learns at once that it is served: what is read for it may not match for a long time.
            let begun = member.queue.try_send(head(None));
            debug_assert!(begun.is_ok(), "a new queue has room");
        }
        let joined = self.feed.join(number, member.clone(), &from);
        match (joined, place) {
            (Joined::Live, _) => Ok(body(&member).into_body()),
            (Joined::Away(cause), _) => Err(NotOpened::Away(cause)),
            (joined @ (Joined::Recent(_) | Joined::Behind(_)), Some(place)) => {
                let Ok(permit) = self.catching_up.clone().try_acquire_owned() else {
                    return Err(NotOpened::TooManyCatchingUp(self.options.max_catch_ups));
                };
                let (feed, metrics) = (self.feed.clone(), self.metrics.clone());
                let (kafka, topic) = (self.options.kafka.clone(), self.options.topic.clone());
                let opened = body(&member).into_body();
                let catch_up = CatchUp { number, member, place, feed, kafka, topic, metrics, permit };
                tokio::task::spawn_blocking(move || catch_up.run(joined));
                Ok(opened)
            }
            (Joined::Closed | Joined::Recent(_) | Joined::Behind(_), _) => Err(NotOpened::Stopping),
        }
    }

    /// A service that is ahead may have given the id. It has read no more than the topic holds.
    async fn is_beyond_end(&self, place: &Token) -> bool {
        if place.topic != self.feed.topic() {
            return false;
        }
        let known = self.feed.next_offsets();
        for (partition, (named, known)) in (0..).zip(place.next_offsets.iter().zip(known)) {
            if *named <= known {
                continue;
            }
            match self.ends.of(partition).await {
                Some(end) if *named > end => return true,
                Some(_) => {}
                // Kafka says nothing: the stream begins, and meets the records or hears of a reset later.
                None => return false,
            }
        }
        false
    }

    fn take_seat(&self) -> Result<Seat, NotOpened> {
        let most = self.options.max_streams;
        if self.seats.fetch_add(1, Ordering::Relaxed) >= most {
            self.seats.fetch_sub(1, Ordering::Relaxed);
            return Err(NotOpened::TooMany(most));
        }
        self.metrics.streams.increment(1.0);
        Ok(Seat { seats: self.seats.clone(), metrics: self.metrics.clone() })
    }
}
