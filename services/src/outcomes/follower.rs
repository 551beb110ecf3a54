//! Follows the topic of outcomes from the service's own start, on a thread of its own, and hands each outcome to the requests
//! that wait for it.
//!
//! It must never stop the service, nor hold more than a few MiB: an outage is waited out, what cannot be decoded is
//! counted and skipped, and what it misses is found in the projection. It joins no consumer group and commits no offset.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, ClientContext, Message, Offset, TopicPartitionList};
use thiserror::Error;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::awaited::AwaitedOutcomes;
use super::decided_record::{DecidedRecord, UndecodableOutcome};
use crate::event_log::{TopicError, partition_count};
use crate::metrics::Metrics;
use crate::pauses::Pauses;

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
    pub(crate) brokers: String,
    /// More settings of librdkafka, by name.
    pub(crate) properties: Vec<(String, String)>,
    pub(crate) topic: String,
    pub(crate) service_name: String,
    /// Limit of each request at start.
    pub(crate) metadata_timeout: Duration,
}

/// Why the topic of outcomes cannot be followed.
#[derive(Debug, Error)]
pub(crate) enum FollowError {
    #[error(transparent)]
    Topic(#[from] TopicError),
    #[error("topic {topic}: expected {expected} partitions, as the log has, found {found}")]
    PartitionCount { topic: String, expected: i32, found: i32 },
    #[error("the thread that follows the outcomes cannot be started: {0}")]
    Thread(#[source] std::io::Error),
}

/// The producer logs outages; twice would be noise.
struct QuietContext;

impl ClientContext for QuietContext {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka, following the outcomes");
    }
}

impl ConsumerContext for QuietContext {}

/// Stands at the end of every partition of the topic.
pub(crate) struct Follower {
    consumer: BaseConsumer<QuietContext>,
    topic: String,
}

fn client_config(options: &FollowerOptions) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &options.brokers)
        .set("client.id", format!("order-service-{}-outcomes", options.service_name))
        .set("socket.nagle.disable", "true")
        .set("socket.keepalive.enable", "true")
        .set("reconnect.backoff.max.ms", "1000")
        .set("fetch.error.backoff.ms", "100")
        // At most this much is fetched ahead, and at most so much at a time.
        .set("queued.max.messages.kbytes", "4096")
        .set("fetch.message.max.bytes", "262144")
        .set("fetch.max.bytes", "2097152");
    for (name, value) in &options.properties {
        config.set(name, value);
    }
    config
        // A name only, which librdkafka asks for: assign() joins no group.
        .set("group.id", "order-service-outcomes")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("isolation.level", "read_committed")
        // Right here alone: should the topic be made anew, old outcomes are of no use, and what is missed is found in the projection.
        .set("auto.offset.reset", "latest")
        // Without it a fetch that found the queue full comes back a second later.
        .set("fetch.queue.backoff.ms", "2");
    config
}

impl Follower {
    /// Finds the end of every partition, so that no outcome after this call is missed. Blocks.
    ///
    /// # Errors
    /// [`FollowError`]: no such topic, another partition count than the log's, no broker in time.
    pub(crate) fn open(options: &FollowerOptions, expected: i32) -> Result<Self, FollowError> {
        let config = client_config(options);
        let consumer: BaseConsumer<QuietContext> =
            config.create_with_context(QuietContext).map_err(TopicError::Settings)?;
        let (topic, limit) = (options.topic.as_str(), options.metadata_timeout);
        let found = partition_count(consumer.client(), &options.brokers, topic, limit)?;
        if found != expected {
            return Err(FollowError::PartitionCount { topic: topic.to_owned(), expected, found });
        }
        let unreachable = |source| TopicError::Unreachable { brokers: options.brokers.clone(), source };
        let mut assignment = TopicPartitionList::new();
        for partition in 0..found {
            let (_, end) = consumer.fetch_watermarks(topic, partition, limit).map_err(unreachable)?;
            assignment.add_partition_offset(topic, partition, Offset::Offset(end)).map_err(TopicError::Settings)?;
        }
        consumer.assign(&assignment).map_err(TopicError::Settings)?;
        Ok(Self { consumer, topic: topic.to_owned() })
    }

    /// Follows until `stop`, on a thread; the receiver gets a value when that has ended.
    ///
    /// # Errors
    /// [`FollowError::Thread`].
    pub(crate) fn spawn(
        self,
        awaited: Arc<AwaitedOutcomes>,
        metrics: Arc<Metrics>,
        stop: CancellationToken,
    ) -> Result<oneshot::Receiver<()>, FollowError> {
        let (ended, has_ended) = oneshot::channel();
        let work = move || {
            self.follow(&awaited, &metrics, &stop);
            drop(self);
            // The receiver is dropped when the start failed later.
            let _ = ended.send(());
        };
        std::thread::Builder::new().name("outcomes".to_owned()).spawn(work).map_err(FollowError::Thread)?;
        Ok(has_ended)
    }

    fn follow(&self, awaited: &AwaitedOutcomes, metrics: &Metrics, stop: &CancellationToken) {
        let mut is_failing = false;
        let mut pauses = Pauses::new(SHORTEST_PAUSE, LONGEST_PAUSE);
        let mut last_warning: Option<Instant> = None;
        while !stop.is_cancelled() {
            let message = match self.consumer.poll(POLL_TIMEOUT) {
                None => continue,
                Some(Ok(message)) => message,
                Some(Err(error)) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(topic = self.topic, %error, "outcomes cannot be followed; the projection is read instead");
                    }
                    std::thread::sleep(pauses.next_pause());
                    continue;
                }
            };
            if std::mem::take(&mut is_failing) {
                pauses.reset();
                tracing::info!(topic = self.topic, "outcomes are followed again");
            }
            metrics.outcomes_seen.increment(1);
            if let Err(error) = hand_over(awaited, message.payload()) {
                metrics.undecodable_outcomes.increment(1);
                if last_warning.is_none_or(|last| last.elapsed() >= WARNING_INTERVAL) {
                    last_warning = Some(Instant::now());
                    let (partition, offset) = (message.partition(), message.offset());
                    tracing::warn!(topic = self.topic, partition, offset, %error, "an outcome was skipped");
                }
            }
        }
    }
}

/// While no request waits nothing is decoded: a backlog that is folded at full speed costs the services next to nothing. A
/// request that begins to wait just now looks its id up afterwards, and finds there what this outcome says.
fn hand_over(awaited: &AwaitedOutcomes, value: Option<&[u8]>) -> Result<(), UndecodableOutcome> {
    if !awaited.is_empty() {
        awaited.hand_over(DecidedRecord::decode(value.ok_or(UndecodableOutcome::NoValue)?)?);
    }
    Ok(())
}
