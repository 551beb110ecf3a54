//! The end of the log is three things: the high watermark, the last stable offset, and where a position can stand. An open transaction of
//! a foreign writer, and what ended ones leave behind, must be told by them, and neither counts for the other.

use std::time::{Duration, Instant};

use ledger_kafka::LogInspector;
use ledger_kafka::replay::LogRange;
use ledger_kafka::tail::{FirstRecord, Left, Records, first_records};
use ledger_schema::log::Watermarks;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::{Value, json};

use crate::setting::{LIMIT, Projector, Setting, code, get, last_line, order, product_in, receipt, stderr};

const PARTITION: i32 = 1;

/// A foreign writer in an open transaction, with these values in it.
pub(crate) fn open_transaction(setting: &Setting, name: &str, values: &[String]) -> BaseProducer {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", setting.variable("LEDGER_KAFKA_BROKERS"))
        .set("transactional.id", format!("{}-{name}", setting.name))
        // Should the test die, the broker ends it.
        .set("transaction.timeout.ms", "120000")
        .create()
        .expect("a producer");
    producer.init_transactions(LIMIT).expect("begun");
    producer.begin_transaction().expect("begun");
    let (topic, key) = (setting.topic("orders"), product_in(PARTITION, "bar"));
    for value in values {
        let record = BaseRecord::to(&topic).partition(PARTITION).key(&key).payload(value);
        producer.send(record).map_err(|(error, _)| error).expect("sent");
    }
    producer.flush(LIMIT).expect("delivered");
    producer
}

fn orders(ids: std::ops::Range<u128>) -> Vec<String> {
    ids.map(|id| order(id, &product_in(PARTITION, "bar"), 1)).collect()
}

async fn append(setting: &Setting, ids: std::ops::Range<u128>) {
    for value in orders(ids) {
        setting.append_event(&product_in(PARTITION, "bar"), &value).await;
    }
}

/// What `ledger status` says of the partition.
fn told(setting: &Setting) -> Value {
    let output = setting.ledger(&["status", "--output", "json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let status: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let partition = status["partitions"][usize::try_from(PARTITION).expect("small")].clone();
    assert_eq!(status["lag"], partition["lag"], "nothing is in the other partitions");
    partition
}

/// Position, last stable offset, high watermark, lag.
fn offsets(partition: &Value) -> [i64; 4] {
    ["nextOffset", "stableOffset", "endOffset", "lag"].map(|name| partition[name].as_i64().expect("a number"))
}

/// The broker writes the marks of a transaction a moment after it has answered to its end.
fn check_nothing_left(setting: &Setting, expected: [i64; 4]) {
    let begun = Instant::now();
    let mut partition = told(setting);
    while offsets(&partition) != expected {
        assert!(begun.elapsed() < LIMIT, "expected {expected:?}: {partition}");
        partition = told(setting);
    }
    assert_eq!((partition["lagSeconds"].as_f64(), &partition["blockedSince"]), (Some(0.0), &Value::Null));
}

/// Waits until the last stable offset and the high watermark are these.
async fn until_ends(setting: &Setting, stable: i64, high: i64) {
    let (kafka, topic) = (setting.kafka(), setting.topic("orders"));
    let wait = move || {
        let (begun, inspector) = (Instant::now(), LogInspector::new(&kafka).expect("valid"));
        while inspector.watermarks(&topic, PARTITION).expect("Kafka answers") != (Watermarks { low: 0, stable, high }) {
            assert!(begun.elapsed() < LIMIT, "the ends are not {stable} and {high}");
        }
    };
    tokio::task::spawn_blocking(wait).await.expect("as expected");
}

fn metric(body: &str, name: &str) -> Option<f64> {
    let line = format!("ledger_{name}{{partition=\"{PARTITION}\"}} ");
    body.lines().find_map(|found| found.strip_prefix(&line)).and_then(|value| value.parse().ok())
}

fn until_metric(projector: &Projector, name: &str, value: f64) {
    projector.until("/metrics", |_, body| metric(body, name).is_some_and(|found| (found - value).abs() < 0.01));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_transaction_is_told_and_once_it_is_aborted_nothing_is_left() {
    let setting = Setting::migrated("logend");
    let projector = setting.project();
    setting.append_event(&product_in(PARTITION, "bar"), &receipt(1, &product_in(PARTITION, "bar"), 10)).await;
    setting.folded_to(PARTITION, 1).await;
    let open = open_transaction(&setting, "open", &orders(10..11));
    let opened = Instant::now();
    append(&setting, 1..4).await;

    // Acknowledged, and stuck: offset 1 is the transaction's, 2 to 4 are behind it.
    let status = told(&setting);
    assert_eq!(offsets(&status), [1, 1, 5, 4]);
    let since = status["blockedSince"].as_str().expect("a time");
    let since = chrono::DateTime::parse_from_rfc3339(since).expect("a time").to_utc();
    let age = (chrono::Utc::now() - since).to_std().expect("in the past");
    assert!(age >= Duration::from_millis(1) && age < opened.elapsed() + Duration::from_secs(5), "{age:?}");
    assert!(status["lagSeconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{status}");
    let (_, body) = get(projector.address, "/status").expect("an answer");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(offsets(&body["partitions"][1]), [1, 1, 5, 4]);
    assert_eq!(body["partitions"][1]["blockedSince"], status["blockedSince"]);
    let table = String::from_utf8(setting.ledger(&["status", "--output", "table"]).stdout).expect("UTF-8");
    let says = "partition 1 is blocked by an open transaction since ";
    assert!(table.lines().any(|line| line.starts_with(says) && line.ends_with("last stable offset 1")), "{table}");
    for (name, value) in [("lag_records", 4.0), ("end_offset", 5.0), ("stable_offset", 1.0)] {
        until_metric(&projector, name, value);
    }
    projector.until("/metrics", |_, body| metric(body, "blocked_seconds").is_some_and(|seconds| seconds > 1.0));
    assert!(metric(&get(projector.address, "/metrics").expect("an answer").1, "lag_seconds").expect("told") > 1.0);
    // Not at once, since writers' transactions are open for a moment; then it is no secret.
    projector.until("/readyz", |code, body| code == 503 && body.contains(says));
    assert!(opened.elapsed() > Duration::from_secs(9), "{:?}", opened.elapsed());

    open.abort_transaction(LIMIT).expect("aborted");
    setting.folded_to(PARTITION, 5).await;
    // Behind the last record is the transaction's mark, at which no position ever stands.
    check_nothing_left(&setting, [5, 6, 6, 0]);
    for (name, value) in [("lag_records", 0.0), ("lag_seconds", 0.0), ("blocked_seconds", 0.0), ("end_offset", 6.0)] {
        until_metric(&projector, name, value);
    }
    projector.until_ready();
    let log = projector.log();
    assert_eq!(log.matches(says).count(), 1, "one warning: {log}");
    assert!(log.contains("the transaction that blocked the partition has ended"), "{log}");
    assert_eq!(setting.number("SELECT COUNT(*) FROM orders").await, 3);
    drop(projector);
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_and_aborted_records_at_the_end_are_no_lag_with_a_projector_or_without() {
    let setting = Setting::migrated("logend_marks");
    let product = product_in(PARTITION, "bar");
    let projector = setting.project();
    setting.append_event(&product, &receipt(1, &product, 10)).await;
    open_transaction(&setting, "stands", &orders(1..2)).commit_transaction(LIMIT).expect("committed");
    open_transaction(&setting, "aborted", &orders(2..5)).abort_transaction(LIMIT).expect("aborted");
    // 0 receipt, 1 order, 2 its mark, 3 to 5 aborted, 6 their mark.
    setting.folded_to(PARTITION, 2).await;
    check_nothing_left(&setting, [2, 7, 7, 0]);
    until_metric(&projector, "lag_records", 0.0);
    assert_eq!(projector.stop().0, 0);
    check_nothing_left(&setting, [2, 7, 7, 0]);

    // Nobody folds: what comes now is left, and the marks before it do not count.
    append(&setting, 6..8).await;
    let status = told(&setting);
    assert_eq!((offsets(&status), &status["blockedSince"]), ([2, 9, 9, 2], &Value::Null));
    assert!(status["lagSeconds"].as_f64().is_some_and(|seconds| seconds > 0.0 && seconds < 60.0), "{status}");

    // A projector that begins before all of that passes it, and one that begins behind the marks has nothing to do.
    let projector = setting.project();
    setting.folded_to(PARTITION, 9).await;
    open_transaction(&setting, "again", &orders(8..9)).abort_transaction(LIMIT).expect("aborted");
    drop(projector);
    let projector = setting.project();
    until_metric(&projector, "end_offset", 11.0);
    until_metric(&projector, "lag_records", 0.0);
    check_nothing_left(&setting, [9, 11, 11, 0]);
    let (_, body) = get(projector.address, "/status").expect("an answer");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((&body["lag"], offsets(&body["partitions"][1])), (&json!(0), [9, 11, 11, 0]));
    drop(projector);
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_commands_say_which_end_they_mean() {
    let setting = Setting::migrated("logend_said");
    let product = product_in(PARTITION, "bar");
    setting.append_event(&product, &receipt(1, &product, 10)).await;
    let open = open_transaction(&setting, "open", &orders(10..11));
    append(&setting, 1..3).await;
    let says = "partition 1 is blocked by an open transaction since ";
    let ends = "it ends at 4, and is readable up to its last stable offset 1";

    // Nobody can have observed what is behind the transaction, so nothing has to wait for it: neither this command nor, later, a read.
    let begun = Instant::now();
    let migrated = setting.ledger(&["migrate", "--output", "json"]);
    assert_eq!(code(&migrated), 0, "{}", stderr(&migrated));
    assert!(String::from_utf8_lossy(&migrated.stdout).contains("reads wait until the 1 records"));
    assert!(begun.elapsed() < Duration::from_secs(25), "it does not wait for the transaction: {:?}", begun.elapsed());

    let projector = setting.project();
    setting.folded_to(PARTITION, 1).await;
    let verified = setting.ledger(&["verify", "--output", "json"]);
    assert_eq!(code(&verified), 0, "{}", stderr(&verified));
    let verified: Value = serde_json::from_slice(&verified.stdout).expect("JSON");
    let blocked = &verified["blocked"][0];
    assert_eq!(
        (&blocked["partition"], &blocked["stableOffset"], &blocked["endOffset"]),
        (&1.into(), &1.into(), &4.into())
    );
    let rebuilt = setting.ledger(&["rebuild", "--yes"]);
    assert_eq!(code(&rebuilt), 0, "{}", stderr(&rebuilt));
    let said = stderr(&rebuilt);
    assert!(said.contains(says) && said.contains(ends), "{said}");
    let now = setting.ledger(&["stock", "--product", &product, "--output", "json"]);
    assert_eq!(code(&now), 0, "{}", stderr(&now));
    assert!(stderr(&now).contains(says), "{}", stderr(&now));
    for (position, expected) in [("1:0", 0), ("1:3", 1)] {
        let asked = setting.ledger(&["stock", "--product", &product, "--as-of", position]);
        assert_eq!(code(&asked), expected, "{position}: {}", stderr(&asked));
        let behind = last_line(&asked).contains("1:3 cannot be read yet: topic ");
        assert_eq!(behind, expected == 1, "{}", stderr(&asked));
    }
    open.commit_transaction(LIMIT).expect("committed");
    setting.folded_to(PARTITION, 4).await;
    let asked = setting.ledger(&["stock", "--product", &product, "--as-of", "1:3", "--output", "json"]);
    assert_eq!(code(&asked), 0, "{}", stderr(&asked));
    assert!(!stderr(&asked).contains("blocked"), "{}", stderr(&asked));
    drop(projector);
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ends_and_the_first_record_are_what_the_broker_has() {
    let setting = Setting::migrated("logend_facts");
    append(&setting, 1..3).await;
    let aborted = open_transaction(&setting, "aborted", &orders(3..5));
    let open = open_transaction(&setting, "open", &orders(5..6));
    aborted.abort_transaction(LIMIT).expect("aborted");
    until_ends(&setting, 4, 6).await;
    append(&setting, 6..7).await;
    // 0 and 1 orders, 2 and 3 aborted, 4 open, 5 the mark of the aborted ones, 6 an order.
    let (kafka, topic) = (setting.kafka(), setting.topic("orders"));
    let facts = move || {
        let asked = LogInspector::new(&kafka).expect("valid");
        let marks = asked.watermarks_of(&topic, &[0, PARTITION]).expect("Kafka answers");
        let first = |from, to, records| {
            let range = LogRange { partition: PARTITION, from, to };
            let found = first_records(&kafka, &topic, &[range], records, LIMIT).expect("Kafka answers");
            match found.get(&PARTITION) {
                Some(Left::Record(FirstRecord { offset, millis })) => {
                    assert!(millis.is_some());
                    Ok(*offset)
                }
                Some(other) => Err(*other),
                None => panic!("each range has an answer"),
            }
        };
        let expected = Watermarks { low: 0, stable: 4, high: 7 };
        assert_eq!((marks[&0], marks[&PARTITION]), (Watermarks { low: 0, stable: 0, high: 0 }, expected));
        assert_eq!((first(0, 4, Records::Committed), first(1, 4, Records::Committed)), (Ok(0), Ok(1)));
        // The last offset before the open transaction is of an aborted one, whose mark stands behind it.
        assert_eq!(first(2, 4, Records::Committed), Err(Left::NothingYet));
        assert_eq!(first(4, 7, Records::Written), Ok(4));
        assert_eq!(first(2, 2, Records::Committed), Err(Left::Nothing));
        open.abort_transaction(LIMIT).expect("aborted");
        let begun = Instant::now();
        let ended = Watermarks { low: 0, stable: 8, high: 8 };
        while asked.watermarks(&topic, PARTITION).expect("Kafka answers") != ended {
            assert!(begun.elapsed() < LIMIT, "the mark is not written");
        }
        assert_eq!(first(2, 8, Records::Committed), Ok(6));
        assert_eq!(first(7, 8, Records::Committed), Err(Left::Nothing));
        let missing = asked.with_timeout(Duration::from_secs(2)).watermarks_of(&topic, &[77]);
        assert!(missing.is_err(), "{missing:?}");
    };
    tokio::task::spawn_blocking(facts).await.expect("as expected");
    setting.finish().await;
}
