//! Reads for one stream what lies between its place and the feed, from the topic itself, and lets it join there. It runs on a thread
//! for blocking work, and waits for its reader: so few of them run at a time.
//!
//! It must never join where something is left out, nor go on for a reader that is gone.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ledger_kafka::record::OwnedRecord;
use ledger_kafka::replay::{LogRange, LogReader, Polled, ReplayError};
use ledger_kafka::{DroppedAside, KafkaSettings};
use ledger_schema::Position;
use thiserror::Error;
use tokio::sync::OwnedSemaphorePermit;

use super::event::StreamEvent;
use super::feed::{Feed, From, Joined, Reset};
use super::frames::Frames;
use super::recent::{Record, raise};
use super::roster::{Ended, Member};
use super::token::Token;
use crate::metrics::Metrics;

/// Longest that a stop, or that the reader is gone, goes unnoticed.
const POLL: Duration = Duration::from_millis(100);
/// How long Kafka may give nothing before the stream ends; its reader goes on by its last id.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why nothing more is given.
#[derive(Debug, Error)]
enum Stopped {
    #[error("nobody listens any more")]
    Left,
    #[error(transparent)]
    Kafka(#[from] ReplayError),
}

/// One stream on its way to the feed.
pub(super) struct CatchUp {
    pub(super) number: u64,
    pub(super) member: Member,
    pub(super) place: Token,
    pub(super) feed: Arc<Feed>,
    pub(super) kafka: KafkaSettings,
    pub(super) topic: String,
    pub(super) metrics: Arc<Metrics>,
    pub(super) permit: OwnedSemaphorePermit,
}

impl CatchUp {
    /// Blocks until the stream is fed live, or is over.
    pub(super) fn run(mut self, mut joined: Joined) {
        self.metrics.catch_ups.increment(1.0);
        loop {
            let given = match joined {
                Joined::Live => break,
                Joined::Recent(records) => self.give_recent(&records),
                Joined::Behind(to) => self.read(&to),
                Joined::Closed | Joined::Away(_) => {
                    self.member.ending.set(Ended::Stopping);
                    break;
                }
            };
            joined = match given {
                Ok(()) => self.feed.join(self.number, self.member.clone(), &From::Place(&self.place)),
                Err(Stopped::Kafka(ReplayError::OffsetGone { .. })) => {
                    self.feed.join(self.number, self.member.clone(), &From::Reset(Reset::Gone))
                }
                Err(Stopped::Left) => break,
                Err(Stopped::Kafka(error)) => {
                    tracing::warn!(%error, "a stream of events could not catch up: it ends, and goes on by its last id");
                    break;
                }
            };
        }
        self.metrics.catch_ups.decrement(1.0);
        drop(self.permit);
    }

    fn give_recent(&mut self, records: &[(Record, Vec<i64>)]) -> Result<(), Stopped> {
        for (record, after) in records {
            self.give(record.at, record.value.as_deref(), after)?;
            // Not before it is given, and never back: the stream may be ahead of the feed.
            for (place, after) in self.place.next_offsets.iter_mut().zip(after) {
                *place = (*place).max(*after);
            }
        }
        Ok(())
    }

    /// Everything from its place up to `to`.
    fn read(&mut self, to: &[i64]) -> Result<(), Stopped> {
        let bounds = (0..).zip(self.place.next_offsets.iter().zip(to));
        let ranges = bounds.map(|(partition, (from, to))| LogRange { partition, from: *from, to: *to });
        let ranges: Vec<LogRange> = ranges.filter(|range| range.from < range.to).collect();
        let mut reader = LogReader::open(&self.kafka, &self.topic, &ranges)?.with_patience(PATIENCE);
        let read = self.read_all(&mut reader, to);
        drop(DroppedAside::new(reader));
        read
    }

    fn read_all(&mut self, reader: &mut LogReader, to: &[i64]) -> Result<(), Stopped> {
        loop {
            if self.member.queue.is_closed() || self.feed.is_closed() {
                return Err(Stopped::Left);
            }
            match reader.poll(POLL)? {
                Polled::Nothing => {}
                Polled::Record(record) => self.give_read(&record)?,
                Polled::End => break,
            }
        }
        // Behind the last record there may be marks of transactions.
        for (place, to) in self.place.next_offsets.iter_mut().zip(to) {
            *place = (*place).max(*to);
        }
        Ok(())
    }

    fn give_read(&mut self, record: &OwnedRecord) -> Result<(), Stopped> {
        let at = Position { partition: record.partition, offset: record.offset };
        let mut after = self.place.next_offsets.clone();
        raise(&mut after, at);
        self.give(at, record.value(), &after)?;
        self.place.next_offsets = after;
        Ok(())
    }

    fn give(&self, at: Position, value: Option<&[u8]>, after: &[i64]) -> Result<(), Stopped> {
        // What cannot be shown was counted, or will be, by the follower of some service.
        let Ok(event) = StreamEvent::decode(value) else { return Ok(()) };
        let frames = Frames::new(&event, self.place.topic, at, after);
        let Some(bytes) = frames.of(&self.member.filter, Some(&self.place.next_offsets)) else { return Ok(()) };
        self.send(bytes)?;
        self.metrics.events_sent.increment(1);
        Ok(())
    }

    /// Waits for room. A client that reads nothing is cut off by the connection's own limit.
    fn send(&self, bytes: Bytes) -> Result<(), Stopped> {
        self.member.queue.blocking_send(bytes).map_err(|_| Stopped::Left)
    }
}
