//! The log as a client sees it, and the relay, played.

use ledger_kafka::{KafkaSettings, LogInspector};
use ledger_schema::Position;
use ledger_schema::log::LogIdentity;
use ledger_schema::wire::Outcome;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::OwnedMessage;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::{PARTITIONS, PATIENCE, World, eventually};

impl World {
    /// How many records the topic holds.
    pub(crate) fn records(&self) -> i64 {
        let consumer = self.consumer();
        (0..PARTITIONS)
            .map(|partition| {
                let (low, high) = consumer.fetch_watermarks(&self.topic, partition, PATIENCE).expect("watermarks");
                assert_eq!(low, 0);
                high
            })
            .sum()
    }

    /// The end of one partition.
    pub(crate) fn end_of(&self, partition: i32) -> i64 {
        self.consumer().fetch_watermarks(&self.topic, partition, PATIENCE).expect("watermarks").1
    }

    /// What makes the log that log, as Kafka says now. Blocks.
    pub(crate) fn identity(&self) -> LogIdentity {
        let kafka = KafkaSettings::new(&self.brokers, "").expect("valid");
        LogInspector::new(&kafka).and_then(|inspector| inspector.identity(&self.topic)).expect("Kafka answers")
    }

    /// Sets the log's settings, and those that are not named to what `ledger migrate` makes them, once the broker has taken them.
    pub(crate) async fn configure(&self, settings: &[(&str, &str)]) {
        let usual = [("retention.ms", "-1"), ("message.timestamp.type", "LogAppendTime"), ("cleanup.policy", "delete")];
        let named = |name: &str| settings.iter().any(|(other, _)| *other == name);
        let wanted: Vec<_> =
            settings.iter().copied().chain(usual.into_iter().filter(|(name, _)| !named(name))).collect();
        let change = wanted
            .iter()
            .fold(AlterConfig::new(ResourceSpecifier::Topic(&self.topic)), |all, (key, value)| all.set(key, value));
        let done = self.admin().alter_configs([&change], &AdminOptions::new()).await.expect("Kafka answers");
        assert!(done.iter().all(Result::is_ok), "{done:?}");
        let kafka = KafkaSettings::new(&self.brokers, "").expect("valid");
        let inspector = LogInspector::new(&kafka).expect("valid");
        eventually("the settings are taken", async || {
            let found = inspector.settings(&self.topic).expect("Kafka answers");
            wanted.iter().all(|(key, value)| found.get(key) == Some(value)).then_some(())
        })
        .await;
    }

    /// The log is deleted, and made anew under its name.
    pub(crate) async fn recreate(&self) {
        self.recreate_topic(&self.topic).await;
    }

    /// A topic is deleted, and made anew under its name.
    pub(crate) async fn recreate_topic(&self, topic: &str) {
        let kafka = KafkaSettings::new(&self.brokers, "").expect("valid");
        let inspector = LogInspector::new(&kafka).expect("valid");
        let before = inspector.identity(topic).expect("Kafka answers").topic_id;
        let deleted = self.admin().delete_topics(&[topic], &AdminOptions::new()).await.expect("Kafka answers");
        assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
        let new = keeping(NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1)));
        // The name is free a little later.
        eventually("the topic is made anew", async || {
            let made = self.admin().create_topics([&new], &AdminOptions::new()).await.expect("Kafka answers");
            made.iter().all(Result::is_ok).then_some(())
        })
        .await;
        eventually("the new topic is known", async || {
            inspector.identity(topic).ok().filter(|found| found.topic_id != before)
        })
        .await;
    }

    /// The topic of outcomes keeps nothing before its present ends.
    pub(crate) async fn delete_outcomes(&self) {
        let mut all = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            all.add_partition_offset(&self.outcomes_topic, partition, Offset::End).expect("an offset");
        }
        self.admin().delete_records(&all, &AdminOptions::new()).await.expect("deleted");
    }

    pub(crate) fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new().set("bootstrap.servers", &self.brokers).create().expect("an admin client")
    }

    fn consumer(&self) -> BaseConsumer {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers).set("group.id", "rest-tests").set("enable.auto.commit", "false");
        config.create().expect("a consumer")
    }

    /// The record at a position.
    pub(crate) fn record(&self, position: Position) -> OwnedMessage {
        let consumer = self.consumer();
        let mut assignment = TopicPartitionList::new();
        assignment
            .add_partition_offset(&self.topic, position.partition, Offset::Offset(position.offset))
            .expect("an offset");
        consumer.assign(&assignment).expect("assigned");
        consumer.poll(PATIENCE).expect("a record in time").expect("a record").detach()
    }

    /// A producer of outcomes.
    pub(crate) fn producer(&self, more: &[(&str, &str)]) -> ThreadedProducer<DefaultProducerContext> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers).set("linger.ms", "0");
        for (name, value) in more {
            config.set(*name, *value);
        }
        config.create_with_context(DefaultProducerContext).expect("a producer")
    }

    /// The relay published these values.
    pub(crate) fn publish_values(&self, partition: i32, values: &[&[u8]]) {
        let producer = self.producer(&[]);
        send(&producer, &self.outcomes_topic, partition, values);
        producer.flush(PATIENCE).expect("published");
    }

    /// Another writer appended so many records to a partition of the log.
    pub(crate) fn fill(&self, partition: i32, count: usize) {
        let producer = self.producer(&[]);
        send(&producer, &self.topic, partition, &vec![&b"filler"[..]; count]);
        producer.flush(PATIENCE).expect("appended");
    }

    /// The relay published an outcome, into its cause's partition.
    pub(crate) fn publish(&self, outcome: &Outcome) {
        let event_id: ledger_schema::EventId = outcome.event_id().parse().expect("an event id");
        self.publish_values(event_id.cause.partition, &[&outcome.encode()]);
    }
}

/// Hands values over to a producer.
pub(crate) fn send(producer: &ThreadedProducer<DefaultProducerContext>, topic: &str, partition: i32, values: &[&[u8]]) {
    for value in values {
        let record: BaseRecord<'_, str, [u8]> = BaseRecord::to(topic).partition(partition).payload(value);
        assert!(producer.send(record).is_ok(), "the queue has room");
    }
}

/// As `ledger migrate` makes it.
fn keeping(topic: NewTopic<'_>) -> NewTopic<'_> {
    topic.set("retention.ms", "-1").set("message.timestamp.type", "LogAppendTime")
}

/// Creates topics of these names and partition counts.
pub(crate) async fn create_topics(brokers: &str, topics: &[(&str, i32)]) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().expect("an admin client");
    let specs: Vec<_> =
        topics.iter().map(|(name, count)| keeping(NewTopic::new(name, *count, TopicReplication::Fixed(1)))).collect();
    let created = admin.create_topics(&specs, &AdminOptions::new()).await.expect("topics can be created");
    for topic in created {
        topic.expect("the topic is new");
    }
    // The controller answers before the broker knows.
    for (name, count) in topics {
        eventually("the topic is served", async || {
            let metadata = admin.inner().fetch_metadata(None, PATIENCE).expect("metadata");
            let found = metadata.topics().iter().find(|found| found.name() == *name)?;
            (i32::try_from(found.partitions().iter().filter(|part| part.leader() >= 0).count()) == Ok(*count))
                .then_some(())
        })
        .await;
    }
}
