//! Follows the topic of outcomes from the service's own start, on a thread of its own, and hands each outcome to the requests
//! that wait for it, and to the feed of the streams.
//!
//! It must never stop the service, nor hold more than a few MiB: an outage is waited out, what cannot be decoded is
//! counted and skipped, and what it misses is found in the projection. Streams are told where it lost its place: it never moves to
//! another one in silence. It joins no consumer group and commits no offset.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger_database::Backoff;
use ledger_kafka::{Fault, KafkaSettings, KafkaUseError, LogInspector, QuietContext, fault_of, settings_refused};
use ledger_schema::cloudevents::CE_ID;
use ledger_schema::{EventId, Position};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::{Message, Offset, TopicPartitionList};
use thiserror::Error;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::awaited::AwaitedOutcomes;
use super::decided_record::{DecidedRecord, UndecodableOutcome};
use crate::event_log::LogFacts;
use crate::metrics::Metrics;
use crate::published::Furthest;
use crate::streams::{Feed, TopicMark};

/// Longest that a stop goes unnoticed.
const POLL_TIMEOUT: Duration = Duration::from_millis(100);
/// After an error, so that a lasting one does not turn the loop into a busy one.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// Between two warnings about what cannot be decoded.
const WARNING_INTERVAL: Duration = Duration::from_secs(10);

/// What the follower follows, and how.
#[derive(Debug, Clone)]
pub(crate) struct FollowerOptions {
    pub(crate) kafka: KafkaSettings,
    pub(crate) topic: String,
    pub(crate) service_name: String,
}

/// Why the topic of outcomes cannot be followed.
#[derive(Debug, Error)]
pub(crate) enum FollowError {
    #[error(transparent)]
    Kafka(#[from] KafkaUseError),
    #[error("topic {topic}: expected {expected} partitions, as the log has, found {found}")]
    PartitionCount { topic: String, expected: i32, found: i32 },
    #[error("the thread that follows the outcomes cannot be started: {0}")]
    Thread(#[source] std::io::Error),
}

/// Who gets what is read.
pub(crate) struct Readers {
    pub(crate) awaited: Arc<AwaitedOutcomes>,
    pub(crate) published: Arc<Furthest>,
    pub(crate) feed: Arc<Feed>,
}

/// Where it stands: which topic that is, and by partition the next offset.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) topic: TopicMark,
    pub(crate) next_offsets: Vec<i64>,
}

/// Stands at the end of every partition of the topic. Its client is quiet about outages: the producer logs them.
pub(crate) struct Follower {
    consumer: BaseConsumer<QuietContext>,
    topic: String,
    inspector: LogInspector,
    facts: Arc<dyn LogFacts>,
    partition_count: i32,
    standing: Standing,
}

impl Follower {
    /// Finds the end of every partition, so that no outcome after this call is missed. Blocks; each question to the brokers
    /// takes no longer than `inspector` and `facts` allow.
    ///
    /// # Errors
    /// [`FollowError`]: no such topic, another partition count than the log's, no broker in time.
    pub(crate) fn open(
        options: FollowerOptions,
        inspector: &LogInspector,
        facts: &Arc<dyn LogFacts>,
        expected: i32,
    ) -> Result<Self, FollowError> {
        let FollowerOptions { kafka, topic, service_name } = options;
        let config = kafka.outcomes_follower(&format!("order-service-{service_name}-outcomes"));
        let consumer: BaseConsumer<QuietContext> =
            config.create_with_context(QuietContext::default()).map_err(settings_refused)?;
        let standing = find_ends(&topic, inspector, facts, expected)?;
        assign(&consumer, &topic, &standing)?;
        let (inspector, facts) = (inspector.clone(), facts.clone());
        Ok(Self { consumer, topic, inspector, facts, partition_count: expected, standing })
    }

    /// Asks Kafka by these from now on: a service that runs waits less long than one that starts.
    #[must_use]
    pub(crate) fn asking_by(self, inspector: LogInspector, facts: Arc<dyn LogFacts>) -> Self {
        Self { inspector, facts, ..self }
    }

    /// Where it begins.
    pub(crate) fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Follows until `stop`, on a thread; then the feed's streams end, and the receiver gets a value.
    ///
    /// # Errors
    /// [`FollowError::Thread`].
    pub(crate) fn spawn(
        self,
        readers: Readers,
        metrics: Arc<Metrics>,
        stop: CancellationToken,
    ) -> Result<oneshot::Receiver<()>, FollowError> {
        let (ended, has_ended) = oneshot::channel();
        let work = move || {
            self.follow(&readers, &metrics, &stop);
            readers.feed.close();
            drop(self);
            // The receiver is dropped when the start failed later.
            let _ = ended.send(());
        };
        std::thread::Builder::new().name("outcomes".to_owned()).spawn(work).map_err(FollowError::Thread)?;
        Ok(has_ended)
    }

    fn follow(&self, readers: &Readers, metrics: &Metrics, stop: &CancellationToken) {
        let mut is_failing = false;
        let mut pauses = Backoff::new(SHORTEST_PAUSE, LONGEST_PAUSE);
        let mut last_warning: Option<Instant> = None;
        while !stop.is_cancelled() {
            if readers.feed.take_doubt()
                && let Err(error) = self.find_place_anew(&readers.feed)
            {
                readers.feed.raise_doubt();
                tracing::debug!(topic = self.topic, %error, "the follower of the outcomes has no place yet");
                std::thread::sleep(pauses.next_wait());
                continue;
            }
            let message = match self.consumer.poll(POLL_TIMEOUT) {
                None => continue,
                Some(Ok(message)) => message,
                Some(Err(error)) => {
                    if fault_of(&error) == Fault::OffsetGone {
                        readers.feed.raise_doubt();
                    }
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(topic = self.topic, %error, "outcomes cannot be followed; the projection is read instead");
                    }
                    std::thread::sleep(pauses.next_wait());
                    continue;
                }
            };
            if std::mem::take(&mut is_failing) {
                pauses.reset();
                tracing::info!(topic = self.topic, "outcomes are followed again");
            }
            metrics.outcomes_seen.increment(1);
            if let Err(error) = readers.take(&message) {
                metrics.undecodable_outcomes.increment(1);
                if last_warning.is_none_or(|last| last.elapsed() >= WARNING_INTERVAL) {
                    last_warning = Some(Instant::now());
                    let (partition, offset) = (message.partition(), message.offset());
                    tracing::warn!(topic = self.topic, partition, offset, error, "an outcome was skipped");
                }
            }
        }
    }

    /// The topic was made anew, or has lost what was to be read next: the follower goes on from its present end, and says so.
    fn find_place_anew(&self, feed: &Feed) -> Result<(), FollowError> {
        let found = find_ends(&self.topic, &self.inspector, &self.facts, self.partition_count);
        let standing = found.inspect_err(|error| match error {
            FollowError::Kafka(KafkaUseError::MissingTopic { .. }) | FollowError::PartitionCount { .. } => {
                feed.suspend(error.to_string());
            }
            FollowError::Kafka(_) | FollowError::Thread(_) => {}
        })?;
        assign(&self.consumer, &self.topic, &standing)?;
        tracing::warn!(
            topic = self.topic,
            "the follower of the outcomes lost its place, and goes on from the topic's end"
        );
        feed.begin_anew(standing.topic, standing.next_offsets);
        Ok(())
    }
}

fn find_ends(
    topic: &str,
    inspector: &LogInspector,
    facts: &Arc<dyn LogFacts>,
    expected: i32,
) -> Result<Standing, FollowError> {
    let found = inspector.partition_count(topic)?;
    if found != expected {
        return Err(FollowError::PartitionCount { topic: topic.to_owned(), expected, found });
    }
    let mark = TopicMark::of(&facts.identity(topic)?);
    let partitions: Vec<i32> = (0..found).collect();
    // The last stable offset, not the high watermark: a relay's transaction that is open now is seen once it is committed.
    let marks = inspector.watermarks_of(topic, &partitions)?;
    Ok(Standing { topic: mark, next_offsets: marks.into_values().map(|marks| marks.stable).collect() })
}

fn assign(consumer: &BaseConsumer<QuietContext>, topic: &str, standing: &Standing) -> Result<(), FollowError> {
    let failed = |cause: KafkaError| KafkaUseError::Failed { action: "placing the follower of the outcomes", cause };
    let mut assignment = TopicPartitionList::new();
    for (partition, next_offset) in (0..).zip(&standing.next_offsets) {
        assignment.add_partition_offset(topic, partition, Offset::Offset(*next_offset)).map_err(failed)?;
    }
    Ok(consumer.assign(&assignment).map_err(failed)?)
}

impl Readers {
    /// The error says what somebody who reads it could not make of it.
    fn take(&self, message: &BorrowedMessage<'_>) -> Result<(), String> {
        // Before anybody is answered by it.
        if let Some(position) = cause_of(message) {
            self.published.raise(position);
        }
        let at = Position { partition: message.partition(), offset: message.offset() };
        let answered = hand_over(&self.awaited, message.payload()).map_err(|error| error.to_string());
        let shown = self.feed.push(at, message.payload()).map_err(|error| error.to_string());
        answered.and(shown)
    }
}

/// The record that was decided, as the headers have it; `None` for an outcome of somebody who sets none. They lie in the partition
/// of their cause.
fn cause_of(message: &BorrowedMessage<'_>) -> Option<Position> {
    let header = message.headers()?.iter().find(|header| header.key == CE_ID)?;
    let event_id: EventId = std::str::from_utf8(header.value?).ok()?.parse().ok()?;
    (event_id.cause.partition == message.partition()).then_some(event_id.cause)
}

/// While no request waits nothing is decoded: a backlog that is folded at full speed costs the services next to nothing. A
/// request that begins to wait just now looks its id up afterwards, and finds there what this outcome says.
fn hand_over(awaited: &AwaitedOutcomes, value: Option<&[u8]>) -> Result<(), UndecodableOutcome> {
    if !awaited.is_empty()
        && let Some(record) = DecidedRecord::decode(value.ok_or(UndecodableOutcome::NoValue)?)?
    {
        awaited.hand_over(record);
    }
    Ok(())
}
