//! Reads the old topic from its beginning, on a thread of its own, since the client's calls block. It joins no consumer group and
//! stores no offset: the ids make an import repeatable, so every run begins at the beginning.
//!
//! It must never pass over a record in silence. Next: [`super::reader`] (what the thread does), [`super::run`] (what becomes of it).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ledger_kafka::{KafkaSettings, KafkaUseError, QuietContext, use_error};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc;

use super::legacy_record::Parser;
use super::legacy_topic::{LegacyTopic, Parsed, SourceError, Until};
use super::open_transaction::OpenTransactions;
use super::reader::{Reader, Reading};
use super::rules::Rules;
use super::topic_watch::TopicWatch;

/// What is done, where it fails.
pub(crate) const READING: &str = "reading the old topic";
/// Chunks that may wait for the importer.
const WAITING_CHUNKS: usize = 4;

/// A running reader. Dropping it ends the thread.
pub(crate) struct Source {
    pub chunks: mpsc::Receiver<Result<Vec<Parsed>, SourceError>>,
    stop: Arc<AtomicBool>,
}

impl Source {
    /// Asks the thread to end; what it has read still comes.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A consumer for the old topic. Only committed records: what a transaction took back was never an order.
fn consumer(kafka: &KafkaSettings) -> Result<BaseConsumer<QuietContext>, KafkaError> {
    kafka
        .client("ledger-import")
        // No group is joined (partitions are assigned by hand), but the client wants a name.
        .set("group.id", "ledger-import")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // Offsets that are gone are an error, never a jump.
        .set("auto.offset.reset", "error")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("fetch.queue.backoff.ms", "2")
        // Memory: what is read ahead, and what one answer may hold. (Larger answers are no faster.)
        .set("queued.max.messages.kbytes", "8192")
        .set("fetch.max.bytes", "16777216")
        .set("fetch.message.max.bytes", "524288")
        .create_with_context(QuietContext::default())
}

/// Opens `topic` and starts to read it. An open transaction is waited for up to `patience`, unless the topic is followed for ever.
pub(crate) fn open(
    kafka: &KafkaSettings,
    topic: LegacyTopic,
    until: Until,
    rules: Rules,
    patience: Duration,
) -> Result<Source, KafkaUseError> {
    let failed = |error: KafkaError| use_error(kafka.brokers(), READING, error);
    let consumer = consumer(kafka).map_err(failed)?;
    let wait = (until == Until::End).then_some(patience);
    let transactions = OpenTransactions::new(kafka, &topic.name, wait)?;
    let watch = TopicWatch::new(kafka, &topic.name, topic.identity.clone())?;
    let parser = Parser::new(topic.as_old_topic(), rules);
    let (chunks, received) = mpsc::channel(WAITING_CHUNKS);
    let stop = Arc::new(AtomicBool::new(false));
    let source = Source { chunks: received, stop: Arc::clone(&stop) };
    start(Reading { consumer, topic, until, parser, transactions, watch, chunks, stop }).map_err(failed)?;
    Ok(source)
}

/// Starts to read, from the beginning.
fn start(reading: Reading) -> Result<(), KafkaError> {
    let mut assignment = TopicPartitionList::new();
    for (partition, marks) in &reading.topic.partitions {
        assignment.add_partition_offset(&reading.topic.name, *partition, Offset::Offset(marks.low))?;
    }
    reading.consumer.assign(&assignment)?;
    let reader = Reader::new(reading);
    std::thread::Builder::new()
        .name("old-topic".to_owned())
        .spawn(move || reader.run())
        .map_err(|error| KafkaError::ClientCreation(format!("no thread for the consumer: {error}")))?;
    Ok(())
}
