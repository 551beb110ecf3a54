//! A ledger for one test: database, users and topics of its own on the servers that `cargo xtask test` runs.
//! A test that fails leaves its database for a look; its projector is ended all the same.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use ledger_database::DatabaseUrl;
use ledger_kafka::{KafkaSettings, LogInspector};
use ledger_schema::log::LogIdentity;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection};

/// Far longer than anything here takes: a condition that is not met by then never will be.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// Between looks: who waits leaves the cores to those that are waited for.
pub(crate) const PAUSE: Duration = Duration::from_millis(5);
pub(crate) const PARTITIONS: i32 = 4;
/// For a command that ends by itself. One that does not would hold the tests up for ever.
const COMMAND_LIMIT: Duration = Duration::from_secs(240);

pub(crate) struct Setting {
    pub(crate) name: String,
    brokers: String,
    admin_url: String,
    environment: Vec<(&'static str, String)>,
    producer: FutureProducer,
}

/// Runs it to its end.
///
/// # Panics
/// When it has not ended by then; it is killed.
fn output_within(mut command: Command, limit: Duration) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let (mut stdout, mut stderr) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    std::thread::scope(|scope| {
        let (mut said, mut told) = (Vec::new(), Vec::new());
        let stdout = scope.spawn(move || stdout.read_to_end(&mut said).map(|_| said));
        let stderr = scope.spawn(move || stderr.read_to_end(&mut told).map(|_| told));
        let begun = Instant::now();
        let mut status = child.try_wait().expect("our child");
        while status.is_none() && begun.elapsed() < limit {
            std::thread::sleep(PAUSE);
            status = child.try_wait().expect("our child");
        }
        if status.is_none() {
            child.kill().expect("our child");
            child.wait().expect("our child");
        }
        let read = |thread: std::thread::ScopedJoinHandle<'_, std::io::Result<Vec<u8>>>| {
            thread.join().expect("no panic").expect("it can be read")
        };
        let (stdout, stderr) = (read(stdout), read(stderr));
        let status = status.unwrap_or_else(|| {
            panic!("{command:?} has not ended after {limit:?}: {}", String::from_utf8_lossy(&stderr))
        });
        Output { status, stdout, stderr }
    })
}

/// A record to append: partition, key, value, headers.
pub(crate) struct Append<'a> {
    pub(crate) partition: i32,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) headers: &'a [(&'a str, Option<&'a [u8]>)],
}

/// Waits until the broker knows the topic, and has these settings: the controller answers before brokers have heard of it.
pub(crate) fn until_applied(kafka: &KafkaSettings, topic: &str, settings: &[(&str, &str)]) {
    let inspector = LogInspector::new(kafka).expect("valid");
    let started = Instant::now();
    loop {
        let known = inspector.partition_count(topic).and_then(|_| inspector.settings(topic));
        if known.as_ref().is_ok_and(|found| settings.iter().all(|(key, value)| found.get(key) == Some(value))) {
            return;
        }
        assert!(started.elapsed() < LIMIT, "{topic} does not have {settings:?}: {known:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Gives a topic more partitions, and waits until the broker has them.
pub(crate) async fn grow(kafka: &KafkaSettings, topic: &str, partitions: i32) {
    let admin: AdminClient<DefaultClientContext> = kafka.client("tests").create().expect("valid");
    let more = NewPartitions::new(topic, usize::try_from(partitions).expect("a count"));
    let grown = admin.create_partitions([&more], &AdminOptions::new()).await.expect("Kafka answers");
    assert!(grown.iter().all(Result::is_ok), "{grown:?}");
    let inspector = LogInspector::new(kafka).expect("valid");
    let started = Instant::now();
    while inspector.partition_count(topic).expect("Kafka answers") < partitions {
        assert!(started.elapsed() < LIMIT, "{topic} does not grow");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// `ledger` with failpoints.
pub(crate) fn failpoints() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_ledger")).with_file_name("ledger-failpoints")
}

impl Setting {
    /// Names only; nothing exists yet.
    pub(crate) fn new(purpose: &str) -> Self {
        Self::on(purpose, &test_variable("LEDGER_TEST_ADMIN_DATABASE_URL"))
    }

    /// As [`Self::new`], on another database server; `admin_url` ends with a slash.
    pub(crate) fn on(purpose: &str, admin_url: &str) -> Self {
        let name = format!("{purpose}_{}", &uuid::Uuid::now_v7().simple().to_string()[18..]);
        let brokers = test_variable("LEDGER_TEST_KAFKA_BROKERS");
        let admin_url = admin_url.to_owned();
        let server = admin_url.rsplit_once('@').expect("user@host").1.trim_end_matches('/').to_owned();
        // A password that has to be quoted, in SQL and in a URL.
        let url = |role: &str| format!("mysql://{role}_{name}:a%27b%5C%20c@{server}/{name}");
        let environment = vec![
            ("LEDGER_KAFKA_BROKERS", brokers.clone()),
            ("LEDGER_ORDERS_TOPIC", format!("{name}.orders")),
            ("LEDGER_OUTCOMES_TOPIC", format!("{name}.outcomes")),
            ("LEDGER_DEAD_LETTERS_TOPIC", format!("{name}.dead-letters")),
            ("LEDGER_CURSORS_TOPIC", format!("{name}.cursors")),
            ("LEDGER_CONSUMER_GROUP", format!("{name}.projector")),
            ("LEDGER_PARTITIONS", PARTITIONS.to_string()),
            ("LEDGER_ADMIN_DATABASE_URL", format!("{}{name}", admin_url)),
            ("LEDGER_OWNER_DATABASE_URL", url("own")),
            ("LEDGER_PROJECTOR_DATABASE_URL", url("prj")),
            ("LEDGER_READER_DATABASE_URL", url("rdr")),
        ];
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &brokers)
            .set("message.max.bytes", "10485760")
            .create()
            .expect("a producer");
        Self { name, brokers, admin_url, environment, producer }
    }

    /// With database, users, tables and topics.
    pub(crate) fn migrated(purpose: &str) -> Self {
        let setting = Self::new(purpose);
        let migrated = setting.ledger(&["migrate"]);
        assert_eq!(code(&migrated), 0, "{}", stderr(&migrated));
        setting
    }

    /// As [`Self::migrated`], with positions, as the first start of a projector leaves them.
    pub(crate) async fn with_positions(purpose: &str) -> Self {
        let setting = Self::migrated(purpose);
        let topic = setting.topic("orders");
        let identity = setting.identity();
        let mut database = setting.database().await;
        for partition in 0..PARTITIONS {
            sqlx::query(
                "INSERT INTO positions (topic, kafka_partition, next_offset, cluster_id, topic_id, partition_count, \
                 generation, generation_id, fold_version) \
                 VALUES (?, ?, 0, ?, ?, ?, 1, x'00000000000000000000000000000000', ?)",
            )
            .bind(&topic)
            .bind(partition)
            .bind(&identity.cluster_id)
            .bind(&identity.topic_id)
            .bind(PARTITIONS)
            .bind(ledger_store::FOLD_VERSION)
            .execute(&mut database)
            .await
            .expect("positions");
            sqlx::query("INSERT INTO furthest_positions (topic, kafka_partition, next_offset) VALUES (?, ?, 0)")
                .bind(&topic)
                .bind(partition)
                .execute(&mut database)
                .await
                .expect("furthest positions");
        }
        setting
    }

    pub(crate) fn topic(&self, which: &str) -> String {
        format!("{}.{which}", self.name)
    }

    pub(crate) fn variable(&self, name: &str) -> String {
        self.environment.iter().find(|(found, _)| *found == name).expect("a variable of the setting").1.clone()
    }

    pub(crate) fn projector_url(&self) -> DatabaseUrl {
        DatabaseUrl::parse(&self.variable("LEDGER_PROJECTOR_DATABASE_URL")).expect("valid")
    }

    pub(crate) fn owner_url(&self) -> DatabaseUrl {
        DatabaseUrl::parse(&self.variable("LEDGER_OWNER_DATABASE_URL")).expect("valid")
    }

    pub(crate) fn kafka(&self) -> KafkaSettings {
        KafkaSettings::new(&self.variable("LEDGER_KAFKA_BROKERS"), "").expect("valid")
    }

    /// What makes the log that log. Blocks.
    pub(crate) fn identity(&self) -> LogIdentity {
        let inspector = LogInspector::new(&self.kafka()).expect("valid");
        inspector.identity(&self.topic("orders")).expect("Kafka answers")
    }

    /// `ledger ARGS..`, with the setting's environment. Further variables replace those of the setting.
    pub(crate) fn command(&self, args: &[&str], further: &[(&str, &str)]) -> Command {
        self.command_of(Path::new(env!("CARGO_BIN_EXE_ledger")), args, further)
    }

    fn command_of(&self, program: &Path, args: &[&str], further: &[(&str, &str)]) -> Command {
        let mut command = Command::new(program);
        command.args(args).envs(self.environment.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
        command.envs(further.iter().copied());
        command
    }

    pub(crate) fn ledger(&self, args: &[&str]) -> Output {
        self.ledger_with(args, &[])
    }

    pub(crate) fn ledger_with(&self, args: &[&str], further: &[(&str, &str)]) -> Output {
        output_within(self.command(args, further), COMMAND_LIMIT)
    }

    /// Runs `ledger ARGS..` as a program that has to die at the failpoint `point`.
    pub(crate) fn killed_at(&self, point: &str, args: &[&str]) {
        let at = format!("{point}=kill");
        let output = self.command_of(&failpoints(), args, &[("FAILPOINTS", &at)]).output().expect("the binary runs");
        assert_eq!(output.status.signal(), Some(9), "{point}: {}", stderr(&output));
    }

    /// Runs `ledger project` where it has to refuse; gives exit code and what it says.
    pub(crate) fn refused(&self, further: &[(&str, &str)]) -> (i32, String) {
        let listen = free_address().to_string();
        let output = self.ledger_with(&["project", "--listen", &listen], further);
        (code(&output), last_line(&output))
    }

    /// A connection as the administrator.
    pub(crate) async fn database(&self) -> MySqlConnection {
        Box::pin(MySqlConnection::connect(&format!("{}{}", self.admin_url, self.name))).await.expect("MariaDB answers")
    }

    /// The administrator's URL of this setting's database.
    pub(crate) fn admin_database_url(&self) -> DatabaseUrl {
        DatabaseUrl::parse(&format!("{}{}", self.admin_url, self.name)).expect("valid")
    }

    /// A connection as the user of a role.
    pub(crate) async fn database_as(&self, variable: &str) -> MySqlConnection {
        Box::pin(MySqlConnection::connect(&self.variable(variable))).await.expect("MariaDB answers")
    }

    pub(crate) async fn execute(&self, sql: &str) {
        self.database().await.execute(AssertSqlSafe(sql)).await.expect(sql);
    }

    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let query = sqlx::query_scalar(AssertSqlSafe(sql));
        query.fetch_one(&mut self.database().await).await.expect(sql)
    }

    /// The first column of every row, which has to be text.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let query = sqlx::query_scalar(AssertSqlSafe(sql));
        query.fetch_all(&mut self.database().await).await.expect(sql)
    }

    pub(crate) fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new().set("bootstrap.servers", &self.brokers).create().expect("an admin client")
    }

    pub(crate) async fn create_topic(&self, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
        let new =
            settings.iter().fold(NewTopic::new(topic, partitions, TopicReplication::Fixed(1)), |new, (key, value)| {
                new.set(key, value)
            });
        // A deleted topic's name is free a little later.
        let started = Instant::now();
        loop {
            let created = self.admin().create_topics([&new], &AdminOptions::new()).await.expect("Kafka answers");
            if created.iter().all(Result::is_ok) {
                return until_applied(&self.kafka(), topic, settings);
            }
            assert!(started.elapsed() < LIMIT, "{created:?}");
        }
    }

    /// Sets a topic to exactly these settings; the broker's defaults are the rest.
    pub(crate) async fn alter_topic(&self, topic: &str, settings: &[(&str, &str)]) {
        let config = AlterConfig::new(ResourceSpecifier::Topic(topic));
        let config = settings.iter().fold(config, |config, (key, value)| config.set(key, value));
        let altered = self.admin().alter_configs(&[config], &AdminOptions::new()).await.expect("Kafka answers");
        assert!(altered.iter().all(Result::is_ok), "{altered:?}");
        until_applied(&self.kafka(), topic, settings);
    }

    pub(crate) async fn delete_topic(&self, topic: &str) {
        let deleted = self.admin().delete_topics(&[topic], &AdminOptions::new()).await.expect("Kafka answers");
        assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
    }

    /// Deletes what is before `offset`.
    pub(crate) async fn delete_records(&self, partition: i32, offset: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic("orders"), partition, Offset::Offset(offset)).expect("an offset");
        self.admin().delete_records(&list, &AdminOptions::new()).await.expect("Kafka answers");
    }

    /// Appends a record and gives its offset.
    pub(crate) async fn append(&self, append: Append<'_>) -> i64 {
        let topic = self.topic("orders");
        let headers = append
            .headers
            .iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value: *value }));
        let record = FutureRecord::<[u8], [u8]>::to(&topic).partition(append.partition).headers(headers);
        let record = FutureRecord { key: append.key, payload: append.value, ..record };
        self.producer.send(record, LIMIT).await.expect("delivered").offset
    }

    /// Appends a record of partition 1 with a time that the producer states, in milliseconds since 1970.
    pub(crate) async fn append_at(&self, topic: &str, time_ms: i64, key: &str, value: &str) -> Result<i64, KafkaError> {
        let record = FutureRecord::to(topic).partition(1).key(key).payload(value).timestamp(time_ms);
        self.producer.send(record, LIMIT).await.map(|delivered| delivered.offset).map_err(|(error, _)| error)
    }

    /// As [`Self::alter_topic`], of the log.
    pub(crate) async fn configure(&self, settings: &[(&str, &str)]) {
        self.alter_topic(&self.topic("orders"), settings).await;
    }

    /// Appends an event where its key belongs.
    pub(crate) async fn append_event(&self, key: &str, value: &str) -> i64 {
        let partition = partition_of(key);
        self.append(Append { partition, key: Some(key.as_bytes()), value: Some(value.as_bytes()), headers: &[] }).await
    }

    /// Waits until the position of a partition is at least `next_offset`.
    pub(crate) async fn folded_to(&self, partition: i32, next_offset: i64) {
        let sql = format!("SELECT next_offset FROM positions WHERE kafka_partition = {partition}");
        self.until(&sql, |found| found >= next_offset).await;
    }

    /// Waits until a number in the database is as it should be.
    pub(crate) async fn until(&self, sql: &str, holds: impl Fn(i64) -> bool) {
        let started = Instant::now();
        let mut database = self.database().await;
        loop {
            let found: Option<i64> =
                sqlx::query_scalar(AssertSqlSafe(sql)).fetch_optional(&mut database).await.expect(sql);
            if found.is_some_and(&holds) {
                return;
            }
            assert!(started.elapsed() < LIMIT, "{sql}: still {found:?} in {}", self.name);
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Starts a projector and waits until it is ready.
    pub(crate) fn project(&self) -> Projector {
        let projector = self.project_with(&[]);
        projector.until_ready();
        projector
    }

    pub(crate) fn project_with(&self, further: &[(&str, &str)]) -> Projector {
        self.project_by(Path::new(env!("CARGO_BIN_EXE_ledger")), further)
    }

    /// As [`Self::project_with`], by another program in its place.
    pub(crate) fn project_by(&self, program: &Path, further: &[(&str, &str)]) -> Projector {
        let address = free_address();
        let log = std::env::temp_dir().join(format!("{}-{}.log", self.name, address.port()));
        let file = std::fs::File::create(&log).expect("a log file");
        let child = self
            .command_of(program, &["project", "--listen", &address.to_string()], further)
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("it starts");
        Projector { child, address, log }
    }

    /// Removes what it made.
    pub(crate) async fn finish(self) {
        let name = &self.name;
        let drop = [
            format!("DROP DATABASE IF EXISTS `{name}`"),
            format!("DROP USER IF EXISTS `own_{name}`, `prj_{name}`, `rdr_{name}`"),
        ];
        let mut database = Box::pin(MySqlConnection::connect(&self.admin_url)).await.expect("MariaDB answers");
        // Behind a proxy that swallows a leave, a session lives on, and holds its tables.
        let sessions: Vec<i64> = sqlx::query_scalar("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = ?")
            .bind(name)
            .fetch_all(&mut database)
            .await
            .expect("MariaDB answers");
        for session in sessions {
            // It may have ended by itself.
            let _ = database.execute(AssertSqlSafe(format!("KILL {session}"))).await;
        }
        for statement in drop {
            database.execute(AssertSqlSafe(statement)).await.expect("MariaDB answers");
        }
        let topics = ["orders", "outcomes", "dead-letters", "cursors"].map(|which| self.topic(which));
        // Some tests have none.
        let _ = self.admin().delete_topics(&topics.each_ref().map(String::as_str), &AdminOptions::new()).await;
    }
}

/// A projector as a process.
pub(crate) struct Projector {
    child: Child,
    pub(crate) address: SocketAddr,
    log: PathBuf,
}

impl Projector {
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(crate) fn until_ready(&self) {
        self.until("/readyz", |status, _| status == 200);
    }

    /// Waits until an answer of its HTTP is as it should be.
    pub(crate) fn until(&self, path: &str, holds: impl Fn(u16, &str) -> bool) {
        let started = Instant::now();
        while !get(self.address, path).is_some_and(|(status, body)| holds(status, &body)) {
            assert!(started.elapsed() < LIMIT, "{path} of {}: {}", self.address, self.log());
            std::thread::sleep(PAUSE);
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let done = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(done.is_ok_and(|done| done.success()), "kill {signal}");
    }

    /// SIGTERM, and how it ended: the exit code, and how long it took.
    pub(crate) fn stop(mut self) -> (i32, Duration) {
        let started = Instant::now();
        self.signal("-TERM");
        let ended = self.child.wait().expect("it ends");
        (ended.code().unwrap_or(-ended.signal().unwrap_or(0)), started.elapsed())
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("it ends");
    }

    /// Waits until it ends by a signal, and says by which.
    pub(crate) fn signal_it_died_of(mut self) -> i32 {
        let started = Instant::now();
        loop {
            if let Some(ended) = self.child.try_wait().expect("a child") {
                return ended.signal().unwrap_or_else(|| panic!("it ended by itself: {}", self.log()));
            }
            assert!(started.elapsed() < LIMIT, "it does not end: {}", self.log());
            std::thread::sleep(PAUSE);
        }
    }

    /// Waits until it ends by itself; the exit code and the last line of what it says.
    pub(crate) fn ended(mut self) -> (i32, String) {
        let started = Instant::now();
        loop {
            if let Some(ended) = self.child.try_wait().expect("a child") {
                let said = self.log().lines().last().unwrap_or_default().to_owned();
                return (ended.code().unwrap_or(-1), said);
            }
            assert!(started.elapsed() < LIMIT, "it does not end: {}", self.log());
            std::thread::sleep(PAUSE);
        }
    }
}

impl Drop for Projector {
    #[expect(clippy::print_stdout, reason = "a test that fails shows what its projector said")]
    fn drop(&mut self) {
        let ended = self.child.try_wait();
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("{} ({ended:?}) said: {}", self.address, self.log());
        }
        let _ = std::fs::remove_file(&self.log);
    }
}

fn test_variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test`"))
}

/// An address that was free a moment ago.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port")
}

/// Status and body of a GET, where the server answers.
pub(crate) fn get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    request(address, "GET", path)
}

pub(crate) fn request(address: SocketAddr, method: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).ok()?;
    stream.set_read_timeout(Some(LIMIT)).ok()?;
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    Some((status, body.to_owned()))
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn last_line(output: &Output) -> String {
    stderr(output).lines().last().unwrap_or_default().to_owned()
}

pub(crate) fn partition_of(key: &str) -> i32 {
    ledger_schema::partitioner::partition_of(key.as_bytes(), PARTITIONS)
}

/// Bytes that do not compress, the same for the same length.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

/// A product that lies in `partition`, whatever `prefix` is.
pub(crate) fn product_in(partition: i32, prefix: &str) -> String {
    (0..).map(|n| format!("{prefix}-{n}")).find(|name| partition_of(name) == partition).expect("some name")
}

pub(crate) fn receipt(id: u128, product: &str, quantity: i64) -> String {
    let id = uuid::Uuid::from_u128(id);
    format!(
        r#"{{"type":"StockReceived","version":1,"movement_id":"{id}","product_id":"{product}","quantity":{quantity},"occurred_at":"2026-11-23T10:00:00Z"}}"#
    )
}

pub(crate) fn order(id: u128, product: &str, quantity: i64) -> String {
    let (id, total) = (uuid::Uuid::from_u128(id), quantity * 100);
    format!(
        r#"{{"type":"OrderPlaced","version":1,"order_id":"{id}","user_id":"alice","product_id":"{product}","quantity":{quantity},"unit_price":100,"total_price":{total},"placed_at":"2026-11-23T10:00:00.123456Z"}}"#
    )
}
