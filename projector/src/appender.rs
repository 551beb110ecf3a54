//! Appends the projector's own events to the log: what partitions tell each other, holds that are over, lines that are asked for again.
//! One idempotent producer for all partitions, made when it is first needed.
//!
//! It must never have a `transactional.id`, nor append inside of a Kafka transaction: a transaction that is open stops every reader of its
//! partition for as long as its producer is frozen. What it appends may therefore stand there twice. Read next: `relay/`, `ticker/`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ledger_kafka::{DroppedAside, KafkaSettings, QuietContext};
use ledger_schema::topics::MAX_MESSAGE_BYTES;
use ledger_schema::wire::{self, Event};
use ledger_schema::{cloudevents, partitioner};
use ledger_store::outbox::{EntryContent, OutboxEntry};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};

/// `ce_source` of whatever a projector writes: the same from every one, since the event id is unique within it.
pub(crate) const SOURCE: &str = "/ledger/projector";
/// How long a record may be on its way. Whoever waits begins anew after that, and it may stand on the log all the same.
const DELIVERY_TIMEOUT_MS: &str = "10000";
/// Records that are awaited at once, so that the client's queue is never full.
pub(crate) const AT_ONCE: usize = 2_000;
const QUEUE_MESSAGES: &str = "1000000";
const QUEUE_KBYTES: &str = "131072";

/// An event as a record of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    pub partition: i32,
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    event_type: String,
    /// `ce_id`.
    id: String,
    /// `ce_subject`: the product id.
    subject: String,
}

impl LogRecord {
    /// The event where its key belongs, in a log of so many partitions.
    pub fn of_event(event: &Event, partition_count: i32) -> Self {
        let product_id = event.product_id().as_str();
        Self {
            partition: partitioner::partition_of(product_id.as_bytes(), partition_count),
            key: product_id.as_bytes().to_vec(),
            value: wire::encode(event),
            event_type: event.event_type().to_owned(),
            id: event.id(),
            subject: product_id.to_owned(),
        }
    }

    /// What an entry of the outbox has another partition told.
    ///
    /// # Panics
    /// On an outcome or a dead letter: the log has neither.
    pub fn of_entry(entry: &OutboxEntry<'_>) -> Self {
        let EntryContent::Told { event_type, subject, partition } = &entry.content else {
            unreachable!("{} is not for the log", entry.event_id())
        };
        let bytes = |part: &Option<std::borrow::Cow<'_, [u8]>>| part.as_deref().unwrap_or_default().to_vec();
        Self {
            partition: *partition,
            key: bytes(&entry.key),
            value: bytes(&entry.value),
            event_type: event_type.clone().into_owned(),
            id: entry.event_id().to_string(),
            subject: subject.clone().into_owned(),
        }
    }

    fn headers(&self) -> OwnedHeaders {
        cloudevents::headers(&self.id, &self.event_type, SOURCE, &self.subject)
            .into_iter()
            .fold(OwnedHeaders::new_with_capacity(6), |all, (key, value)| {
                all.insert(Header { key, value: Some(value) })
            })
    }
}

type Client = DroppedAside<FutureProducer<QuietContext>>;

/// The producer of one projector. Cheap while nothing is appended.
pub struct LogAppender {
    kafka: KafkaSettings,
    topic: String,
    producer: Mutex<Option<Arc<Client>>>,
}

impl LogAppender {
    /// `topic` is the log.
    pub fn new(kafka: &KafkaSettings, topic: &str) -> Self {
        Self { kafka: kafka.clone(), topic: topic.to_owned(), producer: Mutex::default() }
    }

    /// Appends `records` in order. All stand on the log, on all in-sync replicas, when this is answered.
    ///
    /// # Errors
    /// Any: each of them may stand there or not. Append all again.
    pub async fn append(&self, records: &[LogRecord]) -> Result<(), KafkaError> {
        for records in records.chunks(AT_ONCE) {
            let producer = self.producer()?;
            if let Err(error) = self.append_by(&producer, records).await {
                self.throw_away(&producer);
                return Err(error);
            }
        }
        Ok(())
    }

    async fn append_by(&self, producer: &Client, records: &[LogRecord]) -> Result<(), KafkaError> {
        let mut sent = Vec::with_capacity(records.len());
        for record in records {
            let to_send = FutureRecord::to(&self.topic)
                .partition(record.partition)
                .key(&record.key)
                .payload(&record.value)
                .headers(record.headers());
            sent.push(producer.send_result(to_send).map_err(|(error, _)| error)?);
        }
        for delivery in sent {
            match delivery.await {
                Ok(Ok(_)) => {}
                Ok(Err((error, _))) => return Err(error),
                // The producer was dropped with the record in it.
                Err(_) => return Err(KafkaError::MessageProduction(RDKafkaErrorCode::PurgeInflight)),
            }
        }
        Ok(())
    }

    fn producer(&self) -> Result<Arc<Client>, KafkaError> {
        let mut held = self.held();
        if let Some(producer) = &*held {
            return Ok(Arc::clone(producer));
        }
        let mut config = self.kafka.client("ledger-appender");
        config
            .set("acks", "all")
            // In order within a partition, and not twice by the client's own attempts.
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", DELIVERY_TIMEOUT_MS)
            .set("message.max.bytes", MAX_MESSAGE_BYTES.to_string())
            // The log is kept uncompressed.
            .set("compression.type", "none")
            .set("linger.ms", "0")
            .set("queue.buffering.max.messages", QUEUE_MESSAGES)
            .set("queue.buffering.max.kbytes", QUEUE_KBYTES);
        let producer = Arc::new(DroppedAside::new(config.create_with_context(QuietContext::default())?));
        *held = Some(Arc::clone(&producer));
        Ok(producer)
    }

    /// A fatal error disables an idempotent producer for good, so none is used again after an error. Whoever still waits for deliveries
    /// of it holds it.
    fn throw_away(&self, producer: &Arc<Client>) {
        let mut held = self.held();
        if held.as_ref().is_some_and(|held| Arc::ptr_eq(held, producer)) {
            *held = None;
        }
    }

    fn held(&self) -> MutexGuard<'_, Option<Arc<Client>>> {
        self.producer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
