//! Appends events to the log: keyed by product, acknowledged by all in-sync replicas, without doubles from the client's own
//! retries, many in flight, in order within a product. After the first delivery that fails nothing more is appended.
//!
//! It must never say that a record is in the log before its delivery report says so. Next: [`super::run`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use ledger_failpoints::FailPoint;
use ledger_kafka::{KafkaSettings, KafkaUseError, log_line, use_error};
use ledger_schema::wire::{Event, encode};
use ledger_schema::{cloudevents, partitioner};
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, PurgeConfig, ThreadedProducer};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Most records that wait for their acknowledgement. An order is below 1 KiB on the wire, so this is also a limit on memory.
const MAX_IN_FLIGHT: u32 = 16_384;
/// How long a record may wait for its acknowledgement, in milliseconds: longer than a broker takes to restart.
const DELIVERY_TIMEOUT_MS: &str = "60000";

/// Counts delivery reports, on the producer's own thread.
struct Deliveries {
    /// One permit per record that may still be sent.
    permits: Arc<Semaphore>,
    acknowledged: AtomicU64,
    first_failure: OnceLock<KafkaError>,
}

/// The context that librdkafka calls; shares what it counts with the [`Appender`].
struct Reports(Arc<Deliveries>);

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "the producer reports an error");
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => {
                self.0.acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            Err((error, _)) => {
                // Only the first is kept: what fails after it was purged because of it.
                let _ = self.0.first_failure.set(error.clone());
            }
        }
        self.0.permits.add_permits(1);
    }
}

pub(super) struct Appender {
    producer: ThreadedProducer<Reports>,
    deliveries: Arc<Deliveries>,
    topic: String,
    /// Frozen: a partition that somebody adds meanwhile is folded by nobody.
    partition_count: i32,
    /// `ce_source` of every event.
    source: String,
    brokers: String,
}

impl Appender {
    /// `source` names who appends, for whoever reads an event later.
    pub(super) fn new(
        kafka: &KafkaSettings,
        topic: &str,
        partition_count: i32,
        source: String,
    ) -> Result<Self, KafkaUseError> {
        let deliveries = Arc::new(Deliveries {
            permits: Arc::new(Semaphore::new(MAX_IN_FLIGHT as usize)),
            acknowledged: AtomicU64::new(0),
            first_failure: OnceLock::new(),
        });
        let producer = kafka
            .client("ledger-import")
            .set("partitioner", partitioner::PARTITIONER)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("compression.type", "lz4")
            .set("linger.ms", "5")
            .set("delivery.timeout.ms", DELIVERY_TIMEOUT_MS)
            // Never the limit: the permits are.
            .set("queue.buffering.max.messages", (2 * MAX_IN_FLIGHT).to_string())
            .create_with_context(Reports(Arc::clone(&deliveries)))
            .map_err(|cause| KafkaUseError::Failed { action: "Kafka client settings", cause })?;
        let (topic, brokers) = (topic.to_owned(), kafka.brokers().to_owned());
        Ok(Self { producer, deliveries, topic, partition_count, source, brokers })
    }

    /// Hands `event` to the producer, as soon as fewer than `MAX_IN_FLIGHT` wait for their acknowledgement.
    pub(super) async fn append(&self, event: &Event) -> Result<(), KafkaUseError> {
        let permit = self.deliveries.permits.acquire().await;
        self.check()?;
        let id = event.id();
        let product_id = event.product_id().as_str();
        let headers = cloudevents::headers(&id, event.event_type(), &self.source, product_id)
            .into_iter()
            .fold(OwnedHeaders::new_with_capacity(6), |headers, (key, value)| {
                headers.insert(Header { key, value: Some(value) })
            });
        let value = encode(event);
        let partition = partitioner::partition_of(product_id.as_bytes(), self.partition_count);
        let record = BaseRecord::to(&self.topic).partition(partition).key(product_id).payload(&value).headers(headers);
        self.producer.send(record).map_err(|(error, _)| self.failed(error))?;
        ledger_failpoints::reach(FailPoint::ImportSent);
        // The delivery report gives it back. (The semaphore is never closed, so there was one.)
        permit.into_iter().for_each(SemaphorePermit::forget);
        Ok(())
    }

    /// Waits until every record that was appended is acknowledged, or one of them failed.
    pub(super) async fn flush(&self) -> Result<(), KafkaUseError> {
        let all = self.deliveries.permits.acquire_many(MAX_IN_FLIGHT).await;
        drop(all);
        self.check()
    }

    /// How many records all in-sync replicas have.
    pub(super) fn acknowledged(&self) -> u64 {
        self.deliveries.acknowledged.load(Ordering::Relaxed)
    }

    /// After a failure the rest is not sent: a later record of a product must not overtake the one that failed.
    fn check(&self) -> Result<(), KafkaUseError> {
        match self.deliveries.first_failure.get() {
            None => Ok(()),
            Some(error) => {
                self.producer.purge(PurgeConfig::default().queue());
                Err(self.failed(error.clone()))
            }
        }
    }

    fn failed(&self, error: KafkaError) -> KafkaUseError {
        use_error(&self.brokers, "appending to the log", error)
    }
}
