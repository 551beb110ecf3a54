//! The thread that reads the old topic, parses what it reads, and hands it on in chunks.
//!
//! It must never pass over a record in silence: what cannot be taken is handed on as a refusal, and offsets that are gone end the
//! run. Next: [`super::legacy_record`] (what a record may be).

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ledger_fold::log_safety::Watermarks;
use ledger_kafka::record::last_header;
use ledger_kafka::{QuietContext, fault_of};
use ledger_schema::Position;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, TopicPartitionList};
use tokio::sync::mpsc;

use super::legacy_record::{IdOrigin, LegacyRecord, Parser};
use super::legacy_topic::{LegacyTopic, Parsed, SourceError, Until};
use super::open_transaction::OpenTransactions;
use super::topic_watch::TopicWatch;

/// What happened to a row, where Debezium's unwrapping says it beside the row (`add.headers=op`).
const OP_HEADER: &CStr = c"__op";
/// Most records in a chunk: a few queries' worth of look-up.
const CHUNK_RECORDS: usize = 2000;
/// How long a chunk that is begun waits for its next record.
const CHUNK_LINGER: Duration = Duration::from_millis(2);
/// How long an empty chunk waits; a request to stop is seen after it at the latest.
const IDLE_POLL: Duration = Duration::from_millis(100);
/// How long a bounded run waits for a broker that reports errors and delivers nothing.
const BROKER_PATIENCE: Duration = Duration::from_secs(60);

/// What reads, and where what it reads goes.
pub(super) struct Reading {
    pub consumer: BaseConsumer<QuietContext>,
    pub topic: LegacyTopic,
    pub until: Until,
    pub parser: Parser,
    pub transactions: OpenTransactions,
    pub watch: TopicWatch,
    pub chunks: mpsc::Sender<Result<Vec<Parsed>, SourceError>>,
    /// Set from outside when it is to end.
    pub stop: Arc<AtomicBool>,
}

pub(super) struct Reader {
    reading: Reading,
    /// Partitions whose end is not reached yet.
    open: BTreeMap<i32, Watermarks>,
    chunk: Vec<Parsed>,
    /// Since when the broker has reported errors and delivered nothing.
    failing_since: Option<Instant>,
}

impl Reader {
    pub(super) fn new(reading: Reading) -> Self {
        let partitions = reading.topic.partitions.iter();
        let open = partitions.filter(|(_, marks)| marks.low < marks.high).map(|(p, m)| (*p, *m)).collect();
        Self { reading, open, chunk: Vec::with_capacity(CHUNK_RECORDS), failing_since: None }
    }

    /// Ends at the end, when it is to stop, when nobody receives any more, or with an error as its last word.
    pub(super) fn run(mut self) {
        if let Err(error) = self.read() {
            // Nobody receives it when the import ended already.
            let _ = self.reading.chunks.blocking_send(Err(error));
        }
    }

    fn read(&mut self) -> Result<(), SourceError> {
        while !self.is_done() {
            if let Err(error) = self.step() {
                self.hand_on()?;
                return Err(error);
            }
        }
        self.hand_on()?;
        // Records of a topic that was made anew meanwhile would pass for those of the first.
        if let Some(count) = self.reading.watch.look()? {
            let (topic, before) = (&self.reading.topic.name, self.reading.topic.partitions.len());
            tracing::warn!(
                "topic {topic} grew from {before} to {count} partitions while it was imported: run the import again"
            );
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.reading.stop.load(Ordering::Relaxed)
            || self.reading.chunks.is_closed()
            || (self.reading.until == Until::End && self.open.is_empty())
    }

    fn step(&mut self) -> Result<(), SourceError> {
        if self.reading.until == Until::Stopped
            && let Some(count) = self.reading.watch.look_sometimes()?
        {
            self.read_also(count)?;
        }
        let wait = if self.chunk.is_empty() { IDLE_POLL } else { CHUNK_LINGER };
        match self.reading.consumer.poll(wait) {
            Some(Ok(message)) => {
                let parsed = take(&mut self.reading.parser, &self.reading.topic, self.reading.until, &message);
                let (partition, next_offset) = (message.partition(), message.offset() + 1);
                drop(message);
                self.failing_since = None;
                self.chunk.extend(parsed);
                self.reading.transactions.moves_on(partition);
                if self.open.get(&partition).is_some_and(|marks| next_offset >= marks.high) {
                    self.open.remove(&partition);
                }
                if self.chunk.len() >= CHUNK_RECORDS {
                    self.hand_on()?;
                }
            }
            // The end of what the broker serves, which is not the topic's while a transaction is open.
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                self.failing_since = None;
                self.reading.transactions.met_end(partition);
                self.pass_ends()?;
            }
            Some(Err(error)) => self.judge(error)?,
            None => {
                self.hand_on()?;
                self.pass_ends()?;
                self.reading.transactions.in_vain().map_or(Ok(()), |blocked| Err(SourceError::Blocked(blocked)))?;
            }
        }
        Ok(())
    }

    /// Ends the partitions whose end the consumer's own position has reached: after the last record there may be marks of
    /// transactions and aborted records, so no record ever has the last offset.
    fn pass_ends(&mut self) -> Result<(), KafkaError> {
        if self.reading.until == Until::Stopped || self.open.is_empty() {
            return Ok(());
        }
        let positions = self.reading.consumer.position()?;
        let (topic, transactions) = (&self.reading.topic.name, &mut self.reading.transactions);
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

    fn hand_on(&mut self) -> Result<(), SourceError> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let is_by_place =
            |(_, parsed): &Parsed| parsed.as_ref().is_ok_and(|taken| matches!(taken.id, IdOrigin::Place { .. }));
        // An id by place is right only in the topic that it was made for, so it is looked after the records were read. (A bounded
        // run looks once, at its end.)
        if self.reading.until == Until::Stopped
            && self.chunk.iter().any(is_by_place)
            && let Some(count) = self.reading.watch.look()?
        {
            self.read_also(count)?;
        }
        let chunk = std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK_RECORDS));
        // When the import ended already, `is_done` sees it.
        let _ = self.reading.chunks.blocking_send(Ok(chunk));
        Ok(())
    }

    /// Reads the partitions that the topic has besides, from their beginning; the others go on where they are.
    fn read_also(&mut self, partition_count: i32) -> Result<(), KafkaError> {
        let (name, before) = (&self.reading.topic.name, self.reading.topic.partitions.len());
        tracing::warn!("topic {name} grew from {before} to {partition_count} partitions: the new ones are read, too");
        let positions = self.reading.consumer.position()?;
        let mut assignment = TopicPartitionList::new();
        for (partition, marks) in &self.reading.topic.partitions {
            let position = positions.find_partition(name, *partition).map(|found| found.offset());
            let next = position.filter(|position| matches!(position, Offset::Offset(_)));
            assignment.add_partition_offset(name, *partition, next.unwrap_or(Offset::Offset(marks.low)))?;
        }
        for partition in (0..partition_count).filter(|partition| !self.reading.topic.partitions.contains_key(partition))
        {
            assignment.add_partition_offset(name, partition, Offset::Beginning)?;
        }
        self.reading.consumer.assign(&assignment)?;
        let nothing_known = Watermarks { low: 0, stable: 0, high: 0 };
        for partition in 0..partition_count {
            self.reading.topic.partitions.entry(partition).or_insert(nothing_known);
        }
        Ok(())
    }

    /// A broker that is away comes back, and the client reconnects by itself; the topic or its offsets do not.
    fn judge(&mut self, error: KafkaError) -> Result<(), SourceError> {
        // No group is joined, so a right that is lacking on it stops nothing.
        let lacks_group = error.rdkafka_error_code() == Some(RDKafkaErrorCode::GroupAuthorizationFailed);
        let is_fatal = matches!(error, KafkaError::MessageConsumptionFatal(_));
        let passes = fault_of(&error).passes() || (lacks_group && !is_fatal);
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        if !passes || (self.reading.until == Until::End && since.elapsed() > BROKER_PATIENCE) {
            // A topic that was made anew has other offsets: then that is what is wrong.
            self.reading.watch.look()?;
            return Err(error.into());
        }
        tracing::warn!(topic = self.reading.topic.name, %error, "reading the old topic: waiting for the broker");
        Ok(())
    }
}

/// `None` for a record after the end of a bounded run.
fn take(parser: &mut Parser, topic: &LegacyTopic, until: Until, message: &BorrowedMessage<'_>) -> Option<Parsed> {
    let position = Position { partition: message.partition(), offset: message.offset() };
    let end = topic.partitions.get(&position.partition).map(|marks| marks.high);
    if until == Until::End && end.is_some_and(|end| position.offset >= end) {
        return None;
    }
    let timestamp_ms = message.timestamp().to_millis();
    let op = last_header(message, OP_HEADER);
    let record = LegacyRecord { position, timestamp_ms, key: message.key(), value: message.payload(), op };
    Some((position, parser.parse(&record)))
}
