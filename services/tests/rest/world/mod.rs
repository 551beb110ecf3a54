//! A database, topics, a service, and a projector that is played by SQL (`tables`, `orders`) and by outcomes (`topics`).

mod answers;
mod orders;
mod tables;
mod topics;

pub(crate) use answers::{Answer, call, get, metric, post};
pub(crate) use orders::{Basket, Line};
pub(crate) use tables::OrderLine;
pub(crate) use topics::{create_topics, send};

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use clap::Parser;
use ledger_kafka::KafkaUseError;
use ledger_schema::log::LogIdentity;
use ledger_schema::topic_settings::TopicSettings;
use order_service::LogFacts;
use order_service::service::Service;
use order_service::settings::Settings;
use order_service::start::StartError;
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::{AssertSqlSafe, MySqlPool};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) const PARTITIONS: i32 = 4;
/// Long enough that a busy machine is no failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A good order.
pub(crate) const ORDER: &str = r#"{"userId":"alice","productId":"chocolate","quantity":3,"unitPrice":250}"#;

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
    identity: OnceLock<LogIdentity>,
    /// What a mock cluster does not say of the log.
    facts: Option<Arc<dyn LogFacts>>,
}

/// The log of librdkafka's mock cluster, which answers no question about topic ids or settings.
struct MockFacts;

impl LogFacts for MockFacts {
    fn identity(&self, _topic: &str) -> Result<LogIdentity, KafkaUseError> {
        let (cluster_id, topic_id) = ("mock".to_owned(), "mock".to_owned());
        Ok(LogIdentity { cluster_id, topic_id, partition_count: PARTITIONS })
    }

    fn settings(&self, _topic: &str) -> Result<TopicSettings, KafkaUseError> {
        let settings = [("cleanup.policy", "delete"), ("retention.ms", "-1"), ("retention.bytes", "-1")];
        Ok(settings.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
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
    async fn with_kafka(brokers: String, topic: String) -> Self {
        let admin_url = variable("LEDGER_TEST_ADMIN_DATABASE_URL");
        let database = format!("rest_{}", Uuid::now_v7().simple());
        let options: MySqlConnectOptions = admin_url.parse().expect("a database URL");
        let admin = Box::pin(MySqlPool::connect_with(options.clone())).await.expect("MariaDB is up");
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {database}"))).execute(&admin).await.expect("created");
        admin.close().await;
        let opened = MySqlPoolOptions::new().max_connections(3).connect_with(options.database(&database));
        let sql = Box::pin(opened).await.expect("the new database");
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
        let (stop, identity) = (CancellationToken::new(), OnceLock::new());
        Self { topic, outcomes_topic, brokers, database, database_url, sql, stop, identity, facts: None }
    }

    /// With a mock cluster: what it does not say of the log is made up.
    pub(crate) async fn with_mock(brokers: String, topic: String) -> Self {
        let mut world = Self::with_kafka(brokers, topic).await;
        world.facts = Some(Arc::new(MockFacts));
        world
    }

    /// The log's identity when it was first asked for: what the tables say.
    fn known_identity(&self) -> &LogIdentity {
        self.identity.get_or_init(|| match &self.facts {
            Some(facts) => facts.identity(&self.topic).expect("made up"),
            None => self.identity(),
        })
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
        Service::start_with(self.settings(more), self.stop.clone(), self.facts.clone()).await
    }

    pub(crate) async fn router(&self, more: &[&str]) -> Router {
        self.start(more).await.expect("the service starts").router()
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
                let pool = Box::pin(MySqlPool::connect(&url)).await?;
                sqlx::raw_sql(AssertSqlSafe(statement)).execute(&pool).await
            })
        });
        let dropped = dropped.join().expect("no panic");
        if !std::thread::panicking() {
            dropped.expect("the database is dropped");
        }
    }
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
