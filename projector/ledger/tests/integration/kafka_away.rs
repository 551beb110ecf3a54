//! Kafka is away, silent, or does not let us in: whoever runs waits, and says for what; whoever starts is told. And a stranger in the
//! projectors' group, whose partitions nobody folds.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ledger_kafka::{KafkaSettings, LogInspector};
use ledger_store::log_check::LogCheckError;
use projector::log_watch::LogWatch;
use projector::relay::RelayTopics;
use projector::shared::Shared;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::published::client;
use crate::refusing_broker::{PROPERTIES, RefusingBroker, SAID};
use crate::setting::{
    LIMIT, PARTITIONS, Projector, Setting, code, free_address, last_line, order, product_in, receipt,
};

/// Of a running projector, what watches the log, over another way to Kafka.
struct Watching {
    shared: Arc<Shared>,
    stop: CancellationToken,
    running: JoinHandle<Result<(), LogCheckError>>,
}

impl Watching {
    fn start(setting: &Setting, brokers: &str, properties: &str) -> Self {
        let kafka = KafkaSettings::new(brokers, properties).expect("valid");
        let shared = Arc::new(Shared::new(PARTITIONS));
        shared.health.joined();
        let [orders, outcomes, dead_letters, cursors] =
            ["orders", "outcomes", "dead-letters", "cursors"].map(|which| setting.topic(which));
        let watch = LogWatch {
            inspector: LogInspector::new(&kafka).expect("valid"),
            topics: RelayTopics { orders, outcomes, dead_letters, cursors },
            identity: setting.identity(),
            shared: shared.clone(),
        };
        let stop = CancellationToken::new();
        let running = tokio::spawn(watch.run(stop.clone()));
        Self { shared, stop, running }
    }

    /// Waits until readiness is as it should be; gives what it says.
    async fn until(&self, holds: impl Fn(&str) -> bool) -> String {
        let began = Instant::now();
        loop {
            let reasons = self.shared.readiness().reasons.join("; ");
            if holds(&reasons) {
                return reasons;
            }
            assert!(began.elapsed() < LIMIT && !self.running.is_finished(), "still `{reasons}`");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn ended(self) {
        self.stop.cancel();
        self.running.await.expect("no panic").expect("it waits for Kafka, and never ends by it");
    }
}

/// A way to the broker that can be shut: whoever knocks then is turned away.
struct Door {
    address: SocketAddr,
    open: Arc<AtomicBool>,
}

impl Door {
    fn shut(broker: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let door = Self { address: listener.local_addr().expect("bound"), open: Arc::default() };
        let open = door.open.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten().filter(|_| open.load(Ordering::SeqCst)) {
                let server = TcpStream::connect(&broker).expect("the broker");
                let (mut to, mut from) = (server.try_clone().expect("a socket"), client.try_clone().expect("a socket"));
                thread::spawn(move || std::io::copy(&mut from, &mut to));
                let (mut to, mut from) = (client, server);
                thread::spawn(move || std::io::copy(&mut from, &mut to));
            }
        });
        door
    }
}

/// A server that takes connections and never answers, as a broker does that was stopped.
fn silent() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        let mut kept = Vec::new();
        for client in listener.incoming().flatten() {
            kept.push(client);
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_projector_is_not_ready_while_kafka_is_away_silent_or_shut_and_is_again() {
    let setting = Setting::migrated("kafkaaway");
    let door = Door::shut(setting.variable("LEDGER_KAFKA_BROKERS"));
    let (refusing, silent) = (RefusingBroker::start(), silent());
    let away = Watching::start(&setting, &door.address.to_string(), "");
    let unanswered = Watching::start(&setting, &silent.to_string(), "");
    let refused = Watching::start(&setting, &refusing.address.to_string(), PROPERTIES);
    for (watching, words) in
        [(&away, "cannot be reached"), (&unanswered, "cannot be reached"), (&refused, "does not let this program in")]
    {
        let said = watching.until(|reasons| !reasons.is_empty()).await;
        assert!(said.starts_with("waiting for Kafka: ") && said.contains(words), "{said}");
        assert!(!said.contains("wr0ng"), "{said}");
    }
    let said = refused.until(|reasons| !reasons.is_empty()).await;
    assert!(said.contains(SAID) && said.contains("LEDGER_KAFKA_PROPERTIES"), "{said}");
    door.open.store(true, Ordering::SeqCst);
    away.until(str::is_empty).await;
    assert!(away.shared.readiness().ready);
    for watching in [away, unanswered, refused] {
        watching.ended().await;
    }
    setting.finish().await;
}

#[tokio::test]
async fn a_wrong_password_of_kafka_is_named_at_a_start_and_is_1() {
    let setting = Setting::with_positions("kafkapassword").await;
    let brokers = RefusingBroker::start().address.to_string();
    let further = [("LEDGER_KAFKA_BROKERS", brokers.as_str()), ("LEDGER_KAFKA_PROPERTIES", PROPERTIES)];
    let listen = free_address().to_string();
    let commands: [&[&str]; 6] = [
        &["migrate"],
        &["project", "--listen", &listen],
        &["status"],
        &["verify"],
        &["stock"],
        &["import", "--topic", "old"],
    ];
    // Each waits for an answer as long as it may.
    let outputs = thread::scope(|scope| {
        let (setting, further) = (&setting, &further);
        commands
            .map(|args| scope.spawn(move || setting.ledger_with(args, further)))
            .map(|running| running.join().expect("no panic"))
    });
    for (args, output) in commands.iter().zip(outputs) {
        let said = last_line(&output);
        assert_eq!(code(&output), 1, "{args:?}: {said}");
        for words in ["does not let this program in", "LEDGER_KAFKA_PROPERTIES", SAID] {
            assert!(said.contains(words), "{args:?}: `{words}` in: {said}");
        }
        assert!(!said.contains("wr0ng"), "{args:?}: {said}");
    }
    setting.finish().await;
}

/// A program that reads the log under the projectors' group, until it is dropped.
struct Stranger {
    stop: Arc<AtomicBool>,
    reading: Option<thread::JoinHandle<()>>,
}

impl Stranger {
    fn join(setting: &Setting) -> Self {
        let mut config = client(setting);
        config
            .set("group.id", setting.variable("LEDGER_CONSUMER_GROUP"))
            .set("partition.assignment.strategy", "range")
            .set("session.timeout.ms", "6000")
            .set("auto.offset.reset", "earliest");
        let consumer: BaseConsumer = config.create().expect("a consumer");
        consumer.subscribe(&[&setting.topic("orders")]).expect("subscribed");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let reading = thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                drop(consumer.poll(Duration::from_millis(100)));
            }
        });
        Self { stop, reading: Some(reading) }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(reading) = self.reading.take() {
            reading.join().expect("no panic");
        }
    }
}

/// Partitions that the projector has, by its own log.
fn taken_over(projector: &Projector) -> Option<usize> {
    let log = projector.log();
    let line = log.lines().rfind(|line| line.contains("partitions taken over"))?;
    Some(line.rsplit_once('[')?.1.split(',').count())
}

#[tokio::test]
async fn partitions_that_a_stranger_in_the_group_has_are_told_of() {
    let setting = Setting::migrated("stranger");
    let projector = setting.project();
    projector.until("/metrics", |_, body| body.lines().any(|line| line == "ledger_unfolded_partitions 0"));
    let names: Vec<String> = (0..PARTITIONS).map(|partition| product_in(partition, "bar")).collect();
    let stranger = Stranger::join(&setting);
    let began = Instant::now();
    while taken_over(&projector) != Some(2) {
        assert!(began.elapsed() < LIMIT, "{}", projector.log());
    }
    for (id, name) in (1..).zip(&names) {
        setting.append_event(name, &receipt(id, name, 10)).await;
    }
    projector.until("/metrics", |_, body| body.lines().any(|line| line == "ledger_unfolded_partitions 2"));
    let says = format!(
        "belongs to another member of the consumer group {}, which does not fold it: 1 records are left, and its position has stood at 0",
        setting.variable("LEDGER_CONSUMER_GROUP")
    );
    projector.until("/readyz", |status, body| status == 503 && body.contains(&says));
    assert_eq!(setting.number("SELECT CAST(SUM(next_offset) AS SIGNED) FROM positions").await, 2);
    drop(stranger);
    for partition in 0..PARTITIONS {
        setting.folded_to(partition, 1).await;
    }
    projector.until_ready();
    projector.until("/metrics", |_, body| body.lines().any(|line| line == "ledger_unfolded_partitions 0"));
    setting.append_event(&names[0], &order(100, &names[0], 1)).await;
    setting.folded_to(0, 2).await;
    let log = projector.log();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("WARN") && line.contains(&says)).collect();
    assert_eq!(warnings.len(), 2, "one for each partition: {log}");
    assert!(warnings.iter().all(|line| line.contains("kafka-consumer-groups.sh")), "{warnings:?}");
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}
