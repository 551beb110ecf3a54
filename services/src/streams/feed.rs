//! The one live feed of a service: what the follower reads goes to each stream that wants it.
//!
//! **Neither gap nor double.** Where the feed stands, what it has in memory and who is fed change under one lock. A stream joins at the
//! place that it has reached: what lies between that and the feed is put into its queue in the same moment, so the next record
//! is the first that it has not had. A stream that comes from a service that is ahead keeps a floor until this one is there, too.
//!
//! It must never wait for a stream: a queue that is full is one that is too slow.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use ledger_schema::Position;

use super::event::{NotShown, StreamEvent};
use super::filter::Filter;
use super::frames::{Frames, head, told};
use super::recent::{Recent, Record, raise};
use super::roster::{Ended, Member, Roster};
use super::token::{Token, TopicMark};
use crate::metrics::Metrics;

/// So many records at most are read and compared while the feed stands still for a stream that joins; more are handed out first.
const MOST_AT_JOINING: usize = 256;
/// Records that are handed out at once.
const MOST_HANDED_OUT: usize = 1024;

/// Why a stream does not go on where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reset {
    /// What follows the id is not in the topic any more.
    Gone,
    /// The id is of a topic that was deleted, and made anew.
    OtherTopic,
    /// The id is of a record that the topic does not have: it lost its end.
    BeyondEnd,
    /// The service lost its place in the topic.
    PlaceLost,
}

impl Reset {
    fn word(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::OtherTopic => "other-topic",
            Self::BeyondEnd => "beyond-end",
            Self::PlaceLost => "place-lost",
        }
    }

    fn detail(self) -> &'static str {
        match self {
            Self::Gone => "events after that id are not kept any more; read the present state, events go on from here",
            Self::OtherTopic => {
                "the id is of another topic of outcomes, which was made anew; read the present state, events go on from here"
            }
            Self::BeyondEnd => {
                "the topic of outcomes ends before that id; read the present state, events go on from here"
            }
            Self::PlaceLost => {
                "this service lost its place in the topic of outcomes, and events may be missing; read the present state, events go on from here"
            }
        }
    }
}

/// Where a stream begins.
pub(super) enum From<'a> {
    Now,
    Reset(Reset),
    Place(&'a Token),
}

/// How a stream joined, or why not.
pub(super) enum Joined {
    Live,
    /// More than can be given at once lies between: these records, each with the place behind it. Then ask again.
    Recent(Vec<(Record, Vec<i64>)>),
    /// What it has not had is older than what the feed has in memory; the feed stands there.
    Behind(Vec<i64>),
    /// Nobody is fed any more, or nobody listens.
    Closed,
    /// The topic cannot be followed.
    Away(String),
}

#[derive(Debug)]
struct State {
    topic: TopicMark,
    next_offsets: Vec<i64>,
    recent: Recent,
    roster: Roster,
    away: Option<String>,
    is_closed: bool,
}

/// The feed.
#[derive(Debug)]
pub(crate) struct Feed {
    state: Mutex<State>,
    next_number: AtomicU64,
    doubt: AtomicBool,
    metrics: Arc<Metrics>,
}

impl Feed {
    /// Begins where the follower begins.
    pub(crate) fn new(topic: TopicMark, next_offsets: Vec<i64>, metrics: Arc<Metrics>) -> Self {
        let recent = Recent::from(next_offsets.clone());
        let state = State { topic, next_offsets, recent, roster: Roster::default(), away: None, is_closed: false };
        Self { state: Mutex::new(state), next_number: AtomicU64::new(1), doubt: AtomicBool::new(false), metrics }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked under the lock did so between two changes that each stand for themselves.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A name for a stream.
    pub(super) fn next_number(&self) -> u64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn topic(&self) -> TopicMark {
        self.state().topic
    }

    pub(super) fn next_offsets(&self) -> Vec<i64> {
        self.state().next_offsets.clone()
    }

    pub(crate) fn partition_count(&self) -> usize {
        self.state().next_offsets.len()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().is_closed
    }

    /// Takes a record that the follower read, and gives it to whom it concerns.
    ///
    /// # Errors
    /// [`NotShown`]: it is left out. Records are read only while there are streams.
    pub(crate) fn push(&self, at: Position, value: Option<&[u8]>) -> Result<(), NotShown> {
        let mut state = self.state();
        let State { topic, next_offsets, recent, roster, .. } = &mut *state;
        let Some(known) = usize::try_from(at.partition).ok().and_then(|partition| next_offsets.get(partition)) else {
            return Ok(());
        };
        if at.offset < *known {
            // Offsets do not go back in one topic.
            self.raise_doubt();
            return Ok(());
        }
        raise(next_offsets, at);
        recent.push(Record { at, value: value.map(Bytes::copy_from_slice) });
        if roster.is_empty() {
            return Ok(());
        }
        let event = StreamEvent::decode(value)?;
        let (frames, mut sent) = (Frames::new(&event, *topic, at, next_offsets), 0);
        roster.visit(&event, |member| self.give(member, at, next_offsets, &frames, &mut sent));
        self.metrics.events_sent.increment(sent);
        Ok(())
    }

    /// False for a stream that is to be taken out.
    fn give(&self, member: &mut Member, at: Position, now: &[i64], frames: &Frames<'_>, sent: &mut u64) -> bool {
        if let Some(floor) = &member.floor {
            if has_had(floor, at) {
                return true;
            }
            if !is_ahead(floor, now) {
                member.floor = None;
            }
        }
        let Some(bytes) = frames.of(&member.filter, member.floor.as_deref()) else { return true };
        *sent += 1;
        self.put(member, bytes)
    }

    fn put(&self, member: &Member, bytes: Bytes) -> bool {
        match member.queue.try_send(bytes) {
            Ok(()) => true,
            Err(tokio::sync::mpsc::error::TrySendError::Full(_)) => {
                member.ending.set(Ended::TooSlow);
                self.metrics.slow_streams.increment(1);
                false
            }
            Err(tokio::sync::mpsc::error::TrySendError::Closed(_)) => false,
        }
    }

    /// Lets a stream in at its place, if that is at hand.
    pub(super) fn join(&self, number: u64, mut member: Member, from: &From<'_>) -> Joined {
        let mut state = self.state();
        let State { topic, next_offsets, recent, roster, away, is_closed } = &mut *state;
        if *is_closed || member.queue.is_closed() {
            member.ending.set(Ended::Stopping);
            return Joined::Closed;
        }
        if let Some(cause) = away {
            return Joined::Away(cause.clone());
        }
        let here = || Token::encode(*topic, next_offsets.iter().copied());
        let reset = |reset: Reset| {
            self.metrics.stream_resets.increment(1);
            told("reset", reset.word(), reset.detail(), Some(&here()))
        };
        let first = match from {
            From::Now => vec![head(Some(&here()))],
            From::Reset(why) => vec![reset(*why)],
            From::Place(place) if place.topic != *topic || place.next_offsets.len() != next_offsets.len() => {
                vec![reset(Reset::OtherTopic)]
            }
            From::Place(place) => {
                if !recent.reaches(&place.next_offsets) {
                    return Joined::Behind(next_offsets.clone());
                }
                let missed = recent.since(&place.next_offsets, MOST_HANDED_OUT);
                if missed.len() > MOST_AT_JOINING.min(member.queue.capacity()) {
                    return Joined::Recent(missed);
                }
                member.floor = is_ahead(&place.next_offsets, next_offsets).then(|| place.next_offsets.clone());
                let bytes = missed.iter().filter_map(|(record, after)| {
                    let event = StreamEvent::decode(record.value.as_deref()).ok()?;
                    Frames::new(&event, *topic, record.at, after).of(&member.filter, Some(&place.next_offsets))
                });
                let bytes: Vec<Bytes> = bytes.collect();
                self.metrics.events_sent.increment(bytes.len() as u64);
                bytes
            }
        };
        if first.into_iter().all(|bytes| self.put(&member, bytes)) {
            roster.add(number, member);
        }
        Joined::Live
    }

    /// The stream is over.
    pub(super) fn leave(&self, number: u64, filter: &Filter) {
        self.state().roster.remove(number, filter);
    }

    /// Up to where a stream has had everything, if it is fed live and `is_drained` says that it took all of it.
    pub(super) fn place_of(&self, number: u64, filter: &Filter, is_drained: impl FnOnce() -> bool) -> Option<String> {
        let mut state = self.state();
        let State { topic, next_offsets, roster, .. } = &mut *state;
        let floor = roster.get(number, filter)?.floor.unwrap_or_default();
        let offsets = next_offsets.iter().enumerate();
        let place = offsets.map(|(at, next)| floor.get(at).map_or(*next, |had| *next.max(had)));
        is_drained().then(|| Token::encode(*topic, place))
    }

    /// Something speaks for another topic: the follower looks for its place anew.
    pub(crate) fn raise_doubt(&self) {
        self.doubt.store(true, Ordering::Release);
    }

    pub(crate) fn take_doubt(&self) -> bool {
        self.doubt.swap(false, Ordering::AcqRel)
    }

    /// The follower found another place: all streams are told, and go on from there.
    pub(crate) fn begin_anew(&self, topic: TopicMark, next_offsets: Vec<i64>) {
        let mut state = self.state();
        let why = if state.topic == topic { Reset::PlaceLost } else { Reset::OtherTopic };
        state.topic = topic;
        state.recent = Recent::from(next_offsets.clone());
        state.next_offsets = next_offsets;
        state.away = None;
        self.tell_reset(&mut state, why);
    }

    fn tell_reset(&self, state: &mut State, why: Reset) {
        let place = Token::encode(state.topic, state.next_offsets.iter().copied());
        let bytes = told("reset", why.word(), why.detail(), Some(&place));
        state.roster.visit_all(|member| {
            member.floor = None;
            self.metrics.stream_resets.increment(1);
            self.put(member, bytes.clone())
        });
    }

    /// The topic cannot be followed: no stream begins until it can, and those that are there hear of it then.
    pub(crate) fn suspend(&self, cause: String) {
        self.state().away = Some(cause);
    }

    /// The service stops: all streams end.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.roster.visit_all(|member| {
            member.ending.set(Ended::Stopping);
            false
        });
    }
}

/// Whether a record lies before a place.
fn has_had(place: &[i64], record: Position) -> bool {
    let next_offset = usize::try_from(record.partition).ok().and_then(|at| place.get(at));
    next_offset.is_some_and(|next_offset| record.offset < *next_offset)
}

/// Whether a place is ahead of another in some partition.
fn is_ahead(place: &[i64], of: &[i64]) -> bool {
    place.iter().zip(of).any(|(one, other)| one > other)
}

#[cfg(test)]
mod tests;
