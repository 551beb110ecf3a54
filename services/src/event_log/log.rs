//! The path of one event to the brokers, and the life of the producer that takes it there.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use axum::http::HeaderValue;
use ledger_schema::wire::{Event, encode};
use ledger_schema::{Position, cloudevents, partitioner};
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureRecord, Producer};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use super::health::BrokerHealth;
use super::producer::{EventLogOptions, EventProducer, client_config, create};
use super::topic::{TopicError, partition_count};
use crate::metrics::Metrics;
use crate::readiness::Dependency;

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

pub(crate) struct EventLog {
    producer: ArcSwap<EventProducer>,
    config: ClientConfig,
    health: Arc<BrokerHealth>,
    topic: Arc<str>,
    source: String,
    metadata_timeout: Duration,
    /// Frozen when the topic was made, read once at start.
    partition_count: i32,
    metrics: Arc<Metrics>,
}

impl EventLog {
    /// Connects, and checks that the topic is there.
    ///
    /// # Errors
    /// [`TopicError`]: bad settings, no broker within the metadata timeout, no such topic.
    pub(crate) fn open(options: &EventLogOptions, metrics: Arc<Metrics>) -> Result<Self, TopicError> {
        let config = client_config(options);
        let health = Arc::new(BrokerHealth::default());
        let producer = create(&config, &health).map_err(TopicError::Settings)?;
        let partition_count =
            partition_count(producer.client(), &options.brokers, &options.topic, options.metadata_timeout)?;
        Ok(Self {
            producer: ArcSwap::from_pointee(producer),
            config,
            health,
            topic: options.topic.clone(),
            source: format!("/order-service/{}", options.service_name),
            metadata_timeout: options.metadata_timeout,
            partition_count,
            metrics,
        })
    }

    pub(crate) fn partition_count(&self) -> i32 {
        self.partition_count
    }

    /// Kafka's cluster id, if the brokers say one in time. Blocks.
    pub(crate) fn cluster_id(&self) -> Option<String> {
        self.producer.load().client().fetch_cluster_id(self.metadata_timeout)
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
        let delivery = self.producer.load().send_result(record).map_err(|(error, _)| self.refused(&error))?;
        match delivery.await {
            Ok(Ok(delivered)) => {
                let position = Position { partition: delivered.partition, offset: delivered.offset };
                self.check_partition(key, position);
                self.metrics.appends.increment(1);
                tracing::debug!(%position, "appended");
                Ok(position)
            }
            Ok(Err((error, _))) => Err(self.unknown(error.to_string())),
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

    fn refused(&self, error: &KafkaError) -> AppendError {
        self.metrics.refused_appends.increment(1);
        self.health.raise_doubt();
        AppendError::Refused(error.to_string())
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
                let broken = self.producer.swap(Arc::new(producer));
                // Dropping joins its thread and purges what it held: blocking work.
                tokio::task::spawn_blocking(move || drop(broken));
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

#[async_trait]
impl Dependency for EventLog {
    fn name(&self) -> &'static str {
        "kafka"
    }

    async fn probe(&self) -> Result<(), String> {
        let producer = self.producer.load_full();
        let (topic, limit) = (self.topic.clone(), self.metadata_timeout.min(Duration::from_secs(1)));
        let probe = move || partition_count(producer.client(), "the brokers", &topic, limit);
        let probed = tokio::task::spawn_blocking(probe).await.map_err(|error| error.to_string())?;
        let found = probed.map_err(|error| error.to_string())?;
        let expected = self.partition_count;
        if found == expected {
            Ok(())
        } else {
            Err(format!("topic {}: expected {expected} partitions, found {found}", self.topic))
        }
    }
}
