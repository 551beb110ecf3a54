//! An old world and a ledger for one test: database, users and topics of its own on the servers that `cargo xtask test`
//! runs, and the real binary as the only way in. It must never call the import's code: that is what is tested.

mod old_topics;

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use ledger_kafka::KafkaSettings;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, MySqlConnection};

use crate::setting::{PAUSE, until_applied};

const LIMIT: Duration = Duration::from_secs(60);
/// Of the ledger. Few, so that products share partitions.
pub(super) const PARTITIONS: i32 = 4;
/// Of every record that [`World::produce`] writes, in milliseconds.
pub(super) const TIMESTAMP_MS: i64 = 1_795_428_000_123;

pub(super) struct World {
    name: String,
    brokers: String,
    admin_url: String,
    environment: Vec<(String, String)>,
    projector: Option<Child>,
    pub folder: std::path::PathBuf,
}

impl World {
    /// A migrated, empty ledger.
    pub(super) fn start(purpose: &str) -> Self {
        let variable =
            |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test`"));
        let name = format!("{purpose}_{}", &uuid::Uuid::now_v7().simple().to_string()[16..]);
        let brokers = variable("LEDGER_TEST_KAFKA_BROKERS");
        let admin_url = variable("LEDGER_TEST_ADMIN_DATABASE_URL");
        let server = admin_url.rsplit_once('@').expect("user@host").1;
        let url = |role: &str| format!("mysql://{role}_{name}:test@{server}{name}");
        let environment = [
            ("LEDGER_KAFKA_BROKERS", brokers.clone()),
            ("LEDGER_ORDERS_TOPIC", format!("{name}.orders")),
            ("LEDGER_OUTCOMES_TOPIC", format!("{name}.outcomes")),
            ("LEDGER_DEAD_LETTERS_TOPIC", format!("{name}.dead-letters")),
            ("LEDGER_CURSORS_TOPIC", format!("{name}.cursors")),
            ("LEDGER_CONSUMER_GROUP", format!("{name}.projector")),
            ("LEDGER_PROJECTOR_LISTEN", "127.0.0.1:0".to_owned()),
            ("LEDGER_PARTITIONS", PARTITIONS.to_string()),
            ("LEDGER_ADMIN_DATABASE_URL", format!("{admin_url}{name}")),
            ("LEDGER_OWNER_DATABASE_URL", url("owner")),
            ("LEDGER_PROJECTOR_DATABASE_URL", url("projector")),
            ("LEDGER_READER_DATABASE_URL", url("reader")),
        ];
        let environment = environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let folder = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let world = Self { name, brokers, admin_url, environment, projector: None, folder };
        let migrated = world.ledger(&["migrate"]);
        assert!(migrated.status.success(), "migrate: {}", String::from_utf8_lossy(&migrated.stderr));
        world
    }

    fn kafka(&self) -> KafkaSettings {
        KafkaSettings::new(&self.brokers, "").expect("valid")
    }

    pub(super) fn topic(&self, which: &str) -> String {
        format!("{}.{which}", self.name)
    }

    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ledger"));
        command.args(args).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
        command
    }

    /// Runs `ledger ARGS..` to its end.
    pub(super) fn ledger(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the binary runs")
    }

    /// Runs `ledger-failpoints ARGS..`, which has to die where `at` says.
    #[cfg(feature = "failpoints")]
    pub(super) fn killed(&self, at: &str, args: &[&str]) {
        use std::os::unix::process::ExitStatusExt;

        let mut command = Command::new(env!("CARGO_BIN_EXE_ledger-failpoints"));
        command.args(args).envs(self.environment.iter().map(|(name, value)| (name, value))).env("FAILPOINTS", at);
        let output = command.stdin(Stdio::null()).output().expect("the binary runs");
        assert_eq!(output.status.signal(), Some(9), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Runs `ledger import --topic TOPIC ARGS..`, which has to end well; answers its summary and what it logged.
    pub(super) fn import(&self, topic: &str, args: &[&str]) -> (Value, String) {
        self.import_to(0, topic, args)
    }

    /// As [`Self::import`], with another exit code.
    pub(super) fn import_to(&self, code: i32, topic: &str, args: &[&str]) -> (Value, String) {
        self.summary(code, &[&["import", "--topic", topic, "--output", "json"], args].concat())
    }

    /// Runs a command that has to end with `code`; answers the JSON that it prints, and what it logged.
    pub(super) fn summary(&self, code: i32, args: &[&str]) -> (Value, String) {
        let output = self.ledger(args);
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{log} {}", String::from_utf8_lossy(&output.stdout));
        (serde_json::from_slice(&output.stdout).expect("the summary is JSON"), log)
    }

    /// Runs an import that has to end with `code`; answers what it said.
    pub(super) fn refused(&self, args: &[&str], code: i32) -> String {
        let output = self.ledger(&[&["import", "--output", "json"], args].concat());
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{log}");
        assert!(output.stdout.is_empty(), "a refused import prints no summary");
        log
    }

    pub(super) fn file(&self, name: &str, contents: &str) -> String {
        let path = self.folder.join(name);
        std::fs::File::create(&path).and_then(|mut file| file.write_all(contents.as_bytes())).expect("a file");
        path.display().to_string()
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new().set("bootstrap.servers", &self.brokers).create().expect("an admin client")
    }

    /// Makes the log refuse every record, as a broker does whose limits somebody changed.
    pub(super) async fn refuse_appends(&self) {
        let topic = self.topic("orders");
        let settings = [("max.message.bytes", "10"), ("retention.ms", "-1"), ("compression.type", "uncompressed")];
        let config = AlterConfig::new(ResourceSpecifier::Topic(&topic));
        let config = settings.iter().fold(config, |config, (key, value)| config.set(key, value));
        let altered = self.admin().alter_configs(&[config], &AdminOptions::new()).await.expect("Kafka answers");
        assert!(altered.iter().all(Result::is_ok), "{altered:?}");
        until_applied(&self.kafka(), &topic, &settings);
    }

    /// Appends to the log, as another writer does.
    pub(super) async fn append_event(&self, product_id: &str, event: &str) {
        let producer: FutureProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("partitioner", "murmur2_random")
            .create()
            .expect("a producer");
        let log = self.topic("orders");
        producer.send(FutureRecord::to(&log).key(product_id).payload(event), LIMIT).await.expect("delivered");
    }

    /// The URL of the database, with every right.
    pub(super) fn admin_database_url(&self) -> String {
        format!("{}{}", self.admin_url, self.name)
    }

    /// The end of every partition of the log.
    pub(super) fn log_ends(&self) -> Vec<i64> {
        let consumer: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", &self.brokers).create().expect("a consumer");
        let topic = self.topic("orders");
        (0..PARTITIONS).map(|p| consumer.fetch_watermarks(&topic, p, LIMIT).expect("Kafka answers").1).collect()
    }

    pub(super) fn log_len(&self) -> i64 {
        self.log_ends().iter().sum()
    }

    /// Starts the projector, if it does not run, and waits until all that is in the log is folded.
    pub(super) async fn fold(&mut self) {
        if self.projector.is_none() {
            let log = std::fs::File::create(self.folder.join("projector.log")).expect("a log file");
            let child = self.command(&["project"]).stdout(Stdio::null()).stderr(log).spawn().expect("it starts");
            self.projector = Some(child);
        }
        let ends = self.log_ends();
        let started = Instant::now();
        while self.positions().await != ends {
            assert!(started.elapsed() < LIMIT, "the projector does not reach {ends:?}: see {:?}", self.folder);
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn positions(&self) -> Vec<i64> {
        let mut database = self.database().await;
        sqlx::query_scalar("SELECT next_offset FROM positions ORDER BY kafka_partition")
            .fetch_all(&mut database)
            .await
            .expect("MariaDB answers")
    }

    pub(super) async fn database(&self) -> MySqlConnection {
        Box::pin(MySqlConnection::connect(&format!("{}{}", self.admin_url, self.name))).await.expect("MariaDB answers")
    }

    pub(super) async fn execute(&self, sql: &'static str) {
        sqlx::query(sql).execute(&mut self.database().await).await.expect("MariaDB answers");
    }

    /// Rows of a query whose columns are all text, joined by spaces.
    pub(super) async fn rows(&self, sql: &'static str) -> Vec<String> {
        sqlx::query_scalar(sql).fetch_all(&mut self.database().await).await.expect("MariaDB answers")
    }

    /// All that was derived, but for offsets (which differ where a record stands twice) and times of receipts.
    pub(super) async fn tables(&self) -> Vec<String> {
        const TABLES: [&str; 4] = [
            "SELECT CONCAT_WS(' ', 'order', HEX(order_id), kafka_partition, user_id, product_id, quantity, unit_price, \
             total_price, status, reason, placed_at) FROM orders ORDER BY 1",
            "SELECT CONCAT_WS(' ', 'stock', product_id, available) FROM stock ORDER BY 1",
            "SELECT CONCAT_WS(' ', 'movement', HEX(movement_id), product_id, delta, status) FROM stock_movements ORDER BY 1",
            "SELECT CONCAT_WS(' ', 'parked', reason, detail) FROM dead_letters ORDER BY 1",
        ];
        let mut all = Vec::new();
        for sql in TABLES {
            all.extend(self.rows(sql).await);
        }
        all
    }

    /// Removes what it made. (A test that fails leaves it for a look.)
    pub(super) async fn finish(mut self) {
        if let Some(mut projector) = self.projector.take() {
            projector.kill().and_then(|()| projector.wait()).expect("it ends");
        }
        let mut database = self.database().await;
        for statement in [
            format!("DROP DATABASE `{}`", self.name),
            format!("DROP USER IF EXISTS `owner_{0}`, `projector_{0}`, `reader_{0}`", self.name),
        ] {
            sqlx::query(AssertSqlSafe(statement)).execute(&mut database).await.expect("MariaDB answers");
        }
        let topics = ["orders", "outcomes", "dead-letters", "cursors", "legacy"].map(|which| self.topic(which));
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        let _ = self.admin().delete_topics(&topics, &AdminOptions::new()).await;
        std::fs::remove_dir_all(&self.folder).expect("its own folder");
    }
}

impl Drop for World {
    /// A test that failed must not leave a projector behind.
    fn drop(&mut self) {
        if let Some(mut projector) = self.projector.take() {
            let _ = projector.kill();
            let _ = projector.wait();
        }
    }
}
