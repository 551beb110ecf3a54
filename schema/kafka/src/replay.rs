//! Reads ranges of the log once, from first to last: for whoever folds it anew. It belongs to no group, is given every
//! offset, and must never skip a record, nor take the end of what a broker serves for the end of a range. It blocks: run it
//! on a thread. Read next: `rebuild/` and `verify/`, which fold what it reads.
//!
//! Offsets have gaps (the marks of transactions, and what was aborted). So that a range is read to its end is known by the
//! client's position, or by a record after it, never by the last record.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use thiserror::Error;

use crate::context::QuietContext;
use crate::faults::{Fault, fault_of};
use crate::record::OwnedRecord;
use crate::settings::KafkaSettings;

/// How long one poll of [`LogReader::next`] waits.
const POLL_WAIT: Duration = Duration::from_millis(100);
/// How long nothing may come before the reader gives up: longer than brokers take to restart.
const PATIENCE: Duration = Duration::from_secs(60);
/// Records of a replay are of no assignment. Whoever needs an epoch sets it.
const NO_EPOCH: u64 = 0;

/// Records of one partition, `from` to before `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRange {
    pub partition: i32,
    pub from: i64,
    /// Exclusive.
    pub to: i64,
}

/// The log cannot be read to the end of the ranges.
#[derive(Debug, Error)]
pub enum ReplayError {
    #[error("{action}: {cause}")]
    Client { action: &'static str, cause: KafkaError },
    #[error("reading topic {topic}: {cause}")]
    Reading { topic: String, cause: KafkaError },
    #[error("topic {topic} does not have an offset that is to be read: {cause}")]
    OffsetGone { topic: String, cause: KafkaError },
    #[error(
        "topic {topic} partition {partition}: expected records up to offset {expected}, and nothing came for {seconds} s \
         after offset {found}"
    )]
    Silent { topic: String, partition: i32, expected: i64, found: i64, seconds: u64 },
    #[error("Kafka at {brokers} cannot be reached any more: nothing came for {seconds} s")]
    Unreachable { brokers: String, seconds: u64 },
}

impl ReplayError {
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Client { cause, .. } => fault_of(cause) == Fault::NoAnswer,
            _ => false,
        }
    }
}

/// What one poll came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Polled {
    Record(OwnedRecord),
    /// Nothing came in time: ask again.
    Nothing,
    /// Every range is read to its end.
    End,
}

/// Reads ranges, each partition in its order.
pub struct LogReader {
    client: BaseConsumer<QuietContext>,
    topic: String,
    brokers: String,
    /// Ranges that are not read to their end; `from` is where the rest begins.
    open: BTreeMap<i32, LogRange>,
    patience: Duration,
    /// When a record came last.
    last_record_at: Instant,
    /// The client reported that brokers are away since then.
    lost_brokers: bool,
    /// Brokers reported that they do not know the topic since then.
    unknown_topic: Option<KafkaError>,
}

impl LogReader {
    /// Begins to fetch `ranges`, at most one of each partition.
    ///
    /// # Errors
    /// [`ReplayError::Client`] when settings or ranges are refused. Brokers that are away are noticed later.
    pub fn open(settings: &KafkaSettings, topic: &str, ranges: &[LogRange]) -> Result<Self, ReplayError> {
        let client: BaseConsumer<QuietContext> = config(settings)
            .create_with_context(QuietContext::default())
            .map_err(client_error("creating the log's reader"))?;
        let open: BTreeMap<i32, LogRange> =
            ranges.iter().filter(|range| range.from < range.to).map(|range| (range.partition, *range)).collect();
        let mut assignment = TopicPartitionList::new();
        for range in open.values() {
            let added = assignment.add_partition_offset(topic, range.partition, Offset::Offset(range.from));
            added.map_err(client_error("placing the log's reader"))?;
        }
        client.assign(&assignment).map_err(client_error("placing the log's reader"))?;
        let (topic, brokers) = (topic.to_owned(), settings.brokers().to_owned());
        Ok(Self {
            client,
            topic,
            brokers,
            open,
            patience: PATIENCE,
            last_record_at: Instant::now(),
            lost_brokers: false,
            unknown_topic: None,
        })
    }

    /// Gives up when nothing came for `patience`, instead of a minute.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The next record of any range; `None` when every range is read to its end.
    ///
    /// # Errors
    /// [`ReplayError`]; nothing more can be read then.
    #[expect(clippy::should_implement_trait, reason = "an iterator of results would continue after an error")]
    pub fn next(&mut self) -> Result<Option<OwnedRecord>, ReplayError> {
        loop {
            match self.poll(POLL_WAIT)? {
                Polled::Record(record) => return Ok(Some(record)),
                Polled::Nothing => {}
                Polled::End => return Ok(None),
            }
        }
    }

    /// As [`Self::next`], but waits at most about `wait`, so that a stop is noticed.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub fn poll(&mut self, wait: Duration) -> Result<Polled, ReplayError> {
        if self.open.is_empty() {
            return Ok(Polled::End);
        }
        let took = match self.client.poll(wait) {
            None => Took::Nothing,
            Some(Ok(message)) => match self.open.get_mut(&message.partition()) {
                // A range that ended, of which the client had fetched more.
                None => return Ok(Polled::Nothing),
                Some(range) if message.offset() >= range.to => Took::Ended(range.partition),
                Some(range) => {
                    range.from = message.offset() + 1;
                    Took::Record(OwnedRecord::copy(&message, NO_EPOCH))
                }
            },
            Some(Err(KafkaError::PartitionEOF(_))) => Took::Nothing,
            Some(Err(cause)) => Took::Error(cause),
        };
        match took {
            Took::Record(record) => {
                if self.open.get(&record.partition).is_some_and(|range| range.from >= range.to) {
                    self.end(record.partition)?;
                }
                self.last_record_at = Instant::now();
                self.lost_brokers = false;
                self.unknown_topic = None;
                return Ok(Polled::Record(record));
            }
            Took::Ended(partition) => self.end(partition)?,
            Took::Nothing => self.end_reached()?,
            Took::Error(cause) => self.judge(cause)?,
        }
        if self.open.is_empty() {
            return Ok(Polled::End);
        }
        self.check_patience().map(|()| Polled::Nothing)
    }

    /// Ends the ranges whose end the client's position has reached.
    fn end_reached(&mut self) -> Result<(), ReplayError> {
        let positions = self.client.position().map_err(client_error("reading the log's position"))?;
        let reached = |range: &&LogRange| {
            let found = positions.find_partition(&self.topic, range.partition).map(|found| found.offset());
            matches!(found, Some(Offset::Offset(next_offset)) if next_offset >= range.to)
        };
        let reached: Vec<i32> = self.open.values().filter(reached).map(|range| range.partition).collect();
        reached.into_iter().try_for_each(|partition| self.end(partition))
    }

    /// A range is read: its partition is fetched no further, so that what follows takes no room.
    fn end(&mut self, partition: i32) -> Result<(), ReplayError> {
        self.open.remove(&partition);
        self.last_record_at = Instant::now();
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.topic, partition);
        self.client.pause(&list).map_err(client_error("ending a range"))
    }

    /// Passes over what the client mends itself.
    fn judge(&mut self, cause: KafkaError) -> Result<(), ReplayError> {
        let topic = self.topic.clone();
        match fault_of(&cause) {
            // A broker that has just started may not have heard of it: what is told at the end of the patience.
            Fault::NoTopic => {
                self.unknown_topic = Some(cause);
                Ok(())
            }
            fault @ (Fault::NoAnswer | Fault::Passes) => {
                self.lost_brokers |= fault == Fault::NoAnswer;
                Ok(())
            }
            Fault::OffsetGone => Err(ReplayError::OffsetGone { topic, cause }),
            Fault::NotAdmitted | Fault::Other => Err(ReplayError::Reading { topic, cause }),
        }
    }

    fn check_patience(&self) -> Result<(), ReplayError> {
        let Some(range) = self.open.values().next().filter(|_| self.last_record_at.elapsed() > self.patience) else {
            return Ok(());
        };
        let seconds = self.patience.as_secs();
        if let Some(cause) = self.unknown_topic.clone() {
            return Err(ReplayError::Reading { topic: self.topic.clone(), cause });
        }
        if self.lost_brokers {
            return Err(ReplayError::Unreachable { brokers: self.brokers.clone(), seconds });
        }
        let LogRange { partition, from: found, to: expected } = *range;
        Err(ReplayError::Silent { topic: self.topic.clone(), partition, expected, found, seconds })
    }
}

enum Took {
    Record(OwnedRecord),
    Ended(i32),
    Nothing,
    Error(KafkaError),
}

fn client_error(action: &'static str) -> impl Fn(KafkaError) -> ReplayError {
    move |cause| ReplayError::Client { action, cause }
}

fn config(settings: &KafkaSettings) -> ClientConfig {
    let mut config = settings.client("ledger-replay");
    config
        // A name only: who assigns by itself joins no group.
        .set("group.id", "ledger-replay")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("allow.auto.create.topics", "false")
        // Any default but this one skips lost records in silence.
        .set("auto.offset.reset", "error")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        // The default of a second stalls a reader that is slower than the fetcher.
        .set("fetch.queue.backoff.ms", "2")
        // Memory, as the projector's consumer has it.
        .set("queued.max.messages.kbytes", "8192")
        .set("fetch.max.bytes", "16777216")
        .set("fetch.message.max.bytes", "1048576");
    config
}
