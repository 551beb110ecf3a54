//! What readers of committed records see on the topics that the projector writes.

use std::collections::BTreeMap;
use std::time::Instant;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::setting::{LIMIT, Setting};

/// A published record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) offset: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Published {
    /// The last header of that name, as text.
    pub(crate) fn header(&self, name: &str) -> String {
        let found = self.headers.iter().rev().find(|(found, _)| found == name).and_then(|(_, value)| value.clone());
        String::from_utf8(found.unwrap_or_else(|| b"(none)".to_vec())).expect("text")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(self.value.as_deref().unwrap_or_default()).expect("JSON")
    }
}

pub(crate) fn client(setting: &Setting) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", setting.variable("LEDGER_KAFKA_BROKERS"));
    config
}

/// All committed records of a partition, once there are at least `count`.
pub(crate) fn published(setting: &Setting, which: &str, partition: i32, count: usize) -> Vec<Published> {
    let consumer: BaseConsumer = client(setting)
        .set("group.id", "reader")
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()
        .expect("a consumer");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&setting.topic(which), partition, Offset::Beginning).expect("an offset");
    consumer.assign(&list).expect("assigned");
    let started = Instant::now();
    let mut found = Vec::new();
    loop {
        assert!(started.elapsed() < LIMIT, "{which} {partition} of {}: still {found:?}", setting.name);
        match consumer.poll(LIMIT) {
            Some(Ok(message)) => found.push(Published {
                offset: message.offset(),
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
                headers: message.headers().map_or_else(Vec::new, |headers| {
                    headers.iter().map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect()
                }),
            }),
            Some(Err(KafkaError::PartitionEOF(_))) if found.len() >= count => return found,
            Some(Err(KafkaError::PartitionEOF(_))) | None => {}
            Some(Err(error)) => panic!("{error}"),
        }
    }
}

/// Event ids of the outcomes of a partition.
pub(crate) fn event_ids(setting: &Setting, partition: i32, count: usize) -> Vec<String> {
    published(setting, "outcomes", partition, count).iter().map(|record| record.header("ce_id")).collect()
}

/// Appends a record to one of the setting's topics, outside any transaction.
pub(crate) async fn produce(setting: &Setting, which: &str, partition: i32, key: &str, value: &[u8]) {
    let producer: FutureProducer = client(setting).create().expect("a producer");
    let topic = setting.topic(which);
    let record = FutureRecord::to(&topic).partition(partition).key(key).payload(value);
    producer.send(record, LIMIT).await.expect("delivered");
}

/// Waits until the outbox is empty: everything is published and pruned.
pub(crate) async fn all_published(setting: &Setting) {
    setting.until("SELECT COUNT(*) FROM outbox", |rows| rows == 0).await;
}

/// Headers by name, for those that do not repeat.
pub(crate) fn by_name(record: &Published) -> BTreeMap<&str, &[u8]> {
    record.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref().unwrap_or_default())).collect()
}
