//! One transactional producer of one partition. It must never be used again after an error: the caller drops it, makes
//! a new one, and reads the cursor (see the module header for why).

use std::time::Duration;

use ledger_schema::cloudevents;
use ledger_schema::topics::MAX_MESSAGE_BYTES;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer};
use rdkafka::util::Timeout;
use tokio::runtime::Handle;

use super::cursor::Cursor;
use super::group::RelaySettings;
use super::plan::Publication;
use crate::kafka::QuietContext;
use crate::outbox::{EntryContent, OutboxEntry};

/// How long the coordinator waits before it aborts a transaction by itself.
const TRANSACTION_TIMEOUT_MS: &str = "40000";
/// A delivery that took longer leaves no time to commit.
const DELIVERY_TIMEOUT_MS: &str = "30000";
/// Longest value of a dead letter that is published: room for key and headers stays below the topic's limit.
const MAX_PUBLISHED_VALUE_BYTES: usize = 8 * 1024 * 1024;
/// `ce_source` of outcomes: the same from every projector, since the event id is unique within it.
const SOURCE: &str = "/ledger/projector";
const INIT_LIMIT: Duration = Duration::from_secs(30);
/// Deliveries that are awaited at once; below librdkafka's own queue limit.
const IN_FLIGHT: usize = 50_000;

/// A producer that has fenced every earlier one of its partition.
pub(super) struct Publisher {
    producer: FutureProducer<QuietContext>,
    runtime: Handle,
    partition: i32,
}

impl Publisher {
    /// Makes the producer and calls `init_transactions`. Blocks.
    ///
    /// # Errors
    /// Any: throw away and try again.
    pub(super) fn open(settings: &RelaySettings, partition: i32, runtime: Handle) -> Result<Self, KafkaError> {
        let mut config = settings.kafka.client("ledger-relay");
        let message_max_bytes = MAX_MESSAGE_BYTES.to_string();
        config
            .set("transactional.id", format!("{}-{partition}", settings.transactional_id_prefix))
            .set("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS)
            .set("message.timeout.ms", DELIVERY_TIMEOUT_MS)
            .set("message.max.bytes", message_max_bytes)
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("compression.type", "lz4")
            // Deliveries are awaited right after they are handed over: lingering would only add to each transaction.
            .set("linger.ms", "0")
            .set("queue.buffering.max.messages", (IN_FLIGHT * 2).to_string())
            .set("queue.buffering.max.kbytes", "65536");
        let producer: FutureProducer<QuietContext> = config.create_with_context(QuietContext)?;
        producer.init_transactions(INIT_LIMIT)?;
        Ok(Self { producer, runtime, partition })
    }

    /// Publishes in one Kafka transaction: the entries in order, then the cursor. Blocks until it is committed.
    ///
    /// # Errors
    /// Any: the outcome is unknown. Throw the producer away and read the cursor.
    pub(super) fn publish(&self, settings: &RelaySettings, publication: &Publication<'_>) -> Result<(), KafkaError> {
        self.producer.begin_transaction()?;
        for entries in publication.entries.chunks(IN_FLIGHT) {
            let handed = entries.iter().map(|entry| self.send_entry(settings, entry)).collect::<Result<Vec<_>, _>>()?;
            self.await_all(handed)?;
        }
        let cursor = Cursor::new(&settings.topic_id, self.partition, publication.next_offset);
        let (key, value) = (self.partition.to_string(), cursor.encode());
        let record = FutureRecord::to(&settings.topics.cursors).partition(self.partition).key(&key).payload(&value);
        let handed = self.producer.send_result(record).map_err(|(error, _)| error)?;
        // Every delivery is awaited first: commit_transaction would otherwise flush in slices of 100 ms.
        self.await_all(vec![handed])?;
        self.producer.commit_transaction(Timeout::Never)
    }

    fn send_entry(&self, settings: &RelaySettings, entry: &OutboxEntry<'_>) -> Result<DeliveryFuture, KafkaError> {
        let event_id = entry.event_id().to_string();
        let (topic, value, headers) = match &entry.content {
            EntryContent::Outcome { event_type, subject } => {
                (&settings.topics.outcomes, entry.value.as_deref(), outcome_headers(&event_id, event_type, subject))
            }
            EntryContent::DeadLetter { reason, detail } => {
                // A value that came compressed may be larger than any topic takes; the log still has it.
                let value = entry.value.as_deref().filter(|value| value.len() <= MAX_PUBLISHED_VALUE_BYTES);
                let omitted = entry.value.as_deref().filter(|_| value.is_none()).map(<[u8]>::len);
                (&settings.topics.dead_letters, value, dead_letter_headers(entry, &event_id, reason, detail, omitted))
            }
        };
        let mut record: FutureRecord<'_, [u8], [u8]> =
            FutureRecord::to(topic).partition(entry.partition).headers(headers);
        record.key = entry.key.as_deref();
        record.payload = value;
        self.producer.send_result(record).map_err(|(error, _)| error)
    }

    fn await_all(&self, handed: Vec<DeliveryFuture>) -> Result<(), KafkaError> {
        self.runtime.block_on(async {
            for delivery in handed {
                match delivery.await {
                    Ok(Ok(_)) => {}
                    Ok(Err((error, _))) => return Err(error),
                    // The producer was dropped with the message in it.
                    Err(_) => return Err(KafkaError::MessageProduction(RDKafkaErrorCode::PurgeInflight)),
                }
            }
            Ok(())
        })
    }
}

fn outcome_headers(event_id: &str, event_type: &str, subject: &str) -> OwnedHeaders {
    cloudevents::headers(event_id, event_type, SOURCE, subject)
        .into_iter()
        .fold(OwnedHeaders::new_with_capacity(6), |all, (key, value)| all.insert(Header { key, value: Some(value) }))
}

/// The headers as received, then ours.
fn dead_letter_headers(
    entry: &OutboxEntry<'_>,
    event_id: &str,
    reason: &str,
    detail: &str,
    omitted_bytes: Option<usize>,
) -> OwnedHeaders {
    let received =
        entry.headers.iter().fold(OwnedHeaders::new_with_capacity(entry.headers.len() + 4), |all, header| {
            all.insert(Header { key: &header.name, value: header.value.as_deref() })
        });
    let ours = [("ledger_event_id", event_id), ("ledger_reason", reason), ("ledger_detail", detail)];
    let headers = ours.into_iter().fold(received, |all, (key, value)| all.insert(Header { key, value: Some(value) }));
    match omitted_bytes {
        None => headers,
        Some(bytes) => {
            let bytes = bytes.to_string();
            headers.insert(Header { key: "ledger_value_omitted_bytes", value: Some(&bytes) })
        }
    }
}
