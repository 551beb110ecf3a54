//! Streams of server-sent events: what was decided, as it is decided, straight from the topic of outcomes.
//!
//! **One reader of the topic.** The follower of the outcomes feeds all streams ([`feed`]): each record is read once, and once encoded for all
//! who get it. A stream has a queue with an end; whoever does not keep up is told and dropped, and goes on where it was by its last id.
//!
//! **An id is a place** ([`token`]): the topic's own mark and the next offset of every partition, so a stream goes on at any service with
//! neither gap nor double. What the feed still has in memory ([`recent`]) is given from there; what is older is read from the topic
//! ([`catch_up`]), by few at a time, until it meets the feed. What is gone, or is of another topic, is told as `event: reset`.
//!
//! It must never hold the follower up, never keep a record that no limit bounds, and never leave something out without a word.
//!
//! Reading order: `token`, `event` (one record), `filter`, `frames` (as bytes), `recent`, `roster` (who reads what), `feed`, `catch_up`,
//! `body` (the answer), `open` (a request), `watch` (is it the topic that it was).

mod body;
mod catch_up;
mod event;
mod feed;
mod filter;
mod frames;
mod open;
mod recent;
mod roster;
mod token;
mod watch;

pub(crate) use feed::Feed;
pub(crate) use filter::{EVENT_TYPES, Filter, Shown};
pub(crate) use open::{NotOpened, StreamOptions, Streams};
pub(crate) use token::{Token, TopicMark};
pub(crate) use watch::watch;
