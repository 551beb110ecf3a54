//! The path of one event to the brokers, and the life of the producer that takes it there.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use axum::http::HeaderValue;
use ledger_kafka::{
    AppendFault, AppendStep, DroppedAside, KafkaSettings, KafkaUseError, LogInspector, ProducerLimits, append_fault,
    ask, settings_refused,
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
use crate::metrics::Metrics;
use crate::readiness::Dependency;

/// Longest that a probe waits for a broker's answer.
const PROBE_LIMIT: Duration = Duration::from_secs(1);

/// Why an event has no position. Both are retryable.
#[derive(Debug, Error)]
pub(crate) enum AppendError {
    /// Certainly not appended.
    #[error("not appended: {0}")]
    Refused(String),
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
    inspector: LogInspector,
    health: Arc<BrokerHealth>,
    topic: String,
    source: String,
    /// Frozen when the topic was made, read once at start.
    partition_count: i32,
    metrics: Arc<Metrics>,
}

impl EventLog {
    /// Checks that the topic is there. Blocks for as long as `inspector` may take.
    ///
    /// # Errors
    /// [`KafkaUseError`]: bad settings, no broker in time, no such topic.
    pub(crate) fn open(
        options: EventLogOptions,
        inspector: LogInspector,
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
        let partition_count = inspector.partition_count(&options.topic)?;
        Ok(Self {
            producer: ArcSwap::from_pointee(producer),
            config,
            inspector,
            health,
            topic: options.topic,
            source: format!("/order-service/{}", options.service_name),
            partition_count,
            metrics,
        })
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
        let payload = encode(event);
        assert!(!payload.is_empty(), "an event always has an encoding");
        let key = event.product_id().as_str();
        let record = FutureRecord::to(&self.topic).key(key).payload(&payload).headers(self.headers(event, traceparent));
        // The guard is not held across the wait, so a replaced producer can end.
        let delivery =
            self.producer.load().send_result(record).map_err(|(error, _)| self.failed(AppendStep::Queue, &error))?;
        match delivery.await {
            Ok(Ok(delivered)) => {
                let position = Position { partition: delivered.partition, offset: delivered.offset };
                self.check_partition(key, position);
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
        AppendError::Refused(cause)
    }

    fn unknown(&self, cause: String) -> AppendError {
        self.metrics.unknown_acknowledgements.increment(1);
        self.health.raise_doubt();
        AppendError::Unknown(cause)
    }

    /// The fold parks what lies in another partition than its key hashes to, so this must never happen.
    fn check_partition(&self, key: &str, position: Position) {
        let expected = partitioner::partition_of(key.as_bytes(), self.partition_count);
        if position.partition != expected {
            self.metrics.wrong_partitions.increment(1);
            tracing::error!(
                topic = %self.topic, key, expected, found = position.partition, offset = position.offset,
                "a record landed in another partition than its key hashes to; was the topic's partition count changed?"
            );
        }
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
        let (inspector, topic) = (self.inspector.with_timeout(PROBE_LIMIT), self.topic.clone());
        let found = ask(move || inspector.partition_count(&topic)).await;
        let found = found.map_err(|error: KafkaUseError| error.to_string())?;
        let expected = self.partition_count;
        if found == expected {
            Ok(())
        } else {
            Err(format!("topic {}: expected {expected} partitions, found {found}", self.topic))
        }
    }
}
