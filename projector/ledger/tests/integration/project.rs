//! `ledger project` as a process, on a real Kafka and a real MariaDB: what it folds, what it parks, what it refuses, and how
//! it shares and hands over.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::Value;
use sqlx::Executor;

use crate::setting::{
    Append, PARTITIONS, Setting, code, free_address, get, grow, last_line, order, partition_of, product_in, receipt,
    request, stderr,
};
use crate::writer::{CUT_BEFORE, Proxy};

/// What `ledger status` says.
fn status(setting: &Setting) -> Value {
    let output = setting.ledger(&["status", "--output", "json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[tokio::test]
async fn records_are_folded_and_told() {
    let setting = Setting::migrated("folded");
    let output = setting.ledger(&["status"]);
    assert_eq!(code(&output), 1);
    assert!(last_line(&output).contains("there are no positions of topic"), "{}", stderr(&output));

    let projector = setting.project();
    let product = "chocolate";
    let partition = partition_of(product);
    setting.append_event(product, &receipt(1, product, 10)).await;
    setting.append_event(product, &order(2, product, 3)).await;
    setting.append_event(product, &order(2, product, 3)).await;
    let last = setting.append_event(product, &order(3, product, 8)).await;
    setting.folded_to(partition, last + 1).await;
    assert_eq!(setting.number("SELECT available FROM stock WHERE product_id = 'chocolate'").await, 7);
    let orders = setting.texts("SELECT CONCAT_WS(' ', kafka_offset, status, reason) FROM orders ORDER BY 1").await;
    assert_eq!(orders, ["1 confirmed", "3 rejected out-of-stock"]);

    let told = status(&setting);
    let index = usize::try_from(partition).expect("a partition");
    assert_eq!((&told["lag"], &told["partitions"][index]["nextOffset"]), (&0.into(), &4.into()));
    assert_eq!(told["topic"], setting.topic("orders").as_str());
    let (code_of_status, body) = get(projector.address, "/status").expect("an answer");
    let mut of_running = serde_json::from_str::<Value>(&body).expect("JSON");
    let own = of_running.as_object_mut().expect("an object");
    assert_eq!((own.remove("ready"), own.remove("reasons")), (Some(true.into()), Some(Value::Array(Vec::new()))));
    assert_eq!((code_of_status, of_running), (200, told));
    projector.until("/metrics", |_, body| {
        ["ledger_records_folded_total 4", "ledger_duplicates_total 1", "ledger_orders_total{status=\"rejected\"} 1"]
            .iter()
            .all(|line| body.lines().any(|found| found == *line))
    });
    for (method, path, expected) in [("GET", "/healthz", 200), ("GET", "/nothing", 404), ("POST", "/status", 405)] {
        let (found, body) = request(projector.address, method, path).expect("an answer");
        assert_eq!(found, expected, "{method} {path}: {body}");
        assert_eq!(body.contains(r#""type":"/problems/"#), expected >= 400, "{body}");
    }
    let (ended, took) = projector.stop();
    assert_eq!(ended, 0);
    assert!(took < Duration::from_secs(6), "{took:?}");
    setting.finish().await;
}

/// Key, value, and the reason under which it is parked.
type BadRecord<'a> = (Option<&'a [u8]>, Option<&'a [u8]>, &'a str);
/// Key, value, the value's full length, headers as JSON.
type KeptRecord = (Option<Vec<u8>>, Option<Vec<u8>>, Option<i64>, String);

#[tokio::test]
async fn inv_8_what_cannot_be_folded_is_parked_and_the_next_is_folded() {
    let setting = Setting::migrated("parked");
    let projector = setting.project();
    let (here, elsewhere) = (product_in(1, "bar"), product_in(2, "bar"));
    // Compressible or not, the broker counts what it stores: nine megabytes of noise stay below its limit.
    let megabytes: Vec<u8> = (0..9_000_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let unknown_version = order(9, &here, 1).replace("\"version\":1", "\"version\":7");
    let (wrong_key, wrong_partition) = (order(10, &here, 1), order(11, &elsewhere, 1));
    let key = here.as_bytes();
    let bad: [BadRecord<'_>; 9] = [
        (Some(key), Some(b"\xff\xfe garbage \0"), "undecodable"),
        (Some(key), None, "empty-value"),
        (Some(key), Some(b""), "empty-value"),
        (Some(key), Some(br#"{"type":"OrderEaten","version":1}"#), "unknown-type"),
        (Some(key), Some(unknown_version.as_bytes()), "unknown-version"),
        (Some(b"another"), Some(wrong_key.as_bytes()), "wrong-key"),
        (None, Some(wrong_key.as_bytes()), "wrong-key"),
        (Some(elsewhere.as_bytes()), Some(wrong_partition.as_bytes()), "wrong-partition"),
        (Some(key), Some(&megabytes), "too-large"),
    ];
    let headers: &[(&str, Option<&[u8]>)] = &[("ce_id", Some(b"\x00\xff")), ("twice", Some(b"1")), ("twice", None)];
    let mut expected = Vec::new();
    for (key, value, reason) in bad {
        let offset = setting.append(Append { partition: 1, key, value, headers }).await;
        expected.push(format!("{offset} {reason}"));
    }
    setting.append_event(&here, &receipt(1, &here, 5)).await;
    let last = setting.append_event(&here, &order(2, &here, 2)).await;
    setting.folded_to(1, last + 1).await;

    let parked = "SELECT CONCAT_WS(' ', kafka_offset, reason) FROM dead_letters ORDER BY kafka_offset";
    assert_eq!(setting.texts(parked).await, expected);
    assert_eq!(setting.number("SELECT available FROM stock").await, 3);
    let kept: Vec<KeptRecord> = sqlx::query_as(
        "SELECT message_key, message_value, value_bytes, message_headers FROM dead_letters ORDER BY kafka_offset",
    )
    .fetch_all(&mut setting.database().await)
    .await
    .expect("rows");
    for ((key, value, reason), kept) in bad.iter().zip(kept) {
        assert_eq!(kept.0.as_deref(), *key, "{reason}");
        assert_eq!(kept.1.as_deref(), *value, "{reason}");
        assert_eq!(kept.2, value.map(|value| i64::try_from(value.len()).expect("a length")), "{reason}");
        assert_eq!(kept.3, r#"[["ce_id","AP8="],["twice","MQ=="],["twice",null]]"#);
    }
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

#[tokio::test]
async fn an_idle_system_shows_an_order_at_once() {
    let setting = Setting::migrated("latency");
    let _projector = setting.project();
    let product = product_in(0, "bar");
    let mut took = Vec::new();
    setting.append_event(&product, &receipt(1, &product, 1000)).await;
    for id in 2..52 {
        let offset = setting.append_event(&product, &order(id, &product, 1)).await;
        let began = Instant::now();
        setting.folded_to(0, offset + 1).await;
        took.push(began.elapsed());
    }
    took.sort_unstable();
    let median = took[took.len() / 2];
    eprintln!("acknowledged -> folded: median {median:?}, largest {:?}", took[took.len() - 1]);
    // The aim is 20 ms on an idle machine; this one runs other tests beside.
    assert!(median < Duration::from_millis(100), "{took:?}");
    setting.finish().await;
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_3_and_one_that_refuses_is_1() {
    let setting = Setting::migrated("servers");
    let nobody = free_address().to_string();
    let url = setting.variable("LEDGER_PROJECTOR_DATABASE_URL");
    let (login, rest) = url.split_once('@').expect("user@host");
    let (_, database) = rest.split_once('/').expect("host/database");
    for (variable, value, exit, says) in [
        ("LEDGER_PROJECTOR_DATABASE_URL", format!("{login}@{nobody}/{database}"), 3, "cannot be reached"),
        ("LEDGER_PROJECTOR_DATABASE_URL", url.replace("a%27b", "wrong"), 1, "refuses user prj_"),
        ("LEDGER_KAFKA_BROKERS", nobody.clone(), 3, "cannot be reached"),
        (
            "LEDGER_ORDERS_TOPIC",
            "nothing.here".to_owned(),
            1,
            "topic nothing.here does not exist: run `ledger migrate`",
        ),
        (
            "LEDGER_OUTCOMES_TOPIC",
            "nothing.here".to_owned(),
            1,
            "topic nothing.here does not exist: run `ledger migrate`",
        ),
    ] {
        let (found, said) = setting.refused(&[(variable, &value)]);
        assert_eq!(found, exit, "{variable}: {said}");
        assert!(said.contains(says) && !said.contains("wrong%") && !said.contains("a'b"), "{said}");
    }
    assert_eq!(setting.number("SELECT COUNT(*) FROM positions").await, 0, "nothing was changed");
    let away = format!("{login}@{nobody}/{database}");
    assert_eq!(code(&setting.ledger_with(&["status"], &[("LEDGER_READER_DATABASE_URL", &away)])), 3);
    setting.finish().await;
}

#[tokio::test]
async fn a_database_that_is_not_migrated_is_refused() {
    let setting = Setting::migrated("notables");
    setting.execute("DROP TABLE _sqlx_migrations").await;
    assert_eq!(setting.refused(&[]), (1, "ledger: the database has no tables: run `ledger migrate`".to_owned()));
    setting.finish().await;
}

/// Folds one record, so that there is something to lose, and ends the projector.
async fn folded_once(purpose: &str) -> (Setting, String) {
    let setting = Setting::migrated(purpose);
    let projector = setting.project();
    let product = product_in(1, "bar");
    let offset = setting.append_event(&product, &receipt(1, &product, 5)).await;
    setting.folded_to(1, offset + 1).await;
    assert_eq!(projector.stop().0, 0);
    (setting, product)
}

const POSITIONS: &str =
    "SELECT CONCAT_WS(' ', topic, kafka_partition, next_offset, topic_id) FROM positions ORDER BY kafka_partition";

#[tokio::test]
async fn inv_9_a_recreated_topic_is_refused() {
    let (setting, _) = folded_once("recreated").await;
    let before = setting.texts(POSITIONS).await;
    let topic = setting.topic("orders");
    setting.delete_topic(&topic).await;
    setting.create_topic(&topic, PARTITIONS, &[]).await;
    let (exit, said) = setting.refused(&[]);
    assert_eq!(exit, 1);
    let expected = before[0].rsplit_once(' ').expect("an id").1;
    let start = format!("ledger: topic {topic} was recreated: the positions belong to topic id {expected}, found ");
    assert!(said.starts_with(&start), "{said}");
    assert_eq!(setting.texts(POSITIONS).await, before);
    setting.finish().await;
}

#[tokio::test]
async fn inv_9_a_changed_partition_count_is_refused() {
    let (setting, _) = folded_once("repartitioned").await;
    let before = setting.texts(POSITIONS).await;
    for topic in ["orders", "outcomes", "dead-letters", "cursors"] {
        grow(&setting.kafka(), &setting.topic(topic), PARTITIONS + 1).await;
    }
    let topic = setting.topic("orders");
    let says = format!("ledger: topic {topic} has another number of partitions: expected 4, found 5; ");
    let (exit, said) = setting.refused(&[]);
    assert!(exit == 1 && said.starts_with(&says), "{exit} {said}");
    assert_eq!(setting.texts(POSITIONS).await, before);
    setting.finish().await;
}

#[tokio::test]
async fn inv_9_positions_of_another_topic_are_refused() {
    let (setting, _) = folded_once("foreign").await;
    let before = setting.texts(POSITIONS).await;
    let other = setting.topic("other");
    setting.create_topic(&other, PARTITIONS, &[]).await;
    let says = format!("ledger: the positions belong to topic {}, expected {other}", setting.topic("orders"));
    assert_eq!(setting.refused(&[("LEDGER_ORDERS_TOPIC", &other)]), (1, says));
    setting.execute("DELETE FROM positions").await;
    let topic = setting.topic("orders");
    let says = format!(
        "ledger: table stock has rows, and there are no positions of topic {topic}: nobody can know what was folded; \
         `ledger rebuild` makes all tables anew"
    );
    assert_eq!(setting.refused(&[]), (1, says));
    setting
        .execute("INSERT INTO positions VALUES ('x', 0, 0, 'c', 't', 1, 1, 1, x'00000000000000000000000000000000')")
        .await;
    setting.delete_topic(&other).await;
    assert_eq!(before.len(), 4);
    setting.finish().await;
}

#[tokio::test]
async fn inv_8_a_log_whose_beginning_is_gone_is_refused() {
    let (setting, product) = folded_once("truncated").await;
    let before = setting.texts(POSITIONS).await;
    setting.append_event(&product, &order(2, &product, 1)).await;
    setting.delete_records(1, 1).await;
    let topic = setting.topic("orders");
    let says = format!("ledger: the beginning of topic {topic} partition 1 is gone: expected first offset 0, found 1");
    assert_eq!(setting.refused(&[]), (1, says.clone()));
    assert_eq!(setting.texts(POSITIONS).await, before);
    // A database that folded nothing yet is refused the same, and no positions are created.
    setting.execute("DELETE FROM positions").await;
    setting.execute("DELETE FROM stock").await;
    setting.execute("DELETE FROM stock_movements").await;
    assert_eq!(setting.refused(&[]), (1, says));
    assert_eq!(setting.number("SELECT COUNT(*) FROM positions").await, 0);
    setting.finish().await;
}

#[tokio::test]
async fn inv_8_a_log_that_lost_its_end_is_refused() {
    let (setting, _) = folded_once("lost").await;
    setting.execute("UPDATE positions SET next_offset = 9 WHERE kafka_partition = 1").await;
    let topic = setting.topic("orders");
    let says = format!(
        "ledger: topic {topic} partition 1 lost records: expected an end of at least 9 (the stored position), found 1"
    );
    assert_eq!(setting.refused(&[]), (1, says));
    setting.finish().await;
}

#[tokio::test]
async fn inv_8_records_that_are_deleted_while_it_runs_stop_it() {
    let setting = Setting::migrated("midway");
    let product = product_in(1, "bar");
    setting.append_event(&product, &receipt(1, &product, 5)).await;
    let projector = setting.project();
    setting.folded_to(1, 1).await;
    // Another process has gone further, and what lies before that is gone: the re-read finds the hole.
    for id in 2..6 {
        setting.append_event(&product, &order(id, &product, 1)).await;
    }
    setting.folded_to(1, 5).await;
    setting.delete_records(1, 5).await;
    setting.execute("UPDATE positions SET next_offset = 3 WHERE kafka_partition = 1").await;
    setting.append_event(&product, &order(7, &product, 1)).await;
    let (exit, said) = projector.ended();
    assert_eq!(exit, 1, "{said}");
    assert!(said.contains("is gone: expected first offset 0, found 5"), "{said}");
    setting.finish().await;
}

/// Partitions that a projector says it has in memory: those with a product.
fn products(address: std::net::SocketAddr) -> usize {
    let (_, body) = get(address, "/metrics").expect("an answer");
    let held = |line: &&str| line.starts_with("ledger_products{") && !line.ends_with(" 0");
    body.lines().filter(held).count()
}

#[tokio::test]
async fn two_projectors_share_and_hand_over() {
    let setting = Setting::migrated("shared");
    let names: Vec<String> = (0..PARTITIONS).map(|partition| product_in(partition, "bar")).collect();
    let first = setting.project();
    for (id, name) in (1..).zip(&names) {
        setting.append_event(name, &receipt(id, name, 1000)).await;
    }
    for partition in 0..PARTITIONS {
        setting.folded_to(partition, 1).await;
    }
    let second = setting.project();
    let mut sent = 1;
    let mut next = 100;
    let mut spread = BTreeSet::new();
    let began = Instant::now();
    // Orders flow while the partitions move; each partition goes on, wherever it is.
    while !(products(second.address) == 2 && products(first.address) == 2) {
        for name in &names {
            setting.append_event(name, &order(next, name, 1)).await;
            next += 1;
        }
        sent += 1;
        for partition in 0..PARTITIONS {
            setting.folded_to(partition, sent).await;
        }
        spread.insert((products(first.address), products(second.address)));
        assert!(began.elapsed() < crate::setting::LIMIT, "{spread:?}: {} {}", first.log(), second.log());
    }
    let (ended, took) = first.stop();
    assert_eq!(ended, 0);
    assert!(took < Duration::from_secs(6), "{took:?}");
    for name in &names {
        setting.append_event(name, &order(next, name, 1)).await;
        next += 1;
    }
    for partition in 0..PARTITIONS {
        setting.folded_to(partition, sent + 1).await;
    }
    // A killed one is noticed when its session ends.
    let third = setting.project();
    second.kill();
    for name in &names {
        setting.append_event(name, &order(next, name, 1)).await;
        next += 1;
    }
    for partition in 0..PARTITIONS {
        setting.folded_to(partition, sent + 2).await;
    }
    let orders = i64::try_from(next).expect("few") - 100;
    assert_eq!(setting.number("SELECT COUNT(*) FROM orders WHERE status = 'confirmed'").await, orders);
    assert_eq!(setting.number("SELECT CAST(SUM(available) AS INT) FROM stock").await, 4000 - orders);
    assert_eq!(third.stop().0, 0);
    setting.finish().await;
}

#[tokio::test]
async fn a_moved_position_is_followed() {
    let (setting, product) = folded_once("moved").await;
    let projector = setting.project();
    // As a rebuild that was swapped in: an earlier position with the state that belongs to it.
    let mut database = setting.database().await;
    let swap = "BEGIN NOT ATOMIC START TRANSACTION; UPDATE positions SET next_offset = 0 WHERE kafka_partition = 1; \
         DELETE FROM stock; DELETE FROM stock_movements; COMMIT; END";
    database.execute(swap).await.expect("swapped");
    let last = setting.append_event(&product, &order(2, &product, 2)).await;
    setting.folded_to(1, last + 1).await;
    assert_eq!(setting.number("SELECT available FROM stock").await, 3);
    projector.until("/metrics", |_, body| body.lines().any(|line| line == "ledger_position_misses_total 1"));
    projector.until_ready();
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

// The proxy needs a thread of its own: waiting for the projector's HTTP blocks one.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_database_is_waited_for() {
    let setting = Setting::migrated("outage");
    let proxy = Proxy::start(&setting).await;
    let url = proxy.url(&setting);
    let projector = setting.project_with(&[("LEDGER_PROJECTOR_DATABASE_URL", &url)]);
    projector.until_ready();
    let product = product_in(1, "bar");
    setting.append_event(&product, &receipt(1, &product, 100)).await;
    setting.folded_to(1, 1).await;

    proxy.refusing.store(true, Ordering::SeqCst);
    proxy.next_commit.store(CUT_BEFORE, Ordering::SeqCst);
    for id in 2..12 {
        setting.append_event(&product, &order(id, &product, 1)).await;
    }
    projector.until("/readyz", |status, body| status == 503 && body.contains("the database does not answer"));
    projector.until("/healthz", |status, _| status == 200);
    // Many attempts, one line.
    projector.until("/metrics", |_, body| {
        let retries = body.lines().find_map(|line| line.strip_prefix("ledger_database_retries_total "));
        retries.and_then(|count| count.parse::<u32>().ok()).is_some_and(|count| count >= 5)
    });
    let log = projector.log();
    let warnings = log.lines().filter(|line| line.contains("WARN") && line.contains("the database does not "));
    assert_eq!(warnings.count(), 1, "not one an attempt, nor one a writer: {log}");
    assert_eq!(setting.number("SELECT available FROM stock").await, 100);

    proxy.refusing.store(false, Ordering::SeqCst);
    setting.folded_to(1, 11).await;
    projector.until_ready();
    assert_eq!(setting.number("SELECT available FROM stock").await, 90);
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

#[tokio::test]
async fn a_writer_that_does_not_keep_up_pauses_its_partitions_and_loses_nothing() {
    let setting = Setting::migrated("paused");
    let few = [("LEDGER_BATCH_MAX_RECORDS", "5"), ("LEDGER_WRITERS", "1")];
    let projector = setting.project_with(&few);
    projector.until_ready();
    let names: Vec<String> = (0..PARTITIONS).map(|partition| product_in(partition, "bar")).collect();
    for (id, name) in (1..).zip(&names) {
        setting.append_event(name, &receipt(id, name, 1000)).await;
    }
    for partition in 0..PARTITIONS {
        setting.folded_to(partition, 1).await;
    }
    // Somebody holds the positions: batches wait, the intake fills, the partitions are paused.
    let mut other = setting.database().await;
    other.execute("START TRANSACTION").await.expect("begun");
    other.execute("SELECT * FROM positions FOR UPDATE").await.expect("locked");
    let mut id = 100;
    for _ in 0..50 {
        for name in &names {
            setting.append_event(name, &order(id, name, 1)).await;
            id += 1;
        }
    }
    projector.until("/metrics", |_, body| body.contains("ledger_pauses_total"));
    // The group is served meanwhile: another projector gets its share, and what was paused is handed over whole.
    let second = setting.project_with(&few);
    second.until("/metrics", |_, body| body.contains("ledger_lag_records"));
    other.execute("ROLLBACK").await.expect("released");
    for partition in 0..PARTITIONS {
        setting.folded_to(partition, 51).await;
    }
    assert_eq!(setting.number("SELECT COUNT(*) FROM orders WHERE status = 'confirmed'").await, 200);
    assert_eq!(setting.number("SELECT CAST(SUM(available) AS INT) FROM stock").await, 4000 - 200);
    assert_eq!((projector.stop().0, second.stop().0), (0, 0));
    setting.finish().await;
}
