//! One transactional producer of one partition. It must never be used again after an error: the caller drops it, makes
//! a new one, and reads the cursor (see the module header for why).

use std::sync::Arc;
use std::time::Duration;

use ledger_failpoints::FailPoint;
use ledger_kafka::{DroppedAside, QuietContext};
use ledger_schema::cloudevents;
use ledger_schema::topics::MAX_MESSAGE_BYTES;
use ledger_store::outbox::{EntryContent, EntryHeader, OutboxEntry};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::util::Timeout;

use super::cursor::Cursor;
use super::delivery::{self, Handed};
use super::fence;
use super::plan::Publication;
use super::seam::{PublishError, RelayProducer};
use super::settings::RelaySettings;
use crate::appender::SOURCE;

/// How long the coordinator waits before it aborts a transaction by itself.
const TRANSACTION_TIMEOUT_MS: &str = "40000";
/// A delivery that took longer leaves no time to commit.
const DELIVERY_TIMEOUT_MS: &str = "30000";
/// Freeing a report takes microseconds.
const REPORTS_POLL: Duration = Duration::from_micros(50);
const INIT_LIMIT: Duration = Duration::from_secs(30);
/// Deliveries that are awaited at once, and their bytes; both below the limits of librdkafka's queue, so that it is never
/// full, whatever is published.
const IN_FLIGHT: usize = 50_000;
const IN_FLIGHT_BYTES: usize = 16 * 1024 * 1024;
const QUEUE_KBYTES: &str = "65536";

/// A producer that has fenced every earlier one of its partition.
pub(super) struct Publisher {
    producer: DroppedAside<FutureProducer<QuietContext>>,
    settings: Arc<RelaySettings>,
    partition: i32,
}

impl Publisher {
    /// Makes the producer and calls `init_transactions`. Blocks.
    ///
    /// # Errors
    /// Any: throw away and try again.
    pub(super) fn open(settings: Arc<RelaySettings>, partition: i32) -> Result<Self, KafkaError> {
        let mut config = settings.kafka.client("ledger-relay");
        config
            .set("transactional.id", fence::transactional_id(&settings.topics.cursors, partition))
            .set("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS)
            .set("message.timeout.ms", DELIVERY_TIMEOUT_MS)
            .set("message.max.bytes", MAX_MESSAGE_BYTES.to_string())
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("compression.type", settings.compression.as_str())
            // Deliveries are awaited right after they are handed over: lingering would only add to each transaction.
            .set("linger.ms", "0")
            .set("queue.buffering.max.messages", (IN_FLIGHT * 2).to_string())
            .set("queue.buffering.max.kbytes", QUEUE_KBYTES);
        let producer: FutureProducer<QuietContext> = config.create_with_context(QuietContext::default())?;
        let producer = DroppedAside::new(producer);
        producer.init_transactions(INIT_LIMIT)?;
        ledger_failpoints::reach(FailPoint::RelayFenced);
        Ok(Self { producer, settings, partition })
    }

    /// One Kafka transaction: the entries in order, then the cursor. Blocks until it is committed.
    ///
    /// # Errors
    /// Any: the outcome is unknown. Throw the producer away and read the cursor.
    async fn commit(&self, publication: &Publication<'_>) -> Result<(), PublishError> {
        let settings = &*self.settings;
        self.producer.begin_transaction()?;
        ledger_failpoints::reach(FailPoint::RelayBegun);
        let (mut handed, mut bytes) = (Vec::new(), 0);
        for entry in &publication.entries {
            handed.push(self.send_entry(entry, publication.received_limit)?);
            bytes += entry.value.as_deref().map_or(0, <[u8]>::len);
            if handed.len() >= IN_FLIGHT || bytes >= IN_FLIGHT_BYTES {
                delivery::await_all(std::mem::take(&mut handed)).await?;
                bytes = 0;
            }
        }
        ledger_failpoints::reach(FailPoint::RelayEntriesSent);
        // Every delivery is awaited before the commit, which would otherwise flush in slices of 100 ms.
        let cursor = Cursor::new(&settings.topic_id, self.partition, publication.next_offset);
        let (key, value) = (self.partition.to_string(), cursor.encode());
        let record = FutureRecord::to(&settings.topics.cursors).partition(self.partition).key(&key).payload(&value);
        let sent = self.producer.send_result(record).map_err(|(error, _)| error)?;
        ledger_failpoints::reach(FailPoint::RelayCursorSent);
        delivery::await_all(handed).await?;
        delivery::outcome_of(sent.await)?;
        self.await_reports_gone();
        ledger_failpoints::reach(FailPoint::RelayDelivered);
        self.producer.commit_transaction(Timeout::Never)?;
        ledger_failpoints::reach(FailPoint::RelayCommitted);
        Ok(())
    }

    fn send_entry<'a>(&'a self, entry: &'a OutboxEntry<'_>, received_limit: usize) -> Result<Handed<'a>, PublishError> {
        let topics = &self.settings.topics;
        let event_id = entry.event_id().to_string();
        let (topic, kept, headers) = match &entry.content {
            EntryContent::Outcome { event_type, subject } => {
                (&topics.outcomes, Kept::whole(entry), outcome_headers(&event_id, event_type, subject, &entry.headers))
            }
            EntryContent::DeadLetter { reason, detail } => {
                let kept = Kept::within(received_limit, entry);
                let headers = dead_letter_headers(&kept, &event_id, reason, detail);
                (&topics.dead_letters, kept, headers)
            }
            // `plan` keeps it apart: inside a Kafka transaction it would stop every reader of the log.
            EntryContent::Told { .. } => unreachable!("{event_id} is for the log, not for a transaction"),
        };
        let bytes = sent_bytes(&kept, &headers);
        let mut record: FutureRecord<'_, [u8], [u8]> =
            FutureRecord::to(topic).partition(entry.partition).headers(headers);
        record.key = kept.key;
        record.payload = kept.value;
        match self.producer.send_result(record) {
            Ok(future) => Ok(Handed { future: Some(future), entry, topic, bytes }),
            Err((error, _)) => Err(delivery::refused_at_once(error, entry, topic, bytes)),
        }
    }

    /// Waits until the client counts nothing as in flight. The last delivery is reported a moment before its report is freed; a commit
    /// in that moment finds something to flush and waits for 100 ms (measured: more than half of all commits).
    fn await_reports_gone(&self) {
        while self.producer.in_flight_count() > 0 {
            std::thread::sleep(REPORTS_POLL);
        }
    }
}

impl RelayProducer for Publisher {
    async fn publish(&self, publication: &Publication<'_>) -> Result<(), PublishError> {
        self.commit(publication).await
    }
}

/// Those that follow from what it is, then those that its row has (rows of before have none).
fn outcome_headers(event_id: &str, event_type: &str, subject: &str, own: &[EntryHeader<'_>]) -> OwnedHeaders {
    let headers = cloudevents::headers(event_id, event_type, SOURCE, subject)
        .into_iter()
        .fold(OwnedHeaders::new_with_capacity(7), |all, (key, value)| all.insert(Header { key, value: Some(value) }));
    own.iter().fold(headers, |all, header| all.insert(Header { key: &header.name, value: header.value.as_deref() }))
}

/// What is published of a record that was parked. What came compressed may be larger than any topic takes: then the value is
/// left out, then the headers, then the key, each with a header that tells how much it was. The log still has the whole.
struct Kept<'a> {
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: &'a [EntryHeader<'a>],
    omitted: Vec<(&'static str, usize)>,
}

impl<'a> Kept<'a> {
    fn whole(entry: &'a OutboxEntry<'_>) -> Self {
        let (key, value) = (entry.key.as_deref(), entry.value.as_deref());
        Self { key, value, headers: &entry.headers, omitted: Vec::new() }
    }

    fn within(limit: usize, entry: &'a OutboxEntry<'_>) -> Self {
        let mut kept = Self::whole(entry);
        // As they count in a record, and as they were received, which is what is told.
        let header_size: usize = kept.headers.iter().map(EntryHeader::bytes).sum();
        let received = |header: &EntryHeader<'_>| header.name.len() + header.value.as_deref().map_or(0, <[u8]>::len);
        let header_bytes: usize = kept.headers.iter().map(received).sum();
        let (key_bytes, value_bytes) = (kept.key.map_or(0, <[u8]>::len), kept.value.map_or(0, <[u8]>::len));
        if key_bytes + value_bytes + header_size > limit {
            kept.value = None;
            kept.omitted.push(("ledger_value_omitted_bytes", value_bytes));
        }
        if kept.value.is_none() && key_bytes + header_size > limit {
            kept.headers = &[];
            kept.omitted.push(("ledger_headers_omitted_bytes", header_bytes));
        }
        if kept.headers.is_empty() && key_bytes > limit {
            kept.key = None;
            kept.omitted.push(("ledger_key_omitted_bytes", key_bytes));
        }
        kept
    }
}

/// Key, value and headers of a record as it is sent.
fn sent_bytes(kept: &Kept<'_>, headers: &OwnedHeaders) -> usize {
    let headers: usize = headers.iter().map(|header| header.key.len() + header.value.map_or(0, <[u8]>::len)).sum();
    kept.key.map_or(0, <[u8]>::len) + kept.value.map_or(0, <[u8]>::len) + headers
}

/// The headers as received, then ours.
fn dead_letter_headers(kept: &Kept<'_>, event_id: &str, reason: &str, detail: &str) -> OwnedHeaders {
    let received = kept.headers.iter().fold(OwnedHeaders::new_with_capacity(kept.headers.len() + 6), |all, header| {
        all.insert(Header { key: &header.name, value: header.value.as_deref() })
    });
    let ours = [("ledger_event_id", event_id), ("ledger_reason", reason), ("ledger_detail", detail)];
    let headers = ours.into_iter().fold(received, |all, (key, value)| all.insert(Header { key, value: Some(value) }));
    kept.omitted.iter().fold(headers, |all, (key, bytes)| all.insert(Header { key, value: Some(&bytes.to_string()) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(limit: usize, sizes: [usize; 3], expected: [bool; 3]) {
        let [key, value, header] = sizes.map(|size| vec![7_u8; size]);
        let entry = OutboxEntry {
            content: EntryContent::DeadLetter { reason: "undecodable".into(), detail: "".into() },
            partition: 0,
            offset: 0,
            index: 0,
            key: Some(key.as_slice().into()),
            value: Some(value.as_slice().into()),
            headers: vec![EntryHeader { name: "".into(), value: Some(header.as_slice().into()) }],
        };
        let kept = Kept::within(limit, &entry);
        assert_eq!([kept.key.is_some(), kept.value.is_some(), !kept.headers.is_empty()], expected, "{sizes:?}");
        let omitted: usize = kept.omitted.iter().map(|(_, bytes)| bytes).sum();
        let left_out: usize = sizes.iter().zip(expected).filter(|(_, kept)| !kept).map(|(size, _)| size).sum();
        assert_eq!(omitted, left_out, "{sizes:?}");
    }

    #[test]
    fn what_a_topic_does_not_take_is_left_out_and_named() {
        // A header counts ten bytes more, for its lengths.
        check(110, [10, 80, 10], [true, true, true]);
        check(110, [10, 81, 10], [true, false, true]);
        check(110, [10, 0, 91], [true, false, false]);
        check(110, [111, 1, 1], [false, false, false]);
    }
}
