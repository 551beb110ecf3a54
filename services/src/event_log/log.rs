//! The path of one event to the brokers, and the life of the producer that takes it there.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use ledger_kafka::{
    AppendFault, AppendStep, DroppedAside, KafkaSettings, KafkaUseError, LogInspector, NotDelivered, ProducerLimits,
    Refusal, append_fault, settings_refused,
};
use ledger_schema::wire::{Event, encode};
use ledger_schema::{Position, cloudevents, partitioner};
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use thiserror::Error;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::appends::Appends;
use super::ends::LogEnds;
use super::health::{BrokerHealth, STATISTICS_INTERVAL};
use super::producer::LogProducer;
use super::watch::{Found, LOOK_LIMIT, LogWatch};
use crate::metrics::Metrics;
use crate::reader::Reader;
use crate::trace_context::{TRACEPARENT, TRACESTATE, TraceContext};

/// Longest that a probe waits for a broker's answer.
pub(super) const PROBE_LIMIT: Duration = Duration::from_secs(1);

/// Why an event has no position.
#[derive(Debug, Error)]
pub(crate) enum AppendError {
    /// Certainly not appended: no broker is up, or there is no room in the queue.
    #[error("not appended: {0}")]
    NotSent(String),
    /// Certainly not appended: the log takes no event from this service, or not this one now.
    #[error("not appended, refused: {0}")]
    Refused(String),
    /// Certainly not appended: the topic is not the ledger's log, or loses records.
    #[error("not appended: {0}")]
    AnotherLog(String),
    /// Certainly not appended: the record, or the batch that it was sent in, is larger than the topic takes.
    #[error("not appended: a record of {bytes} bytes is too large: {cause}")]
    TooLarge { bytes: usize, cause: String },
    /// Appended or not: a timed-out message may still be written.
    #[error("no acknowledgement: {0}")]
    Unknown(String),
}

/// Dropped aside: a broken producer must hold nobody up while it ends.
type EventProducer = DroppedAside<ThreadedProducer<LogProducer>>;

/// How the log is appended to.
#[derive(Debug, Clone)]
pub(crate) struct EventLogOptions {
    pub(crate) kafka: KafkaSettings,
    pub(crate) topic: String,
    pub(crate) service_name: String,
    pub(crate) linger: Duration,
    /// Longest time from append to acknowledgement; after it the outcome is unknown.
    pub(crate) delivery_timeout: Duration,
    pub(crate) queue_max_messages: u32,
    pub(crate) queue_max_kbytes: u32,
}

pub(crate) struct EventLog {
    pub(super) producer: ArcSwap<EventProducer>,
    config: ClientConfig,
    pub(super) health: Arc<BrokerHealth>,
    pub(super) inspector: LogInspector,
    ends: LogEnds,
    pub(super) watch: LogWatch,
    pub(super) appends: Arc<Appends>,
    pub(super) topic: String,
    source: String,
    /// Frozen when the topic was made, read once at start.
    pub(super) partition_count: i32,
    pub(super) metrics: Arc<Metrics>,
}

impl EventLog {
    /// Ready to append to the log that was found and checked. Blocks, a second at most.
    ///
    /// # Errors
    /// [`KafkaUseError`]: bad settings.
    pub(crate) fn open(
        options: EventLogOptions,
        inspector: &LogInspector,
        found: Found,
        reader: Reader,
        metrics: Arc<Metrics>,
    ) -> Result<Self, KafkaUseError> {
        let limits = ProducerLimits {
            linger: options.linger,
            delivery_timeout: options.delivery_timeout,
            queue_max_messages: options.queue_max_messages,
            queue_max_kbytes: options.queue_max_kbytes,
            statistics_interval: STATISTICS_INTERVAL,
        };
        let config = options.kafka.log_producer(&format!("order-service-{}", options.service_name), &limits);
        let health = Arc::new(BrokerHealth::default());
        let appends = Arc::new(Appends::new(&options.topic));
        let context = LogProducer { health: health.clone(), appends: appends.clone() };
        let producer = create(&config, context).map_err(settings_refused)?;
        let partition_count = found.identity.partition_count;
        // The producer connects, so that its first record is not late: a refusal is certain only when it is quick (`append_fault`).
        if let Err(error) = producer.client().fetch_metadata(Some(&options.topic), PROBE_LIMIT) {
            tracing::debug!(%error, "the producer is not connected yet");
        }
        Ok(Self {
            producer: ArcSwap::from_pointee(producer),
            config,
            inspector: inspector.clone(),
            ends: LogEnds::new(inspector.with_timeout(LOOK_LIMIT), options.topic.clone(), partition_count),
            watch: LogWatch::new(options.topic.clone(), reader, found),
            health,
            appends,
            topic: options.topic,
            source: format!("/order-service/{}", options.service_name),
            partition_count,
            metrics,
        })
    }

    /// Watches whether the topic is the ledger's log, until `stop`.
    pub(crate) async fn watch(&self, stop: CancellationToken) {
        self.watch.run(stop).await;
    }

    pub(crate) fn partition_count(&self) -> i32 {
        self.partition_count
    }

    /// Where the partition of `position` ends (exclusive), if it has no record there, not even one of an open transaction.
    /// None where it has, and where Kafka does not say in time.
    pub(crate) async fn end_before(&self, position: Position) -> Option<i64> {
        if self.watch.acknowledged.next_offset(position.partition) > position.offset {
            return None;
        }
        self.ends.of(position.partition).await.filter(|end| *end <= position.offset)
    }

    /// Appends `event` and waits until all in-sync replicas have it (INV-7).
    ///
    /// # Errors
    /// [`AppendError`]. Never slower than the delivery timeout; at once when the queue is full or no broker is up.
    pub(crate) async fn append(&self, event: &Event, trace: Option<&TraceContext>) -> Result<Position, AppendError> {
        if self.health.is_away() {
            return Err(AppendError::NotSent("no broker is up".to_owned()));
        }
        if let Some(fault) = self.watch.fault() {
            self.metrics.refused_appends.increment(1);
            return Err(AppendError::AnotherLog(fault.to_string()));
        }
        let payload = encode(event);
        assert!(!payload.is_empty(), "an event always has an encoding");
        let key = event.product_id().as_str();
        // Ours to say, and of the count that is frozen: the client would use a partition that somebody added as soon as it
        // hears of it, and nobody folds that.
        let partition = partitioner::partition_of(key.as_bytes(), self.partition_count);
        let known = self.watch.acknowledged.next_offset(partition);
        let (report, reported) = oneshot::channel();
        let record = BaseRecord::with_opaque_to(&self.topic, Box::new(report))
            .partition(partition)
            .key(key)
            .payload(&payload)
            .headers(self.headers(event, trace));
        // The guard is not held across the wait, so a replaced producer can end.
        self.producer.load().send(record).map_err(|(error, _)| self.not_queued(error, payload.len()))?;
        match reported.await {
            Ok(Ok((found, offset))) => {
                let position = Position { partition: found, offset };
                self.check_partition(key, partition, position);
                self.check_log(position, known)?;
                self.metrics.appends.increment(1);
                tracing::debug!(%position, "appended");
                Ok(position)
            }
            Ok(Err(failed)) => Err(self.not_delivered(&failed, payload.len())),
            Err(_) => Err(self.unknown("the producer was replaced".to_owned())),
        }
    }

    fn headers(&self, event: &Event, trace: Option<&TraceContext>) -> OwnedHeaders {
        let id = event.id();
        let attributes = cloudevents::headers(&id, event.event_type(), &self.source, event.product_id().as_str());
        let mut headers = OwnedHeaders::new_with_capacity(attributes.len() + 2);
        for (key, value) in attributes {
            headers = headers.insert(Header { key, value: Some(value) });
        }
        let Some(trace) = trace else { return headers };
        headers = headers.insert(Header { key: TRACEPARENT, value: Some(trace.parent.as_bytes()) });
        match &trace.state {
            Some(state) => headers.insert(Header { key: TRACESTATE, value: Some(state.as_bytes()) }),
            None => headers,
        }
    }

    fn not_queued(&self, error: KafkaError, bytes: usize) -> AppendError {
        let failed = NotDelivered { fault: append_fault(AppendStep::Queue, &error), error, words: None };
        self.appends.failed(&failed, Duration::ZERO);
        self.not_delivered(&failed, bytes)
    }

    /// Tells what was refused from what is in doubt.
    fn not_delivered(&self, failed: &NotDelivered, bytes: usize) -> AppendError {
        let cause = failed.to_string();
        let AppendFault::Refused(refusal) = failed.fault else { return self.unknown(cause) };
        self.metrics.refused_appends.increment(1);
        self.health.raise_doubt();
        self.watch.raise_doubt();
        match refusal {
            Refusal::TooLarge => {
                tracing::error!(topic = %self.topic, bytes, cause, "a record is larger than the topic takes (max.message.bytes)");
                AppendError::TooLarge { bytes, cause }
            }
            Refusal::QueueFull => AppendError::NotSent(cause),
            Refusal::Clock
            | Refusal::NotAllowed
            | Refusal::TooFewReplicas
            | Refusal::OtherRecord
            | Refusal::Invalid => AppendError::Refused(cause),
        }
    }

    fn unknown(&self, cause: String) -> AppendError {
        self.metrics.unknown_acknowledgements.increment(1);
        self.health.raise_doubt();
        self.watch.raise_doubt();
        AppendError::Unknown(cause)
    }

    /// The fold parks what lies in another partition than its key hashes to, so this must never happen.
    fn check_partition(&self, key: &str, expected: i32, position: Position) {
        if position.partition != expected {
            self.metrics.wrong_partitions.increment(1);
            tracing::error!(
                topic = %self.topic, key, expected, found = position.partition, offset = position.offset,
                "a record landed in another partition than its key hashes to"
            );
        }
    }

    /// Whether the record that was acknowledged lies in the ledger's log; `known` is where its partition reached before.
    ///
    /// # Errors
    /// [`AppendError::Unknown`]: it lies in another topic, and only whoever mends that can say what becomes of it.
    fn check_log(&self, position: Position, known: i64) -> Result<(), AppendError> {
        if position.offset < known {
            self.watch.raise_doubt();
            let topic = &self.topic;
            let cause =
                format!("topic {topic} is another one: expected an offset of at least {known}, found {position}");
            tracing::error!("{cause}");
            return Err(self.unknown(cause));
        }
        if let Some(fault) = self.watch.fault() {
            return Err(self.unknown(fault.to_string()));
        }
        self.watch.acknowledged.raise(position.partition, position.offset + 1);
        Ok(())
    }

    /// Replaces the producer after each fatal error, until `stop`.
    pub(crate) async fn supervise(&self, stop: CancellationToken) {
        while stop.run_until_cancelled(self.health.next_doubt()).await.is_some() {
            if let Some((code, reason)) = self.producer.load().client().fatal_error() {
                tracing::error!(topic = %self.topic, %code, reason, "fatal error of the producer");
                self.replace_producer();
            }
        }
    }

    fn replace_producer(&self) {
        match create(&self.config, LogProducer { health: self.health.clone(), appends: self.appends.clone() }) {
            Ok(producer) => {
                self.metrics.producer_restarts.increment(1);
                // Its drop purges what it held: those who wait for a delivery get an unknown outcome.
                drop(self.producer.swap(Arc::new(producer)));
                tracing::warn!(topic = %self.topic, "the producer was replaced");
            }
            // The next append that fails raises the doubt again.
            Err(error) => tracing::error!(%error, "the producer cannot be replaced"),
        }
    }

    /// Waits until nothing is in flight, at most `limit`. Blocks; the last step of a stop.
    pub(crate) fn flush(&self, limit: Duration) -> Result<(), KafkaError> {
        self.producer.load().flush(limit)
    }
}

fn create(config: &ClientConfig, context: LogProducer) -> Result<EventProducer, KafkaError> {
    config.create_with_context(context).map(DroppedAside::new)
}
