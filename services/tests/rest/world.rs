//! A database, topics, a service, and a projector that is played by SQL and by outcomes.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use clap::Parser;
use http_body_util::BodyExt;
use ledger_schema::Position;
use ledger_schema::wire::{OrderConfirmed, OrderRejected, Outcome};
use order_service::service::Service;
use order_service::settings::Settings;
use order_service::start::StartError;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::OwnedMessage;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::{AssertSqlSafe, MySqlPool};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use uuid::Uuid;

pub(crate) const PARTITIONS: i32 = 4;
/// Long enough that a busy machine is no failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test`"))
}

pub(crate) struct World {
    pub(crate) topic: String,
    pub(crate) outcomes_topic: String,
    pub(crate) brokers: String,
    pub(crate) database: String,
    pub(crate) database_url: String,
    pub(crate) sql: MySqlPool,
    pub(crate) stop: CancellationToken,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("JSON: {}", String::from_utf8_lossy(&self.bytes)))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// The last segment of a problem's type, after checking that it is a whole problem.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let json = self.json();
        assert_eq!(json["status"], self.status);
        assert!(!json["title"].as_str().expect("a title").is_empty());
        assert!(!json["detail"].as_str().expect("a detail").is_empty());
        assert_eq!(self.headers.contains_key("retry-after"), self.status == 503);
        json["type"].as_str().and_then(|text| text.strip_prefix("/problems/")).expect("a type").to_owned()
    }

    /// The fields that the problem names.
    pub(crate) fn fields(&self) -> Vec<String> {
        let json = self.json();
        let errors = json["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["field"].as_str().expect("a field").to_owned()).collect()
    }

    pub(crate) fn position(&self) -> Position {
        self.json()["position"].as_str().expect("a position").parse().expect("PARTITION:OFFSET")
    }
}

impl World {
    /// A database with the schema, and topics of its own names.
    pub(crate) async fn new() -> Self {
        let brokers = variable("LEDGER_TEST_KAFKA_BROKERS");
        let topic = format!("rest-{}", Uuid::now_v7().simple());
        create_topics(&brokers, &[(&topic, PARTITIONS), (&format!("{topic}.outcomes"), PARTITIONS)]).await;
        Self::with_kafka(brokers, topic).await
    }

    /// The same with brokers of the caller's.
    pub(crate) async fn with_kafka(brokers: String, topic: String) -> Self {
        let admin_url = variable("LEDGER_TEST_ADMIN_DATABASE_URL");
        let database = format!("rest_{}", Uuid::now_v7().simple());
        let options: MySqlConnectOptions = admin_url.parse().expect("a database URL");
        let admin = MySqlPool::connect_with(options.clone()).await.expect("MariaDB is up");
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {database}"))).execute(&admin).await.expect("created");
        admin.close().await;
        let sql = MySqlPoolOptions::new()
            .max_connections(3)
            .connect_with(options.database(&database))
            .await
            .expect("the new database");
        let migrations = concat!(env!("CARGO_MANIFEST_DIR"), "/../schema/migrations");
        let mut files: Vec<_> =
            std::fs::read_dir(migrations).expect("migrations").map(|entry| entry.expect("an entry").path()).collect();
        files.sort();
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a migration");
            sqlx::raw_sql(AssertSqlSafe(text)).execute(&sql).await.unwrap_or_else(|error| panic!("{file:?}: {error}"));
        }
        let database_url = format!("{}/{database}", admin_url.trim_end_matches('/'));
        let outcomes_topic = format!("{topic}.outcomes");
        Self { topic, outcomes_topic, brokers, database, database_url, sql, stop: CancellationToken::new() }
    }

    /// The settings of a service of this world; `more` are flags that win.
    pub(crate) fn settings(&self, more: &[&str]) -> Settings {
        let mut arguments = vec!["order-service", "--log", "warn"];
        let flags = [
            ("--kafka-brokers", self.brokers.as_str()),
            ("--orders-topic", &self.topic),
            ("--outcomes-topic", &self.outcomes_topic),
            ("--reader-database-url", &self.database_url),
        ];
        for (flag, value) in flags {
            if !more.contains(&flag) {
                arguments.extend([flag, value]);
            }
        }
        arguments.extend(more);
        Settings::try_parse_from(arguments).expect("valid settings")
    }

    pub(crate) async fn start(&self, more: &[&str]) -> Result<Service, StartError> {
        Service::start(self.settings(more), self.stop.clone()).await
    }

    pub(crate) async fn router(&self, more: &[&str]) -> Router {
        self.start(more).await.expect("the service starts").router()
    }

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

    fn cluster_id(&self) -> String {
        self.consumer().client().fetch_cluster_id(PATIENCE).expect("a cluster id")
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

    /// The relay published an outcome, into its cause's partition.
    pub(crate) fn publish(&self, outcome: &Outcome) {
        let event_id: ledger_schema::EventId = outcome.event_id().parse().expect("an event id");
        self.publish_values(event_id.cause.partition, &[&outcome.encode()]);
    }

    /// The projector has passed `position`.
    pub(crate) async fn pass(&self, position: Position) {
        sqlx::query(
            "INSERT INTO positions (topic, kafka_partition, next_offset, cluster_id, topic_id, partition_count) \
             VALUES (?, ?, ?, ?, 't', ?) ON DUPLICATE KEY UPDATE next_offset = VALUES(next_offset)",
        )
        .bind(&self.topic)
        .bind(position.partition)
        .bind(position.offset + 1)
        .bind(self.cluster_id())
        .bind(PARTITIONS)
        .execute(&self.sql)
        .await
        .expect("positions");
    }

    /// The projector decided an order as `row` says.
    pub(crate) async fn decide(&self, row: &OrderLine<'_>) {
        sqlx::query(
            "INSERT INTO orders (order_id, kafka_partition, line_no, kafka_offset, user_id, product_id, quantity, \
             unit_price, total_price, status, reason, placed_at) VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(row.order_id)
        .bind(row.position.partition)
        .bind(row.position.offset)
        .bind(row.user_id)
        .bind(row.product_id)
        .bind(row.quantity)
        .bind(row.unit_price)
        .bind(row.quantity * row.unit_price)
        .bind(if row.reason.is_some() { "rejected" } else { "confirmed" })
        .bind(row.reason)
        .bind(row.placed_at)
        .execute(&self.sql)
        .await
        .expect("orders");
    }

    /// The projector decided a movement.
    pub(crate) async fn decide_movement(
        &self,
        id: Uuid,
        at: Position,
        row: (&str, &str, i64, Option<&str>, Option<&str>),
    ) {
        let (product_id, kind, delta, note, reason) = row;
        sqlx::query(
            "INSERT INTO stock_movements (movement_id, kafka_partition, kafka_offset, product_id, kind, delta, status, \
             reason, note, occurred_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '2026-11-23 10:00:00')",
        )
        .bind(id)
        .bind(at.partition)
        .bind(at.offset)
        .bind(product_id)
        .bind(kind)
        .bind(delta)
        .bind(if reason.is_some() { "rejected" } else { "confirmed" })
        .bind(reason)
        .bind(note)
        .execute(&self.sql)
        .await
        .expect("stock_movements");
    }

    pub(crate) async fn stock(&self, product_id: &str, available: i64, at: Position) {
        sqlx::query(
            "INSERT INTO stock (product_id, available, kafka_partition, kafka_offset) VALUES (?, ?, ?, ?) \
             ON DUPLICATE KEY UPDATE available = VALUES(available), kafka_offset = VALUES(kafka_offset)",
        )
        .bind(product_id)
        .bind(available)
        .bind(at.partition)
        .bind(at.offset)
        .execute(&self.sql)
        .await
        .expect("stock");
    }

    pub(crate) async fn park(&self, at: Position, reason: &str) {
        sqlx::query(
            "INSERT INTO dead_letters (kafka_partition, kafka_offset, reason, detail, message_headers) \
             VALUES (?, ?, ?, '', '[]')",
        )
        .bind(at.partition)
        .bind(at.offset)
        .bind(reason)
        .execute(&self.sql)
        .await
        .expect("dead_letters");
    }
}

impl Drop for World {
    /// Also after a failed assertion, so it cannot be async: a thread with a runtime of its own.
    fn drop(&mut self) {
        self.stop.cancel();
        let statement = format!("DROP DATABASE IF EXISTS {}", self.database);
        let url = variable("LEDGER_TEST_ADMIN_DATABASE_URL");
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let pool = MySqlPool::connect(&url).await?;
                sqlx::raw_sql(AssertSqlSafe(statement)).execute(&pool).await
            })
        });
        let dropped = dropped.join().expect("no panic");
        if !std::thread::panicking() {
            dropped.expect("the database is dropped");
        }
    }
}

/// Hands values over to a producer.
pub(crate) fn send(producer: &ThreadedProducer<DefaultProducerContext>, topic: &str, partition: i32, values: &[&[u8]]) {
    for value in values {
        let record: BaseRecord<'_, str, [u8]> = BaseRecord::to(topic).partition(partition).payload(value);
        assert!(producer.send(record).is_ok(), "the queue has room");
    }
}

/// Creates topics of these names and partition counts.
pub(crate) async fn create_topics(brokers: &str, topics: &[(&str, i32)]) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().expect("an admin client");
    let specs: Vec<_> =
        topics.iter().map(|(name, count)| NewTopic::new(name, *count, TopicReplication::Fixed(1))).collect();
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

/// The value of a metric without labels, or with them as Prometheus writes them.
pub(crate) async fn metric(router: &Router, name: &str) -> u64 {
    let text = String::from_utf8(get(router, "/metrics").await.bytes).expect("text");
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{name} in\n{text}")).parse().expect("a whole number")
}

/// What the projector writes into `orders`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OrderLine<'a> {
    pub(crate) order_id: Uuid,
    pub(crate) position: Position,
    pub(crate) user_id: &'a str,
    pub(crate) product_id: &'a str,
    pub(crate) quantity: i64,
    pub(crate) unit_price: i64,
    pub(crate) reason: Option<&'a str>,
    pub(crate) placed_at: &'a str,
}

impl Default for OrderLine<'_> {
    /// The order of [`ORDER`], confirmed.
    fn default() -> Self {
        Self {
            order_id: Uuid::nil(),
            position: Position { partition: 0, offset: 0 },
            user_id: "alice",
            product_id: "chocolate",
            quantity: 3,
            unit_price: 250,
            reason: None,
            placed_at: "2026-11-23 10:00:00.123456",
        }
    }
}

impl OrderLine<'_> {
    /// What the relay publishes of it; `available` is made up.
    pub(crate) fn outcome(&self) -> Outcome {
        let event_id = format!("{}-{}-0", self.position.partition, self.position.offset);
        let (version, order_id) = (Outcome::VERSION, self.order_id.to_string());
        let (user_id, product_id) = (self.user_id.to_owned(), self.product_id.to_owned());
        let (quantity, unit_price, total_price) = (self.quantity, self.unit_price, self.quantity * self.unit_price);
        match self.reason.map(str::to_owned) {
            None => Outcome::OrderConfirmed(OrderConfirmed {
                version,
                event_id,
                order_id,
                user_id,
                product_id,
                quantity,
                unit_price,
                total_price,
                available: 7,
            }),
            Some(reason) => Outcome::OrderRejected(OrderRejected {
                version,
                event_id,
                order_id,
                user_id,
                product_id,
                quantity,
                unit_price,
                total_price,
                reason,
            }),
        }
    }
}

/// A good order.
pub(crate) const ORDER: &str = r#"{"userId":"alice","productId":"chocolate","quantity":3,"unitPrice":250}"#;

pub(crate) async fn call(router: &Router, request: Request<Body>) -> Answer {
    let response: Response<Body> = router.clone().oneshot(request).await.expect("infallible");
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.expect("a body").to_bytes().to_vec();
    assert_eq!(parts.headers["x-order-service"], "a", "on every answer");
    assert!(parts.headers.contains_key("x-request-id"));
    Answer { status: parts.status.as_u16(), headers: parts.headers, bytes }
}

pub(crate) async fn get(router: &Router, uri: &str) -> Answer {
    call(router, Request::get(uri).body(Body::empty()).expect("a request")).await
}

/// A POST of JSON with more headers.
pub(crate) async fn post(router: &Router, uri: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::post(uri).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    call(router, request.body(Body::from(body.to_owned())).expect("a request")).await
}

/// Waits until `condition` holds.
pub(crate) async fn eventually<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(tokio::time::Instant::now() < deadline, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
