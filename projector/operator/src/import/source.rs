//! Reads the old topic from its beginning, parses what it reads, and hands it on in chunks. It runs on a thread of its own,
//! since the client's calls block. It joins no consumer group and stores no offset: the ids make an import repeatable, so
//! every run begins at the beginning.
//!
//! It must never pass over a record in silence: what cannot be taken is handed on as a refusal, and offsets that are gone end the
//! run. Next: [`super::legacy_record`] (what a record may be), [`super::run`] (what becomes of it).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ledger_fold::log_safety::Watermarks;
use ledger_kafka::{KafkaSettings, QuietContext, fault_of};
use ledger_schema::{Order, Position};
use projector::blocked::Blocked;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, TopicPartitionList};
use tokio::sync::mpsc;

use super::legacy_record::{self, LegacyRecord};
use super::open_transaction::OpenTransactions;
use super::refusal::Refusal;

/// Most records in a chunk: a few queries' worth of look-up.
const CHUNK_RECORDS: usize = 2000;
/// Chunks that may wait for the importer.
const WAITING_CHUNKS: usize = 4;
/// How long a chunk that is begun waits for its next record.
const CHUNK_LINGER: Duration = Duration::from_millis(2);
/// How long an empty chunk waits; a request to stop is seen after it at the latest.
const IDLE_POLL: Duration = Duration::from_millis(100);
/// How long a bounded run waits for a broker that reports errors and delivers nothing.
const BROKER_PATIENCE: Duration = Duration::from_secs(60);

/// One record, taken or refused.
pub(super) type Parsed = (Position, Result<Order, Refusal>);

/// The old topic as it was found at the start, partition by partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LegacyTopic {
    pub name: String,
    pub partitions: BTreeMap<i32, Watermarks>,
}

impl LegacyTopic {
    /// How many offsets there were to read. (Transaction markers count too, so there may be fewer records.)
    pub(super) fn len(&self) -> u64 {
        let offsets = self.partitions.values().map(|marks| marks.high - marks.low);
        offsets.map(|count| u64::try_from(count).expect("a topic ends where it begins, or later")).sum()
    }
}

/// How far to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// The high watermarks that [`LegacyTopic`] names, also where an open transaction stands before one.
    End,
    /// For ever.
    Stopped,
}

/// Why the reader ended before the end.
#[derive(Debug)]
pub(super) enum SourceError {
    Kafka(KafkaError),
    /// An open transaction was waited for in vain.
    Blocked(Blocked),
}

impl From<KafkaError> for SourceError {
    fn from(cause: KafkaError) -> Self {
        Self::Kafka(cause)
    }
}

/// A running reader. Dropping it ends the thread.
pub(super) struct Source {
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
pub(super) fn consumer(kafka: &KafkaSettings) -> Result<BaseConsumer<QuietContext>, KafkaError> {
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
        .set("queued.max.messages.kbytes", "32768")
        .create_with_context(QuietContext)
}

/// Starts to read `topic` with `consumer`.
pub(super) fn start(
    consumer: BaseConsumer<QuietContext>,
    topic: LegacyTopic,
    until: Until,
    transactions: OpenTransactions,
) -> Result<Source, KafkaError> {
    let mut assignment = TopicPartitionList::new();
    for (partition, marks) in &topic.partitions {
        assignment.add_partition_offset(&topic.name, *partition, Offset::Offset(marks.low))?;
    }
    consumer.assign(&assignment)?;
    let (sender, chunks) = mpsc::channel(WAITING_CHUNKS);
    let stop = Arc::new(AtomicBool::new(false));
    let reader = Reader::new(consumer, topic, until, transactions, sender, Arc::clone(&stop));
    std::thread::Builder::new()
        .name("old-topic".to_owned())
        .spawn(move || reader.run())
        .map_err(|error| KafkaError::ClientCreation(format!("no thread for the consumer: {error}")))?;
    Ok(Source { chunks, stop })
}

struct Reader {
    consumer: BaseConsumer<QuietContext>,
    topic: LegacyTopic,
    until: Until,
    /// Partitions whose end is not reached yet.
    open: BTreeMap<i32, Watermarks>,
    transactions: OpenTransactions,
    chunk: Vec<Parsed>,
    chunks: mpsc::Sender<Result<Vec<Parsed>, SourceError>>,
    stop: Arc<AtomicBool>,
    /// Since when the broker has reported errors and delivered nothing.
    failing_since: Option<Instant>,
}

impl Reader {
    fn new(
        consumer: BaseConsumer<QuietContext>,
        topic: LegacyTopic,
        until: Until,
        transactions: OpenTransactions,
        chunks: mpsc::Sender<Result<Vec<Parsed>, SourceError>>,
        stop: Arc<AtomicBool>,
    ) -> Self {
        let open = topic.partitions.iter().filter(|(_, marks)| marks.low < marks.high).map(|(p, m)| (*p, *m)).collect();
        Self { consumer, topic, until, open, transactions, chunk: Vec::new(), chunks, stop, failing_since: None }
    }

    /// Ends at the end, when it is to stop, when nobody receives any more, or with an error as its last word.
    fn run(mut self) {
        while !self.is_done() {
            if let Err(error) = self.step() {
                self.hand_on();
                // Nobody receives it when the import ended already.
                let _ = self.chunks.blocking_send(Err(error));
                return;
            }
        }
        self.hand_on();
    }

    fn is_done(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
            || self.chunks.is_closed()
            || (self.until == Until::End && self.open.is_empty())
    }

    fn step(&mut self) -> Result<(), SourceError> {
        let wait = if self.chunk.is_empty() { IDLE_POLL } else { CHUNK_LINGER };
        match self.consumer.poll(wait) {
            Some(Ok(message)) => {
                let parsed = self.take(&message);
                let (partition, next_offset) = (message.partition(), message.offset() + 1);
                drop(message);
                self.failing_since = None;
                self.chunk.extend(parsed);
                self.transactions.moves_on(partition);
                if self.open.get(&partition).is_some_and(|marks| next_offset >= marks.high) {
                    self.open.remove(&partition);
                }
                if self.chunk.len() >= CHUNK_RECORDS {
                    self.hand_on();
                }
            }
            // The end of what the broker serves, which is not the topic's while a transaction is open.
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                self.failing_since = None;
                self.transactions.met_end(partition);
                self.pass_ends()?;
            }
            Some(Err(error)) => self.judge(error)?,
            None => {
                self.hand_on();
                self.pass_ends()?;
                self.transactions.in_vain().map_or(Ok(()), |blocked| Err(SourceError::Blocked(blocked)))?;
            }
        }
        Ok(())
    }

    /// Ends the partitions whose end the consumer's own position has reached: after the last record there may be marks of
    /// transactions and aborted records, so no record ever has the last offset.
    fn pass_ends(&mut self) -> Result<(), KafkaError> {
        if self.until == Until::Stopped || self.open.is_empty() {
            return Ok(());
        }
        let positions = self.consumer.position()?;
        let (topic, transactions) = (&self.topic.name, &mut self.transactions);
        self.open.retain(|partition, marks| {
            let position = positions.find_partition(topic, *partition).map(|found| found.offset());
            let ended = matches!(position, Some(Offset::Offset(next_offset)) if next_offset >= marks.high);
            if ended {
                transactions.moves_on(*partition);
            }
            !ended
        });
        Ok(())
    }

    /// `None` for a record after the end of a bounded run.
    fn take(&self, message: &BorrowedMessage<'_>) -> Option<Parsed> {
        let position = Position { partition: message.partition(), offset: message.offset() };
        let end = self.topic.partitions.get(&position.partition).map(|marks| marks.high);
        if self.until == Until::End && end.is_some_and(|end| position.offset >= end) {
            return None;
        }
        let record = LegacyRecord {
            topic: &self.topic.name,
            position,
            timestamp_ms: message.timestamp().to_millis(),
            value: message.payload(),
        };
        Some((position, legacy_record::parse(&record)))
    }

    fn hand_on(&mut self) {
        if !self.chunk.is_empty() {
            // When the import ended already, `is_done` sees it.
            let _ = self.chunks.blocking_send(Ok(std::mem::take(&mut self.chunk)));
        }
    }

    /// A broker that is away comes back, and the client reconnects by itself; the topic or its offsets do not.
    fn judge(&mut self, error: KafkaError) -> Result<(), KafkaError> {
        // No group is joined, so a right that is lacking on it stops nothing.
        let lacks_group = error.rdkafka_error_code() == Some(RDKafkaErrorCode::GroupAuthorizationFailed);
        let is_fatal = matches!(error, KafkaError::MessageConsumptionFatal(_));
        let passes = fault_of(&error).passes() || (lacks_group && !is_fatal);
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        if !passes || (self.until == Until::End && since.elapsed() > BROKER_PATIENCE) {
            return Err(error);
        }
        tracing::warn!(topic = self.topic.name, %error, "reading the old topic: waiting for the broker");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_what_is_left_of_every_partition() {
        let marks = |low, high| Watermarks { low, stable: low, high };
        let partitions = BTreeMap::from([(0, marks(0, 10)), (1, marks(5, 5)), (2, marks(7, 9))]);
        assert_eq!(LegacyTopic { name: "legacy".to_owned(), partitions }.len(), 12);
    }
}
