//! Appends events to the log: keyed by product, acknowledged by all in-sync replicas, without doubles from the client's own
//! retries, many in flight, in order within a product. After the first delivery that fails nothing more is appended.
//!
//! A thread of its own encodes, sends and takes the delivery reports: what one thread allocates is cheapest freed by
//! the same one (measured: with reports of failures alone, the client's own thread frees, and an import computes half as much
//! again), and meanwhile the importer asks the database. Nothing is compressed: the log's broker keeps records
//! as they are, and would unpack and write anew each batch that comes packed.
//!
//! It must never say that a record is in the log before its delivery report says so. Next: [`super::run`].

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ledger_failpoints::FailPoint;
use ledger_kafka::{KafkaSettings, KafkaUseError, log_line, oauth_token, use_error};
use ledger_schema::wire::{Event, encode_into};
use ledger_schema::{cloudevents, partitioner};
use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext, PurgeConfig};
use tokio::sync::{mpsc, oneshot};

/// Most records that wait for their acknowledgement. An order is below 1 KiB on the wire, so this is also a limit on memory.
const MAX_IN_FLIGHT: u64 = 16_384;
/// How long a record may wait for its acknowledgement, in milliseconds: longer than a broker takes to restart.
const DELIVERY_TIMEOUT_MS: &str = "60000";
/// How long a record waits for others to go with, in milliseconds.
const LINGER_MS: &str = "20";
/// Reports are taken after so many records.
const REPORTS_INTERVAL: u64 = 256;
/// How long is waited for reports where nothing else can be done.
const REPORTS_WAIT: Duration = Duration::from_millis(1);
/// Events that may wait for the thread, in chunks.
const WAITING_CHUNKS: usize = 2;

const ACTION: &str = "appending to the log";

/// What the delivery reports said.
#[derive(Default)]
struct Deliveries {
    acknowledged: AtomicU64,
    failed: AtomicU64,
    first_failure: OnceLock<KafkaError>,
}

/// The context that librdkafka calls; shares what it counts with the [`Appender`].
struct Reports(Arc<Deliveries>);

impl ClientContext for Reports {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "the producer reports an error");
    }

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        oauth_token(config)
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => self.0.acknowledged.fetch_add(1, Ordering::Relaxed),
            Err((error, _)) => {
                // Only the first is kept: what fails after it was purged because of it.
                let _ = self.0.first_failure.set(error.clone());
                self.0.failed.fetch_add(1, Ordering::Relaxed)
            }
        };
    }
}

enum Work {
    Append(Vec<Event>),
    /// Answered when every record is acknowledged, or one of them failed.
    Flush(oneshot::Sender<()>),
}

/// The handle. When it is dropped the thread ends, and what it has sent and is not acknowledged is lost or not: the ids make that
/// right.
pub(crate) struct Appender {
    work: mpsc::Sender<Work>,
    deliveries: Arc<Deliveries>,
    brokers: String,
}

impl Appender {
    /// `source` names who appends, for whoever reads an event later.
    pub(crate) fn new(
        kafka: &KafkaSettings,
        topic: &str,
        partition_count: i32,
        source: String,
    ) -> Result<Self, KafkaUseError> {
        let failed = |cause| KafkaUseError::Failed { action: "Kafka client settings", cause };
        let deliveries = Arc::new(Deliveries::default());
        let producer = kafka
            .client("ledger-import")
            .set("partitioner", partitioner::PARTITIONER)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("compression.type", "none")
            .set("linger.ms", LINGER_MS)
            .set("delivery.timeout.ms", DELIVERY_TIMEOUT_MS)
            // Never the limit: `MAX_IN_FLIGHT` is.
            .set("queue.buffering.max.messages", (2 * MAX_IN_FLIGHT).to_string())
            .create_with_context(Reports(Arc::clone(&deliveries)))
            .map_err(failed)?;
        let (work, waiting) = mpsc::channel(WAITING_CHUNKS);
        let (topic, reported) = (topic.to_owned(), Arc::clone(&deliveries));
        let sender = Sender {
            producer,
            deliveries: reported,
            topic,
            partition_count,
            source,
            sent: 0,
            id: String::new(),
            value: Vec::new(),
        };
        std::thread::Builder::new()
            .name("appender".to_owned())
            .spawn(move || sender.run(waiting))
            .map_err(|error| failed(KafkaError::ClientCreation(format!("no thread for the producer: {error}"))))?;
        Ok(Self { work, deliveries, brokers: kafka.brokers().to_owned() })
    }

    /// Hands `events` on, in their order, as soon as there is room.
    pub(crate) async fn append(&self, events: Vec<Event>) -> Result<(), KafkaUseError> {
        // A thread that ended had a failure.
        let _ = self.work.send(Work::Append(events)).await;
        self.check()
    }

    /// Waits until every record that was appended is acknowledged, or one of them failed.
    pub(crate) async fn flush(&self) -> Result<(), KafkaUseError> {
        let (done, flushed) = oneshot::channel();
        let _ = self.work.send(Work::Flush(done)).await;
        let answered = flushed.await;
        self.check()?;
        answered.expect("the thread ends without an answer only after a failure");
        Ok(())
    }

    /// How many records all in-sync replicas have.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.deliveries.acknowledged.load(Ordering::Relaxed)
    }

    fn check(&self) -> Result<(), KafkaUseError> {
        let failure = self.deliveries.first_failure.get();
        failure.map_or(Ok(()), |error| Err(use_error(&self.brokers, ACTION, error.clone())))
    }
}

/// The thread's own.
struct Sender {
    producer: BaseProducer<Reports>,
    deliveries: Arc<Deliveries>,
    topic: String,
    /// Frozen: a partition that somebody adds meanwhile is folded by nobody.
    partition_count: i32,
    /// `ce_source` of every event.
    source: String,
    sent: u64,
    /// Room for an id.
    id: String,
    /// Room for a value.
    value: Vec<u8>,
}

impl Sender {
    /// Ends when nobody appends any more, or after a failure: a later record of a product must not overtake the one that failed.
    fn run(mut self, mut waiting: mpsc::Receiver<Work>) {
        while let Some(work) = waiting.blocking_recv() {
            match work {
                Work::Append(events) => events.iter().for_each(|event| self.send(event)),
                Work::Flush(done) => {
                    self.wait_until_in_flight(0);
                    // Who asked may have gone.
                    let _ = done.send(());
                }
            }
            if self.has_failed() {
                self.producer.purge(PurgeConfig::default().queue());
                return;
            }
        }
    }

    fn send(&mut self, event: &Event) {
        if self.sent.is_multiple_of(REPORTS_INTERVAL) {
            self.wait_until_in_flight(MAX_IN_FLIGHT - REPORTS_INTERVAL);
        }
        if self.has_failed() {
            return;
        }
        self.id.clear();
        event.id_into(&mut self.id);
        let product_id = event.product_id().as_str();
        let headers = cloudevents::headers(&self.id, event.event_type(), &self.source, product_id)
            .into_iter()
            .fold(OwnedHeaders::new_with_capacity(6), |headers, (key, value)| {
                headers.insert(Header { key, value: Some(value) })
            });
        self.value.clear();
        encode_into(event, &mut self.value);
        let partition = partitioner::partition_of(product_id.as_bytes(), self.partition_count);
        let record =
            BaseRecord::to(&self.topic).partition(partition).key(product_id).payload(&self.value).headers(headers);
        if let Err((error, _)) = self.producer.send(record) {
            let _ = self.deliveries.first_failure.set(error);
            return;
        }
        ledger_failpoints::reach(FailPoint::ImportSent);
        self.sent += 1;
    }

    fn wait_until_in_flight(&self, most: u64) {
        self.take_reports();
        while self.in_flight() > most && !self.has_failed() {
            // Not by waiting for the next report: for less than a millisecond the client does not wait, it asks again and again.
            std::thread::sleep(REPORTS_WAIT);
            self.take_reports();
        }
    }

    /// Takes the reports that there are: one call takes those of one batch.
    fn take_reports(&self) {
        loop {
            let before = self.in_flight();
            self.producer.poll(Duration::ZERO);
            if self.in_flight() == before {
                return;
            }
        }
    }

    fn in_flight(&self) -> u64 {
        let Deliveries { acknowledged, failed, .. } = &*self.deliveries;
        self.sent - acknowledged.load(Ordering::Relaxed) - failed.load(Ordering::Relaxed)
    }

    fn has_failed(&self) -> bool {
        self.deliveries.first_failure.get().is_some()
    }
}
