//! Topics of the old world, and what old services and connectors write to them. It must never write to the log.

use std::time::Instant;

use rdkafka::ClientConfig;
use rdkafka::TopicPartitionList;
use rdkafka::admin::{AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};

use super::{LIMIT, TIMESTAMP_MS, World};
use crate::setting::{grow, until_applied};

impl World {
    /// Creates a topic of the old world and answers its name.
    pub(in crate::import) async fn old_topic(&self, which: &str, partitions: i32) -> String {
        let name = self.topic(which);
        let topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
        let created = self.admin().create_topics(&[topic], &AdminOptions::new()).await.expect("Kafka answers");
        assert!(created.iter().all(Result::is_ok), "{created:?}");
        until_applied(&self.kafka(), &name, &[]);
        name
    }

    /// Deletes what is before `offset`, as an expiring topic does.
    pub(in crate::import) async fn expire(&self, topic: &str, partition: i32, offset: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, rdkafka::Offset::Offset(offset)).expect("an offset");
        self.admin().delete_records(&list, &AdminOptions::new()).await.expect("Kafka answers");
    }

    /// Appends to the old topic as old services did: without a key.
    pub(in crate::import) async fn produce(&self, topic: &str, partition: i32, values: &[Option<&str>]) {
        let producer: FutureProducer =
            ClientConfig::new().set("bootstrap.servers", &self.brokers).create().expect("a producer");
        for value in values {
            let record = FutureRecord::<(), str>::to(topic).partition(partition).timestamp(TIMESTAMP_MS);
            let record = FutureRecord { payload: *value, ..record };
            producer.send(record, LIMIT).await.expect("delivered");
        }
    }

    /// As [`Self::produce`], one record with a header.
    pub(in crate::import) async fn produce_with_header(&self, topic: &str, (key, header): (&str, &str), value: &str) {
        let producer: FutureProducer =
            ClientConfig::new().set("bootstrap.servers", &self.brokers).create().expect("a producer");
        let headers = OwnedHeaders::new().insert(Header { key, value: Some(header) });
        let record = FutureRecord::<(), str>::to(topic).partition(0).timestamp(TIMESTAMP_MS).payload(value);
        producer.send(record.headers(headers), LIMIT).await.expect("delivered");
    }

    /// As [`Self::produce`], with keys.
    pub(in crate::import) async fn produce_keyed(&self, topic: &str, partition: i32, records: &[(&str, &str)]) {
        let producer: FutureProducer =
            ClientConfig::new().set("bootstrap.servers", &self.brokers).create().expect("a producer");
        for (key, value) in records {
            let record = FutureRecord::to(topic).partition(partition).timestamp(TIMESTAMP_MS).key(*key).payload(*value);
            producer.send(record, LIMIT).await.expect("delivered");
        }
    }

    /// Deletes an old topic, and makes one of the same name.
    pub(in crate::import) async fn make_anew(&self, which: &str, partitions: i32) {
        let name = self.topic(which);
        let deleted = self.admin().delete_topics(&[&name], &AdminOptions::new()).await.expect("Kafka answers");
        assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
        let started = Instant::now();
        loop {
            let topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
            let created = self.admin().create_topics(&[topic], &AdminOptions::new()).await.expect("Kafka answers");
            if created.iter().all(Result::is_ok) {
                return until_applied(&self.kafka(), &name, &[]);
            }
            assert!(started.elapsed() < LIMIT, "{created:?}");
        }
    }

    /// Gives an old topic more partitions.
    pub(in crate::import) async fn grow(&self, topic: &str, partitions: i32) {
        grow(&self.kafka(), topic, partitions).await;
    }

    /// Sets an old topic to be compacted.
    pub(in crate::import) async fn compact(&self, topic: &str) {
        let config = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("cleanup.policy", "compact");
        let altered = self.admin().alter_configs(&[config], &AdminOptions::new()).await.expect("Kafka answers");
        assert!(altered.iter().all(Result::is_ok), "{altered:?}");
        until_applied(&self.kafka(), topic, &[("cleanup.policy", "compact")]);
    }

    /// Appends in a transaction that stays open until it is ended through what is given back.
    pub(in crate::import) async fn open_transaction(&self, topic: &str, value: &str) -> FutureProducer {
        let producer: FutureProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("transactional.id", format!("{topic}-open"))
            // Should the test die, the broker ends it.
            .set("transaction.timeout.ms", "120000")
            .create()
            .expect("a producer");
        producer.init_transactions(LIMIT).expect("Kafka answers");
        producer.begin_transaction().expect("a transaction");
        let record = FutureRecord::<(), str>::to(topic).partition(0).payload(value);
        producer.send(record, LIMIT).await.expect("delivered");
        producer
    }

    /// Appends in transactions, so that the topic has markers: first one that is taken back, then one that stands.
    pub(in crate::import) async fn produce_in_transactions(&self, topic: &str, aborted: &str, committed: &str) {
        let producer: FutureProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("transactional.id", topic)
            .create()
            .expect("a producer");
        producer.init_transactions(LIMIT).expect("Kafka answers");
        for (value, stands) in [(aborted, false), (committed, true)] {
            producer.begin_transaction().expect("a transaction");
            let record = FutureRecord::<(), str>::to(topic).partition(0).payload(value);
            producer.send(record, LIMIT).await.expect("delivered");
            let ended = if stands { producer.commit_transaction(LIMIT) } else { producer.abort_transaction(LIMIT) };
            ended.expect("Kafka answers");
        }
    }
}
