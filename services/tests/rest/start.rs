//! What must be right at start: an error that names expected and found, the exit code, nothing changed.

use std::process::Command;

use ledger_schema::Position;
use sqlx::Executor;

use crate::refusing_broker::{PROPERTIES, RefusingBroker, SAID};
use crate::world::{PARTITIONS, World, create_topics, variable};

/// An address where nothing listens: bound once, then let go.
fn nowhere() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}

async fn check(world: &World, flags: &[&str], code: u8, words: &[&str]) {
    let flags = [flags, &["--startup-timeout-seconds", "2", "--database-timeout-ms", "1000"]].concat();
    let error = world.start(&flags).await.err().unwrap_or_else(|| panic!("{flags:?} must not start"));
    let text = error.to_string();
    assert_eq!(error.exit_code(), code, "{text}");
    for word in words {
        assert!(text.contains(word), "`{word}` in: {text}");
    }
    assert!(!text.contains("wr0ng"), "no password in: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_and_topics() {
    let world = World::new().await;
    let address = nowhere();
    check(&world, &["--kafka-brokers", &address], 3, &["Kafka", &address]).await;
    let refusing = RefusingBroker::start().address.to_string();
    let flags = ["--kafka-brokers", &refusing, "--kafka-properties", PROPERTIES];
    let says = ["does not let this program in", "LEDGER_KAFKA_PROPERTIES", SAID, &refusing];
    check(&world, &flags, 1, &says).await;
    let away = format!("mysql://u:wr0ng@{address}/d");
    check(&world, &["--reader-database-url", &away], 3, &["database", &address, "reached"]).await;
    let url = variable("LEDGER_TEST_ADMIN_DATABASE_URL");
    let host = url.rsplit('@').next().expect("a host").trim_end_matches('/');
    let wrong = format!("mysql://root:wr0ng@{host}/{}", world.database);
    check(&world, &["--reader-database-url", &wrong], 1, &["refuses", "Access denied"]).await;
    check(&world, &["--reader-database-url", "wr0ng"], 1, &["mysql://"]).await;
    let empty = format!("{}/mysql", url.trim_end_matches('/'));
    check(&world, &["--reader-database-url", &empty], 1, &["positions", "ledger migrate"]).await;
    check(&world, &["--orders-topic", "no-such-topic"], 1, &["no-such-topic", "ledger migrate"]).await;
    check(&world, &["--outcomes-topic", "no-such-outcomes"], 1, &["no-such-outcomes", "ledger migrate"]).await;
    let narrow = format!("{}.narrow", world.topic);
    create_topics(&world.brokers, &[(&narrow, PARTITIONS - 1)]).await;
    check(&world, &["--outcomes-topic", &narrow], 1, &[&narrow, "expected 4", "found 3"]).await;
    check(&world, &["--kafka-properties", "no.such.setting=wr0ng"], 1, &["no.such.setting"]).await;
    check(&world, &["--kafka-properties", "socket.timeout.ms=wr0ng"], 1, &["socket.timeout.ms"]).await;
    check(&world, &["--kafka-properties", "acks=wr0ng"], 2, &["--kafka-properties", "acks"]).await;
    check(&world, &["--kafka-properties", "wr0ng"], 2, &["--kafka-properties", "key=value"]).await;
    world.sql.execute("DROP TABLE furthest_positions").await.expect("as before the last migrations");
    check(&world, &[], 1, &["furthest_positions", "ledger migrate"]).await;
}

async fn set_identity(world: &World, topic: &str, cluster_id: &str, partition_count: i32) {
    world.pass(Position { partition: 0, offset: 0 }).await;
    sqlx::query("UPDATE positions SET topic = ?, cluster_id = ?, partition_count = ?")
        .bind(topic)
        .bind(cluster_id)
        .bind(partition_count)
        .execute(&world.sql)
        .await
        .expect("positions");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_log_than_the_projection_was_made_from() {
    let world = World::new().await;
    set_identity(&world, "other", "c", PARTITIONS).await;
    check(&world, &[], 1, &["topic other", &world.topic]).await;
    let world = World::new().await;
    let identity = world.identity();
    set_identity(&world, &world.topic, &identity.cluster_id, PARTITIONS + 1).await;
    check(&world, &[], 1, &["expected 5", "found 4"]).await;
    set_identity(&world, &world.topic, "another-cluster", PARTITIONS).await;
    check(&world, &[], 1, &["is in another Kafka cluster", "cluster another-cluster, found"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_loses_records() {
    let world = World::new().await;
    for (setting, value, expected) in [("cleanup.policy", "compact", "delete"), ("retention.ms", "60000", "-1")] {
        world.configure(&[(setting, value)]).await;
        let says = format!("has the wrong {setting}: expected {expected}, found {value}");
        check(&world, &[], 1, &[&world.topic, &says, "kafka-configs"]).await;
    }
    world.configure(&[]).await;
    world.pass(Position { partition: 0, offset: 0 }).await;
    sqlx::query("UPDATE positions SET topic_id = 'another'").execute(&world.sql).await.expect("positions");
    check(&world, &[], 1, &[&world.topic, "was recreated", "topic id another, found"]).await;
}

#[test]
fn exit_codes_of_the_binary() {
    let binary = env!("CARGO_BIN_EXE_order-service");
    let run = |arguments: &[&str]| {
        let output = Command::new(binary).env_clear().args(arguments).output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let url = format!("mysql://u:p@{}/d", nowhere());
    assert_eq!(run(&[]).0, Some(2), "the database URL is required");
    assert_eq!(run(&["--reader-database-url", &url, "--name", "a b"]).0, Some(2));
    assert_eq!(run(&["--reader-database-url", &url, "--log", "a=b=c"]).0, Some(2));
    let (code, text) = run(&["--reader-database-url", &url, "--database-timeout-ms", "500"]);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("cannot be reached"), "{text}");
}
