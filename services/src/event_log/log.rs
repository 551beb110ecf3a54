//! The path of one event to the brokers, and the life of the producer that takes it there.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use axum::http::HeaderValue;
use ledger_kafka::{
    AppendFault, AppendStep, DroppedAside, KafkaSettings, KafkaUseError, LogInspector, ProducerLimits, append_fault,
    settings_refused,
};
use ledger_schema::wire::{Event, encode};
use ledger_schema::{Position, cloudevents, partitioner};
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use super::health::{BrokerHealth, ProducerContext, STATISTICS_INTERVAL};
use super::watch::{Found, LogWatch};
use crate::metrics::Metrics;
use crate::reader::Reader;
use crate::readiness::Dependency;

/// Why an event has no position. All are retryable.
#[derive(Debug, Error)]
pub(crate) enum AppendError {
    /// Certainly not appended.
    #[error("not appended: {0}")]
    Refused(String),
    /// Certainly not appended: the topic is not the ledger's log, or loses records.
    #[error("not appended: {0}")]
    AnotherLog(String),
    /// Appended or not: a timed-out message may still be written.
    #[error("no acknowledgement: {0}")]
    Unknown(String),
}

/// Dropped aside: a broken producer must hold nobody up while it ends.
type EventProducer = DroppedAside<FutureProducer<ProducerContext>>;

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
    producer: ArcSwap<EventProducer>,
    config: ClientConfig,
    health: Arc<BrokerHealth>,
    watch: LogWatch,
    topic: String,
    source: String,
    /// Frozen when the topic was made, read once at start.
    partition_count: i32,
    metrics: Arc<Metrics>,
}

impl EventLog {
    /// Ready to append to the log that was found and checked.
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
        let producer = create(&config, &health).map_err(settings_refused)?;
        let partition_count = found.identity.partition_count;
        Ok(Self {
            producer: ArcSwap::from_pointee(producer),
            config,
            watch: LogWatch::new(options.topic.clone(), inspector, reader, found),
            health,
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

    /// Appends `event` and waits until all in-sync replicas have it (INV-7).
    ///
    /// # Errors
    /// [`AppendError`]. Never slower than the delivery timeout; at once when the queue is full or no broker is up.
    pub(crate) async fn append(
        &self,
        event: &Event,
        traceparent: Option<&HeaderValue>,
    ) -> Result<Position, AppendError> {
        if self.health.is_away() {
            return Err(AppendError::Refused("no broker is up".to_owned()));
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
        let record = FutureRecord::to(&self.topic).partition(partition).key(key).payload(&payload);
        let record = record.headers(self.headers(event, traceparent));
        // The guard is not held across the wait, so a replaced producer can end.
        let delivery =
            self.producer.load().send_result(record).map_err(|(error, _)| self.failed(AppendStep::Queue, &error))?;
        match delivery.await {
            Ok(Ok(delivered)) => {
                let position = Position { partition: delivered.partition, offset: delivered.offset };
                self.check_partition(key, partition, position);
                self.check_log(position, known)?;
                self.metrics.appends.increment(1);
                tracing::debug!(%position, "appended");
                Ok(position)
            }
            Ok(Err((error, _))) => Err(self.failed(AppendStep::Delivery, &error)),
            Err(_) => Err(self.unknown("the producer was replaced".to_owned())),
        }
    }

    fn headers(&self, event: &Event, traceparent: Option<&HeaderValue>) -> OwnedHeaders {
        let id = event.id();
        let attributes = cloudevents::headers(&id, event.event_type(), &self.source, event.product_id().as_str());
        let mut headers = OwnedHeaders::new_with_capacity(attributes.len() + 1);
        for (key, value) in attributes {
            headers = headers.insert(Header { key, value: Some(value) });
        }
        match traceparent {
            Some(traceparent) => headers.insert(Header { key: "traceparent", value: Some(traceparent.as_bytes()) }),
            None => headers,
        }
    }

    fn failed(&self, step: AppendStep, error: &KafkaError) -> AppendError {
        match append_fault(step, error) {
            AppendFault::Refused => self.refused(error.to_string()),
            AppendFault::Unknown => self.unknown(error.to_string()),
        }
    }

    fn refused(&self, cause: String) -> AppendError {
        self.metrics.refused_appends.increment(1);
        self.health.raise_doubt();
        self.watch.raise_doubt();
        AppendError::Refused(cause)
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
        match create(&self.config, &self.health) {
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

fn create(config: &ClientConfig, health: &Arc<BrokerHealth>) -> Result<EventProducer, KafkaError> {
    config.create_with_context(ProducerContext::new(health.clone())).map(DroppedAside::new)
}

#[async_trait]
impl Dependency for EventLog {
    fn name(&self) -> &'static str {
        "kafka"
    }

    async fn probe(&self) -> Result<(), String> {
        self.watch.look().await.map_err(|error| error.to_string())?;
        self.watch.fault().map_or(Ok(()), |fault| Err(fault.to_string()))
    }
}
