//! The first record of a range of each partition, without reading the rest: whether anything is left there at all, and since when.
//! Offsets alone cannot say it: marks of transactions and aborted records have offsets, too, and nobody is ever given them. It
//! blocks: run it on a thread. Read next: `replay.rs`, which reads whole ranges.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use crate::context::QuietContext;
use crate::disposal::DroppedAside;
use crate::error::{KafkaUseError, settings_refused, use_error};
use crate::faults::fault_of;
use crate::replay::LogRange;
use crate::settings::KafkaSettings;

const POLL: Duration = Duration::from_millis(20);
/// How long a record may still come after the end of what is served was met.
const AFTER_END: Duration = Duration::from_millis(500);
const ACTION: &str = "reading the first record that is left";

type Client = DroppedAside<BaseConsumer<QuietContext>>;

/// Which records count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Records {
    /// Those that a fold is given. A range must not reach beyond the last stable offset.
    Committed,
    /// Those of open transactions, too.
    Written,
}

/// The first record of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstRecord {
    pub offset: i64,
    /// Its time in milliseconds since 1970, if it has one: the producer's, or the broker's where the topic says so.
    pub millis: Option<i64>,
}

/// What a range holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    Record(FirstRecord),
    /// No record, and there never will be one.
    Nothing,
    /// No record, as far as the broker serves the range now. Where its last offset is of a transaction that was aborted, and whose mark
    /// stands behind a transaction that is open, the client's position stays before the end.
    NothingYet,
}

/// What each range holds, at most one range of each partition. The client is made for this one question and dropped: an earlier
/// question's place could otherwise pass for an answer.
///
/// # Errors
/// [`KafkaUseError`]; also when no answer was complete within `timeout`.
pub fn first_records(
    settings: &KafkaSettings,
    topic: &str,
    ranges: &[LogRange],
    records: Records,
    timeout: Duration,
) -> Result<BTreeMap<i32, Left>, KafkaUseError> {
    let failed = |cause| use_error(settings.brokers(), ACTION, cause);
    let (open, empty): (Vec<_>, Vec<_>) = ranges.iter().copied().partition(|range| range.from < range.to);
    let found = empty.iter().map(|range| (range.partition, Left::Nothing)).collect();
    if open.is_empty() {
        return Ok(found);
    }
    let client = client(settings, records)?;
    let mut assignment = TopicPartitionList::new();
    for range in &open {
        let added = assignment.add_partition_offset(topic, range.partition, Offset::Offset(range.from));
        added.map_err(failed)?;
    }
    client.assign(&assignment).map_err(failed)?;
    let open = open.iter().map(|range| (range.partition, Open { to: range.to, ended: None })).collect();
    let mut question = Question { client, topic, open, found };
    let begun = Instant::now();
    while !question.open.is_empty() {
        if begun.elapsed() > timeout {
            return Err(failed(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut)));
        }
        question.step().map_err(failed)?;
    }
    Ok(question.found)
}

/// A range without an answer.
struct Open {
    to: i64,
    /// When the client met the end of what it is served.
    ended: Option<Instant>,
}

struct Question<'a> {
    client: Client,
    topic: &'a str,
    open: BTreeMap<i32, Open>,
    found: BTreeMap<i32, Left>,
}

impl Question<'_> {
    fn step(&mut self) -> Result<(), KafkaError> {
        let (partition, record) = match self.client.poll(POLL) {
            Some(Ok(message)) => {
                let (offset, millis) = (message.offset(), message.timestamp().to_millis());
                (message.partition(), FirstRecord { offset, millis })
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                if let Some(open) = self.open.get_mut(&partition) {
                    open.ended = Some(Instant::now());
                }
                return self.look();
            }
            None => return self.look(),
            Some(Err(cause)) if fault_of(&cause).passes() => return Ok(()),
            Some(Err(cause)) => return Err(cause),
        };
        if let Some(Open { to, .. }) = self.open.remove(&partition) {
            self.found.insert(partition, if record.offset < to { Left::Record(record) } else { Left::Nothing });
            let mut list = TopicPartitionList::new();
            list.add_partition(self.topic, partition);
            self.client.pause(&list)?;
        }
        Ok(())
    }

    /// Whether the client's position has passed a range. That it met an end is not as much: a broker that has just become the
    /// leader can, for a moment, serve less than another has committed.
    fn look(&mut self) -> Result<(), KafkaError> {
        let positions = self.client.position()?;
        let (topic, found) = (self.topic, &mut self.found);
        self.open.retain(|partition, Open { to, ended }| {
            let position = positions.find_partition(topic, *partition).map(|found| found.offset());
            let left = match position {
                Some(Offset::Offset(next_offset)) if next_offset >= *to => Left::Nothing,
                _ if ended.is_some_and(|at| at.elapsed() > AFTER_END) => Left::NothingYet,
                _ => return true,
            };
            found.insert(*partition, left);
            false
        });
        Ok(())
    }
}

fn client(settings: &KafkaSettings, records: Records) -> Result<Client, KafkaUseError> {
    let isolation_level = match records {
        Records::Committed => "read_committed",
        Records::Written => "read_uncommitted",
    };
    let mut config = settings.client("ledger-tail");
    config
        // A name only: who assigns by itself joins no group.
        .set("group.id", "ledger-tail")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("allow.auto.create.topics", "false")
        .set("auto.offset.reset", "error")
        .set("isolation.level", isolation_level)
        .set("enable.partition.eof", "true")
        // One record is wanted, so little is fetched, nothing ahead, and an end is told at once.
        .set("queued.min.messages", "1")
        .set("queued.max.messages.kbytes", "64")
        .set("fetch.message.max.bytes", "16384")
        .set("fetch.wait.max.ms", "10");
    config.create_with_context(QuietContext::default()).map(DroppedAside::new).map_err(settings_refused)
}
