//! Which part of the log an answer is about: the partitions, and where each ends. Refuses what the log does not have.

use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use ledger_fold::Partition;
use ledger_fold::log_safety::{LogRefusal, check_settings};
use ledger_kafka::replay::LogRange;
use ledger_kafka::{KAFKA_TIMEOUT, KafkaSettings, KafkaUseError, LogInspector, QuietContext, ask, use_error};
use ledger_schema::log::Watermarks;
use ledger_schema::partitioner::partition_of;
use projector::blocked::{Blocked, blocked_among};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Message, Offset, TopicPartitionList};

use super::error::AsOfError;
use super::options::{AsOf, AsOfOptions};

/// How long is waited for the first record of a partition, only to name its time in a refusal.
const FIRST_RECORD_TURN: Duration = Duration::from_millis(500);

/// A partition and how much of it is folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    pub partition: Partition,
    /// Exclusive. At most the last stable offset: what stands behind an open transaction may never have been.
    pub end: i64,
}

impl End {
    pub(super) fn range(self) -> LogRange {
        LogRange { partition: self.partition.number, from: 0, to: self.end }
    }

    /// How many records are folded, as far as offsets say.
    pub(super) fn records(self) -> u64 {
        u64::try_from(self.end).expect("the end of a log is no offset below 0")
    }
}

/// Finds them.
///
/// # Errors
/// [`AsOfError`], by what was asked that the log does not have.
pub(super) async fn find(options: &AsOfOptions) -> Result<Vec<End>, AsOfError> {
    let inspector = LogInspector::new(&options.kafka)?;
    let (topic, as_of) = (options.orders_topic.clone(), options.as_of);
    let (product, settings) = (options.product.clone(), options.kafka.clone());
    ask(move || {
        let count = inspector.partition_count(&topic)?;
        let own = product.as_ref().map(|product| partition_of(product.as_str().as_bytes(), count));
        if let AsOf::Record(position) = as_of {
            if position.partition >= count {
                return Err(AsOfError::NoPartition { topic, position, partitions: count });
            }
            if let Some((expected, product)) = own.zip(product).filter(|(own, _)| *own != position.partition) {
                return Err(AsOfError::OtherPartition { product, expected, position });
            }
        }
        let only = match as_of {
            AsOf::Record(position) => Some(position.partition),
            AsOf::Now | AsOf::Time(_) => own,
        };
        let partitions: Vec<i32> = (0..count).filter(|number| only.is_none_or(|only| only == *number)).collect();
        check_settings(&topic, &inspector.settings(&topic)?)?;
        let marks = inspector.watermarks_of(&topic, &partitions)?;
        let blocked = blocked_among(&settings, &topic, &marks)?;
        let mut ends = Vec::new();
        for (number, Watermarks { low, stable, .. }) in marks {
            if low != 0 {
                return Err(LogRefusal::BeginningGone { topic, partition: number, found: low }.into());
            }
            ends.push(End { partition: Partition { number, count }, end: stable });
        }
        name(&topic, as_of, &blocked)?;
        cut(&settings, &inspector, topic, as_of, ends)
    })
    .await
}

/// Says what an open transaction blocks, where the answer may lack it; refuses a record that stands behind one.
fn name(topic: &str, as_of: AsOf, blocked: &[Blocked]) -> Result<(), AsOfError> {
    for blocked in blocked {
        match as_of {
            AsOf::Record(position) if position.offset < blocked.stable_offset => {}
            AsOf::Record(position) if position.offset < blocked.end_offset => {
                return Err(AsOfError::BehindTransaction { topic: topic.to_owned(), position, blocked: *blocked });
            }
            _ => tracing::warn!("{topic} {blocked}; the answer is of what stands before it"),
        }
    }
    Ok(())
}

/// Takes off what lies after `as_of`.
fn cut(
    settings: &KafkaSettings,
    inspector: &LogInspector,
    topic: String,
    as_of: AsOf,
    mut ends: Vec<End>,
) -> Result<Vec<End>, AsOfError> {
    match as_of {
        AsOf::Now => {}
        AsOf::Record(position) => {
            for found in &mut ends {
                if position.offset >= found.end {
                    return Err(AsOfError::BeyondTheLog { topic, position, end: found.end });
                }
                found.end = position.offset + 1;
            }
        }
        AsOf::Time(time) if time > Utc::now() => return Err(AsOfError::Future { time: as_of }),
        AsOf::Time(time) => {
            let partitions: Vec<i32> = ends.iter().map(|end| end.partition.number).collect();
            // Kafka counts milliseconds. The first record that is later ends what counts as "up to then".
            let later = inspector.offsets_from(&topic, &partitions, time.timestamp_millis() + 1)?;
            let had_records = ends.iter().any(|found| found.end > 0);
            for found in &mut ends {
                found.end = later.get(&found.partition.number).map_or(found.end, |later| found.end.min(*later));
            }
            if had_records && ends.iter().all(|found| found.end == 0) {
                let first = first_time(settings, &topic, &partitions)?.and_then(DateTime::from_timestamp_millis);
                let first =
                    first.map_or("a later time".to_owned(), |first| first.to_rfc3339_opts(SecondsFormat::Millis, true));
                return Err(AsOfError::BeforeTheLog { topic, time: as_of, first });
            }
        }
    }
    Ok(ends)
}

/// Kafka's time of the first record, in milliseconds since 1970, where one of the partitions has a record with a time.
fn first_time(settings: &KafkaSettings, topic: &str, partitions: &[i32]) -> Result<Option<i64>, KafkaUseError> {
    let failed = |cause| use_error(settings.brokers(), "reading the first records", cause);
    let mut config = settings.inspector("read_committed");
    // A name only: who assigns by itself joins no group.
    config.set("group.id", "ledger-first-time").set("enable.auto.commit", "false").set("auto.offset.reset", "error");
    let client: BaseConsumer<QuietContext> = config.create_with_context(QuietContext::default()).map_err(failed)?;
    let begun = Instant::now();
    let mut first = None;
    for partition in partitions {
        let mut assignment = TopicPartitionList::new();
        let added = assignment.add_partition_offset(topic, *partition, Offset::Offset(0));
        added.and_then(|()| client.assign(&assignment)).map_err(failed)?;
        // An empty partition says nothing; its turn is short.
        let turn = Instant::now();
        while turn.elapsed() < FIRST_RECORD_TURN && begun.elapsed() < KAFKA_TIMEOUT {
            if let Some(Ok(message)) = client.poll(FIRST_RECORD_TURN) {
                let time = message.timestamp().to_millis();
                first = time.map(|time| first.map_or(time, |first: i64| first.min(time))).or(first);
                break;
            }
        }
    }
    Ok(first)
}
