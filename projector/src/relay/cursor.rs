//! The cursor: how far a partition's outcomes are published. The last committed record of the partition in the cursor
//! topic is what counts. Read next: `publisher.rs`, which writes it.

use std::time::{Duration, Instant};

use ledger_kafka::{DroppedAside, KafkaSettings, KafkaUseError, LogInspector, QuietContext, fault_of};
use ledger_schema::log::Watermarks;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};

use super::error::RelayError;
use super::settings::RelayTopics;

const READ_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);
/// How long a record may still come after the end of what is served was met.
const AFTER_END: Duration = Duration::from_millis(500);
/// How many offsets before the end are looked at first; more when no committed cursor is among them.
const FIRST_WINDOW: i64 = 64;
const VERSION: u32 = 1;

/// A cursor as it stands in Kafka.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    version: u32,
    /// Of the log: a recreated log must not meet the old one's cursor (INV-9).
    topic_id: String,
    partition: i32,
    /// Everything before this offset of the log is published.
    pub(super) next_offset: i64,
}

impl Cursor {
    pub(super) fn new(topic_id: &str, partition: i32, next_offset: i64) -> Self {
        Self { version: VERSION, topic_id: topic_id.to_owned(), partition, next_offset }
    }

    /// The record's value.
    #[expect(clippy::expect_used, reason = "an empty cursor, committed, would look like one that somebody damaged")]
    pub(super) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a struct of numbers and a string has an encoding")
    }

    /// `Err` says what was found where a cursor of this partition and log was expected.
    fn decode(value: Option<&[u8]>, expected: &Self) -> Result<Self, String> {
        let value = value.unwrap_or_default();
        let shown = || String::from_utf8_lossy(&value[..value.len().min(200)]).into_owned();
        let cursor: Self = serde_json::from_slice(value).map_err(|_| format!("`{}`", shown()))?;
        let belongs = cursor.version == expected.version
            && cursor.topic_id == expected.topic_id
            && cursor.partition == expected.partition
            && cursor.next_offset >= 0;
        if belongs { Ok(cursor) } else { Err(format!("`{}`", shown())) }
    }
}

/// Reads cursors. Every call blocks.
pub struct CursorReader {
    settings: KafkaSettings,
    topics: RelayTopics,
    topic_id: String,
}

/// The last committed record of a partition, if any: offset and value.
type Last = Option<(i64, Option<Vec<u8>>)>;

type Client = DroppedAside<BaseConsumer<QuietContext>>;

/// Which end of a partition is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    HighWatermark,
    LastStable,
}

/// What is read of a partition.
#[derive(Debug, Clone, Copy)]
struct Range<'a> {
    topic: &'a str,
    partition: i32,
    start: i64,
    /// Exclusive.
    end: i64,
    up_to: End,
}

/// A topic from its end.
struct Tail {
    last: Last,
    /// Its first offset: above 0, records were there and are gone.
    low: i64,
}

impl CursorReader {
    /// `topic_id` is the log's.
    pub fn new(settings: &KafkaSettings, topics: &RelayTopics, topic_id: &str) -> Self {
        Self { settings: settings.clone(), topics: topics.clone(), topic_id: topic_id.to_owned() }
    }

    /// The cursor of `partition`; 0 when nothing was ever published.
    ///
    /// # Errors
    /// [`RelayError::CorruptCursor`] and [`RelayError::LostCursor`] need a person; [`RelayError::Kafka`] is to be retried.
    pub fn read(&self, partition: i32) -> Result<i64, RelayError> {
        let Some((offset, value)) = self.tail(&self.topics.cursors, partition, End::HighWatermark)?.last else {
            return self.check_unpublished(partition).map(|()| 0);
        };
        let expected = Cursor::new(&self.topic_id, partition, 0);
        let cursor = Cursor::decode(value.as_deref(), &expected).map_err(|found| RelayError::CorruptCursor {
            topic: self.topics.cursors.clone(),
            partition,
            offset,
            expected: format!("a cursor of version {VERSION}, log {}, partition {partition}", self.topic_id),
            found,
        })?;
        Ok(cursor.next_offset)
    }

    /// One past the last committed record of a partition of the log before its last stable offset: the furthest that any position
    /// can stand. (The high watermark may lie after marks of transactions and aborted records, at which no position ever stands, and
    /// after an open transaction, behind which nothing can have been folded: that is not waited for.)
    ///
    /// # Errors
    /// [`RelayError::Kafka`], to be retried.
    pub fn end_of_log(&self, partition: i32) -> Result<i64, RelayError> {
        let Tail { last, low } = self.tail(&self.topics.orders, partition, End::LastStable)?;
        Ok(last.map_or(low, |(offset, _)| offset + 1))
    }

    /// No cursor: then nothing may have been published either, or the cursor topic was emptied and all would be published
    /// again. (What aborted transactions left does not count: it was never visible.)
    fn check_unpublished(&self, partition: i32) -> Result<(), RelayError> {
        for topic in [&self.topics.outcomes, &self.topics.dead_letters] {
            let Tail { last, low } = self.tail(topic, partition, End::HighWatermark)?;
            if let Some(found) = last.map(|(offset, _)| offset).or((low > 0).then(|| low - 1)) {
                let (topic, published) = (self.topics.cursors.clone(), topic.clone());
                return Err(RelayError::LostCursor { topic, published, partition, found });
            }
        }
        Ok(())
    }

    /// Looks from the end backwards, in growing windows: a compacted topic can be long before it is cleaned.
    fn tail(&self, topic: &str, partition: i32, up_to: End) -> Result<Tail, RelayError> {
        let Watermarks { low, stable, high } = self.watermarks(topic, partition)?;
        let high = match up_to {
            // Everything, also of a transaction that is open: the end of what is committed would stand before somebody else's open
            // transaction, and a cursor of ours after it would not be found. What is open is waited for.
            End::HighWatermark => high,
            // What a client that reads what is committed calls the end.
            End::LastStable => stable,
        };
        let mut window = FIRST_WINDOW;
        loop {
            let start = low.max(high.saturating_sub(window));
            let range = Range { topic, partition, start, end: high, up_to };
            let last = if start < high { self.last_in(range)? } else { None };
            if last.is_some() || start == low {
                return Ok(Tail { last, low });
            }
            window = window.saturating_mul(16);
        }
    }

    /// The last committed record from the start on. It has to be read up to the end: a broker that has just become the leader
    /// can, for a moment, serve less than another has committed, and call that the end.
    fn last_in(&self, range: Range<'_>) -> Result<Last, RelayError> {
        let failed = |cause| self.failed("reading the cursors", cause);
        // For each range its own: assigned anew, a client knows for a moment how far it was in the range before, which is the end.
        let consumer = self.consumer()?;
        let Range { topic, partition, start, end, up_to } = range;
        let mut assignment = TopicPartitionList::new();
        let assigned = assignment.add_partition_offset(topic, partition, Offset::Offset(start));
        assigned.and_then(|()| consumer.assign(&assignment)).map_err(failed)?;
        let begin = Instant::now();
        let mut last = None;
        // What the client said meanwhile, and mends by itself.
        let mut passing = None;
        let mut ended: Option<Instant> = None;
        while begin.elapsed() < READ_LIMIT {
            match consumer.poll(POLL) {
                Some(Ok(message)) => {
                    last = Some((message.offset(), message.payload().map(<[u8]>::to_vec)));
                    // Written since we asked for the end: as true, and newer. While a relay publishes without a pause (a rebuild
                    // reads beside it), neither an end nor a moment without a record may ever come.
                    if message.offset() >= end {
                        return Ok(last);
                    }
                    continue;
                }
                Some(Err(KafkaError::PartitionEOF(_))) => ended = Some(Instant::now()),
                None => {}
                Some(Err(cause)) if fault_of(&cause).passes() => passing = Some(cause),
                Some(Err(cause)) => return Err(failed(cause)),
            }
            // The last offset before an open transaction may be of an aborted one whose mark stands behind it: no position passes it.
            let served = up_to == End::LastStable && ended.is_some_and(|at| at.elapsed() > AFTER_END);
            if served || reached(&consumer, topic, partition, end).map_err(failed)? {
                return Ok(last);
            }
        }
        self.gave_up(range, passing)
    }

    /// The end was not reached in time: by an open transaction, by what the client `said` meanwhile, or for no reason that is known.
    fn gave_up(&self, range: Range<'_>, said: Option<KafkaError>) -> Result<Last, RelayError> {
        let failed = |cause| self.failed("reading the cursors", cause);
        let Range { topic, partition, end, .. } = range;
        let Watermarks { stable, .. } = self.watermarks(topic, partition)?;
        if stable < end {
            return Err(RelayError::Blocked { topic: topic.to_owned(), partition, stable, high: end });
        }
        let timed_out = KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut);
        Err(failed(said.unwrap_or(timed_out)))
    }

    /// Asked as the inspector asks. librdkafka's own call for both ends sends two questions, and the good answer to the second one
    /// overwrites an error of the first (NOT_LEADER_OR_FOLLOWER of a broker that becomes leader in between): then begin and end are both the
    /// end, the topic looks empty, and the cursor lost (findings/librdkafka-watermarks-of-a-new-leader.sh).
    fn watermarks(&self, topic: &str, partition: i32) -> Result<Watermarks, RelayError> {
        let inspector = DroppedAside::new(LogInspector::new(&self.settings)?.with_timeout(READ_LIMIT));
        inspector.watermarks(topic, partition).map_err(|error| match error {
            // The topic was looked for before: a broker that has just started does not know it yet.
            KafkaUseError::MissingTopic { .. } => {
                self.failed("reading the end", KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopicOrPartition))
            }
            error => error.into(),
        })
    }

    fn consumer(&self) -> Result<Client, RelayError> {
        let mut config = self.settings.inspector("read_committed");
        // Positions are always given, so the group is a name only: assign() joins none.
        config
            .set("group.id", "ledger-cursor-reader")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error");
        let client = config.create_with_context(QuietContext::default());
        client.map(DroppedAside::new).map_err(|cause| self.failed("Kafka client settings", cause))
    }

    fn failed(&self, action: &'static str, cause: KafkaError) -> RelayError {
        RelayError::Kafka(ledger_kafka::use_error(self.settings.brokers(), action, cause))
    }
}

/// Whether everything before `end` was consumed. The client moves its position over the marks of transactions, too, and one
/// of them is always the last record of a cursor topic.
fn reached(consumer: &BaseConsumer<QuietContext>, topic: &str, partition: i32, end: i64) -> Result<bool, KafkaError> {
    let positions = consumer.position()?;
    let position = positions.find_partition(topic, partition).map(|found| found.offset());
    Ok(matches!(position, Some(Offset::Offset(next_offset)) if next_offset >= end))
}

#[cfg(test)]
mod tests {
    use rdkafka::ClientConfig;
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

    use super::*;

    /// What a broker answers that becomes the leader in that moment. Several times each: what came of it was a race of two answers.
    #[test]
    fn a_cursor_is_not_lost_because_its_leader_has_just_started() {
        let cluster = MockCluster::new(1).expect("starts");
        cluster.create_topic("cursors", 1, 1).expect("created");
        let brokers = cluster.bootstrap_servers();
        let producer: BaseProducer =
            ClientConfig::new().set("bootstrap.servers", &brokers).create().expect("a producer");
        for next_offset in [40, 41] {
            let cursor = Cursor::new("log", 0, next_offset).encode();
            producer.send(BaseRecord::<(), _>::to("cursors").partition(0).payload(&cursor)).expect("queued");
        }
        producer.flush(READ_LIMIT).expect("appended");
        let settings = KafkaSettings::new(&brokers, "").expect("valid");
        let name = |name: &str| name.to_owned();
        let topics = RelayTopics {
            orders: name("orders"),
            outcomes: name("outcomes"),
            dead_letters: name("dead-letters"),
            cursors: name("cursors"),
        };
        let reader = CursorReader::new(&settings, &topics, "log");
        for passing in [
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE,
        ] {
            for attempt in 0..3 {
                cluster.request_errors(RDKafkaApiKey::ListOffsets, &[passing]);
                assert_eq!(reader.read(0).expect("read"), 41, "{passing:?}, {attempt}");
            }
        }
    }

    #[test]
    fn a_cursor_reads_back_and_nothing_else_does() {
        let cursor = Cursor::new("log", 3, 41);
        assert_eq!(
            String::from_utf8(cursor.encode()).expect("UTF-8"),
            r#"{"version":1,"topic_id":"log","partition":3,"next_offset":41}"#
        );
        let expected = Cursor::new("log", 3, 0);
        assert_eq!(Cursor::decode(Some(&cursor.encode()), &expected), Ok(cursor));
        for (value, found) in [
            (None, "``"),
            (Some(&b"nonsense"[..]), "`nonsense`"),
            (Some(br#"{"version":2,"topic_id":"log","partition":3,"next_offset":41}"#), ""),
            (Some(br#"{"version":1,"topic_id":"other","partition":3,"next_offset":41}"#), ""),
            (Some(br#"{"version":1,"topic_id":"log","partition":4,"next_offset":41}"#), ""),
            (Some(br#"{"version":1,"topic_id":"log","partition":3,"next_offset":-1}"#), ""),
        ] {
            let error = Cursor::decode(value, &expected).expect_err("refused");
            let shown = String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
            assert_eq!(error, if found.is_empty() { format!("`{shown}`") } else { found.to_owned() });
        }
    }
}
