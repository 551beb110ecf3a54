//! Reads a whole topic as it lies in Kafka, committed records only.
//!
//! It must never skip a record or take a part of the topic for all of it: what cannot be read to its end is an error.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};

const CALL_LIMIT: Duration = Duration::from_secs(10);
const READ_LIMIT: Duration = Duration::from_secs(120);

/// One record, bytes as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRecord {
    pub offset: i64,
    /// Kafka's time, milliseconds since 1970; none is not 0.
    pub time_ms: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// A topic's records by partition, in order of offset.
#[derive(Debug, Default)]
pub struct RawLog {
    pub partitions: BTreeMap<i32, Vec<RawRecord>>,
}

impl RawLog {
    pub fn record_count(&self) -> usize {
        self.partitions.values().map(Vec::len).sum()
    }
}

/// Reads every partition to the end it has now.
///
/// # Errors
/// When the topic is not there, its beginning is gone, or it cannot be read in two minutes.
pub fn read_all(brokers: &str, topic: &str) -> Result<RawLog> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "auditor-without-a-group")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "error")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .create()?;
    let metadata = consumer.fetch_metadata(Some(topic), CALL_LIMIT)?;
    let partition_count = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
    ensure!(partition_count > 0, "topic {topic} is not there");
    let mut log = RawLog::default();
    let mut assignment = TopicPartitionList::new();
    for partition in 0..i32::try_from(partition_count)? {
        // Where the beginning is gone, the broker refuses this offset, and that is an error.
        assignment.add_partition_offset(topic, partition, Offset::Offset(0))?;
        log.partitions.insert(partition, Vec::new());
    }
    consumer.assign(&assignment)?;
    read_assigned(&consumer, &mut log, partition_count)?;
    Ok(log)
}

fn read_assigned(consumer: &BaseConsumer, log: &mut RawLog, partition_count: usize) -> Result<()> {
    let begin = Instant::now();
    let mut ended = 0;
    while ended < partition_count {
        ensure!(begin.elapsed() < READ_LIMIT, "the topic could not be read in {READ_LIMIT:?}");
        match consumer.poll(Duration::from_millis(100)) {
            None => {}
            Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
            Some(Err(error)) => bail!("cannot read the topic: {error}"),
            Some(Ok(message)) => {
                let headers = message.headers().map(|headers| {
                    headers.iter().map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect()
                });
                let record = RawRecord {
                    offset: message.offset(),
                    time_ms: message.timestamp().to_millis(),
                    key: message.key().map(<[u8]>::to_vec),
                    value: message.payload().map(<[u8]>::to_vec),
                    headers: headers.unwrap_or_default(),
                };
                let records =
                    log.partitions.get_mut(&message.partition()).context("a partition that was not assigned")?;
                records.push(record);
            }
        }
    }
    Ok(())
}
