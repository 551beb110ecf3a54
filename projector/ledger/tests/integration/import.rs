//! `ledger import` on a real Kafka and a real MariaDB: what is taken, what is named, and that twice is the same as once.

mod changes;
mod ids;
mod topics;
mod values;
mod verify;
mod world;

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rdkafka::producer::Producer;
use serde_json::{Value, json};
use uuid::Uuid;
use world::World;

use crate::setting::PAUSE;

const ENVELOPE: &str = include_str!("../../../operator/src/import/testdata/connect-envelope.jsonl");
const LIMIT: Duration = Duration::from_secs(60);

/// A good bare payload.
fn order(order_id: &str, product_id: &str, quantity: i64) -> String {
    json!({ "order_id": order_id, "user_id": "alice", "product_id": product_id, "qty": quantity, "unit_price": 250 })
        .to_string()
}

fn uuid(n: u128) -> String {
    Uuid::from_u128(n).to_string()
}

fn counts(tally: &Value) -> [i64; 5] {
    ["read", "imported", "alreadyThere", "refused", "conflicts"].map(|name| tally[name].as_i64().expect("a count"))
}

fn named(list: &Value) -> Vec<(String, String)> {
    let text = |entry: &Value, name: &str| entry[name].as_str().map(str::to_owned).expect("text");
    list.as_array().expect("a list").iter().map(|entry| (text(entry, "position"), text(entry, "field"))).collect()
}

/// An old topic of three partitions with good records and every kind of bad one: 5 are orders, 5 are not.
async fn mixed_topic(world: &World) -> String {
    let topic = world.old_topic("legacy", 3).await;
    let without_id = r#"{"schema":{},"payload":{"user_id":"bob","product_id":"chocolate","qty":3,"unit_price":250}}"#;
    let wrong_total = r#"{"user_id":"bob","product_id":"chocolate","qty":3,"unit_price":250,"total_price":1}"#;
    let null_quantity =
        r#"{"schema":{},"payload":{"user_id":"bob","product_id":"chocolate","qty":null,"unit_price":1}}"#;
    world.produce(&topic, 0, &[Some(ENVELOPE.trim_end()), Some(without_id), Some("garbage"), Some(wrong_total)]).await;
    let (three, eight) = (order(&uuid(1), "chocolate", 3), order(&uuid(2), "chocolate", 8));
    world.produce(&topic, 1, &[Some(&three), None, Some(null_quantity), Some(&eight)]).await;
    world.produce(&topic, 2, &[Some(&order(&uuid(3), "unheard-of", 1)), Some("[]")]).await;
    topic
}

#[tokio::test]
async fn twice_is_the_same_as_once() {
    let mut world = World::start("import_twice");
    let topic = mixed_topic(&world).await;
    let csv = "product_id,quantity\nchocolate,10\nCATALOG-002,1\nnuts,0\ncandy,1\ncandy,2\n";
    let stock = world.file("stock.csv", csv);
    let args = ["--stock", stock.as_str()];

    let (summary, log) = world.import(&topic, &args);
    assert_eq!(counts(&summary), [10, 5, 0, 5, 0]);
    assert_eq!(counts(&summary["stock"]), [5, 2, 0, 3, 0]);
    let mut refusals = named(&summary["firstRefusals"]);
    refusals.sort_unstable();
    let expected = [("0:2", "value"), ("0:3", "total_price"), ("1:1", "value"), ("1:2", "qty"), ("2:1", "value")];
    assert_eq!(refusals, expected.map(|(position, field)| (position.to_owned(), field.to_owned())));
    let rows = [("line 4", "quantity"), ("line 5", "product_id"), ("line 6", "product_id")];
    let rows = rows.map(|(line, field)| (line.to_owned(), field.to_owned()));
    assert_eq!(named(&summary["stock"]["firstRefusals"]), rows);
    assert!(log.contains(&format!("{topic} 1:2 is refused: qty is missing or null")), "{log}");
    assert!(log.contains("line 4 is refused: quantity must be an integer from 1"), "{log}");

    // Nothing is folded yet, so a second run cannot know: it appends again, and the fold finds the duplicates.
    let (again, _) = world.import(&topic, &args);
    assert_eq!(counts(&again), counts(&summary));
    assert_eq!(world.log_len(), 14);

    world.fold().await;
    let tables = world.tables().await;
    let count = |kind: &str| tables.iter().filter(|row| row.starts_with(kind)).count();
    assert_eq!((count("order"), count("movement"), count("parked")), (5, 2, 0), "{tables:#?}");
    assert!(tables.contains(&"stock CATALOG-002 0".to_owned()), "{tables:#?}");
    assert_eq!(tables.iter().filter(|row| row.contains("rejected unknown-product")).count(), 1, "{tables:#?}");
    let at_the_records_time = "2026-11-23 10:00:00.123000";
    assert!(tables.iter().filter(|row| row.starts_with("order")).all(|row| row.ends_with(at_the_records_time)));

    // Now that it is folded, the next run appends nothing, and refuses the same.
    let (third, _) = world.import(&topic, &args);
    assert_eq!(counts(&third), [10, 0, 5, 5, 0]);
    assert_eq!(counts(&third["stock"]), [5, 0, 2, 3, 0]);
    assert_eq!(world.log_len(), 14);
    world.fold().await;
    assert_eq!(world.tables().await, tables);
    world.finish().await;
}

#[tokio::test]
async fn receipts_are_in_the_log_before_the_first_order() {
    let mut world = World::start("import_order");
    let topic = world.old_topic("legacy", 1).await;
    let records: Vec<String> = (0..100).map(|n| order(&uuid(n), &format!("p{}", n % 10), 1)).collect();
    world.produce(&topic, 0, &records.iter().map(|record| Some(record.as_str())).collect::<Vec<_>>()).await;
    let csv: String = (0..10).map(|n| format!("p{n},7\n")).collect();
    let stock = world.file("stock.csv", &format!("product_id,quantity\n{csv}"));
    let (summary, _) = world.import(&topic, &["--stock", &stock]);
    assert_eq!(counts(&summary), [100, 100, 0, 0, 0]);
    world.fold().await;
    // In the order of the old topic, product by product: the first seven of ten are confirmed.
    let sql = "SELECT CONCAT_WS(' ', product_id, status, COUNT(*), HEX(MAX(order_id))) FROM orders \
               GROUP BY product_id, status ORDER BY product_id, status";
    let rows = world.rows(sql).await;
    let expected: Vec<String> = (0..10_u128)
        .flat_map(|n| {
            let last = |n: u128| Uuid::from_u128(n).simple().to_string().to_uppercase();
            [format!("p{n} confirmed 7 {}", last(60 + n)), format!("p{n} rejected 3 {}", last(90 + n))]
        })
        .collect();
    assert_eq!(rows, expected);
    world.finish().await;
}

#[tokio::test]
async fn other_contents_under_a_known_id_are_named() {
    let mut world = World::start("import_conflict");
    let topic = world.old_topic("legacy", 1).await;
    world.produce(&topic, 0, &[Some(&order(&uuid(1), "chocolate", 3))]).await;
    let stock = world.file("stock.csv", "product_id,quantity\nchocolate,10\n");
    world.import(&topic, &["--stock", &stock]);
    world.fold().await;
    let (tables, log_len) = (world.tables().await, world.log_len());

    world.produce(&topic, 0, &[Some(&order(&uuid(1), "chocolate", 4))]).await;
    let stock = world.file("stock.csv", "product_id,quantity\nchocolate,11\n");
    let (summary, log) = world.import_to(1, &topic, &["--stock", &stock]);
    assert_eq!(counts(&summary), [2, 0, 1, 0, 1]);
    assert_eq!(counts(&summary["stock"]), [1, 0, 0, 0, 1]);
    let why = summary["firstConflicts"][0]["why"].as_str().expect("text");
    assert!(why.starts_with(&format!("order {} stands at ", uuid(1))), "{why}");
    assert!(why.ends_with("with other contents: qty 3, here 4"), "{why}");
    assert!(log.contains(&format!("{topic} 0:1 conflicts: order_id {why}")), "{log}");
    let why = summary["stock"]["firstConflicts"][0]["why"].as_str().expect("text");
    assert!(why.ends_with("with other contents: quantity 10, here 11"), "{why}");

    assert_eq!(world.log_len(), log_len, "a conflict is not appended");
    assert_eq!(world.tables().await, tables);
    world.finish().await;
}

#[tokio::test]
async fn following_takes_later_records_until_it_is_stopped() {
    let world = World::start("import_follow");
    let topic = world.old_topic("legacy", 2).await;
    world.produce(&topic, 0, &[Some(&order(&uuid(1), "chocolate", 1))]).await;
    let mut command = world.command(&["import", "--topic", &topic, "--follow", "--output", "json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    wait_for("the record that was there", || world.log_len() == 1);
    world.produce(&topic, 1, &[Some(&order(&uuid(2), "chocolate", 1)), Some("garbage")]).await;
    wait_for("the later record", || world.log_len() == 2);
    // The refusal is told at once, not in the end.
    let mut log = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
    let told = log.find(|line| line.contains("1:1 is refused"));
    assert!(told.is_some());
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("kill runs").success());
    assert!(log.any(|line| line.contains("read=3")), "the last line tells how far it came");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    let summary: Value = serde_json::from_slice(&output.stdout).expect("the summary is JSON");
    assert_eq!(counts(&summary), [3, 2, 0, 1, 0]);
    world.finish().await;
}

#[tokio::test]
async fn a_topic_that_ends_with_a_marker_has_an_end() {
    let world = World::start("import_marker");
    let topic = world.old_topic("legacy", 1).await;
    let (taken_back, stands) = (order(&uuid(1), "chocolate", 1), order(&uuid(2), "chocolate", 1));
    world.produce_in_transactions(&topic, &taken_back, &stands).await;
    let (summary, _) = world.import(&topic, &[]);
    assert_eq!(counts(&summary), [1, 1, 0, 0, 0]);
    assert_eq!(summary["stock"], Value::Null);
    world.finish().await;
}

#[tokio::test]
async fn an_open_transaction_is_no_end_of_the_old_topic() {
    let world = World::start("import_open");
    let topic = world.old_topic("legacy", 1).await;
    let records = |ids: std::ops::Range<u128>| ids.map(|n| order(&uuid(n), "chocolate", 1)).collect::<Vec<_>>();
    let produce = async |records: Vec<String>| {
        world.produce(&topic, 0, &records.iter().map(|record| Some(record.as_str())).collect::<Vec<_>>()).await;
    };
    produce(records(1..4)).await;
    let open = world.open_transaction(&topic, &order(&uuid(4), "chocolate", 1)).await;
    produce(records(5..10)).await;

    // It stays open: what could be read is imported, and nobody takes that for the whole.
    let log = world.refused(&["--topic", &topic, "--transaction-wait", "2"], 1);
    let since = format!("topic {topic} partition 0 is blocked by an open transaction since ");
    let ends = "it ends at 9, and is readable up to its last stable offset 3";
    assert!(log.contains(&format!("{ends}: waiting up to 2 s for the transaction to end")), "{log}");
    let last = log.lines().last().unwrap_or_default();
    assert!(last.contains(&since) && last.contains(ends) && last.contains("Waited 2 s"), "{log}");
    assert!(last.contains("3 records and rows were read, and 3 events are in the log for certain"), "{log}");

    // It is committed meanwhile: all nine.
    let mut command = world.command(&["import", "--topic", &topic, "--output", "json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut log = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
    assert!(log.any(|line| line.contains("waiting up to 90 s for the transaction to end")));
    open.commit_transaction(LIMIT).expect("Kafka answers");
    assert!(log.any(|line| line.contains("read=9")), "the last line tells how far it came");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0));
    let summary: Value = serde_json::from_slice(&output.stdout).expect("the summary is JSON");
    assert_eq!(counts(&summary), [9, 9, 0, 0, 0]);
    world.finish().await;
}

#[tokio::test]
async fn an_old_topic_without_its_beginning_is_imported_with_a_warning() {
    let world = World::start("import_expired");
    let topic = world.old_topic("legacy", 1).await;
    let records = [1, 2, 3].map(|n| order(&uuid(n), "chocolate", 1));
    world.produce(&topic, 0, &records.each_ref().map(|record| Some(record.as_str()))).await;
    world.expire(&topic, 0, 2).await;
    let (summary, log) = world.import(&topic, &[]);
    assert_eq!(counts(&summary), [1, 1, 0, 0, 0]);
    let warning = format!("topic {topic} partition 0 begins at offset 2: what was before it is gone and not imported");
    assert_eq!(summary["warnings"], json!([warning]));
    assert!(log.contains(&warning), "{log}");
    world.finish().await;
}

#[tokio::test]
async fn what_is_wrong_from_the_start_appends_nothing() {
    let world = World::start("import_refused");
    let topic = world.old_topic("legacy", 1).await;
    world.produce(&topic, 0, &[Some(&order(&uuid(1), "chocolate", 1))]).await;
    let header = world.file("header.csv", "product;quantity\nchocolate;10\n");
    let (orders, outcomes) = (world.topic("orders"), world.topic("outcomes"));
    let own = "is a topic of the ledger itself";
    for (args, code, says) in [
        (vec!["--topic", &topic, "--stock", &header], 1, "must begin with the header `product_id,quantity`"),
        (vec!["--topic", &topic, "--stock", "/nowhere.csv"], 1, "/nowhere.csv cannot be read"),
        (vec!["--topic", &orders], 1, own),
        (vec!["--topic", &outcomes], 1, own),
        (vec!["--topic", "no-such-topic"], 1, "topic no-such-topic, which is to be imported, does not exist"),
        (vec!["--topic", &topic, "--orders-topic", "nothing"], 1, "topic nothing does not exist: run `ledger migrate`"),
        (vec!["--stock", &header], 2, "--topic"),
        (vec!["--topic", &topic, "--map", "qty=n"], 2, "there is no field `qty`"),
        (vec!["--topic", &topic, "--map", "quantity"], 2, "expected FIELD=NAME, found `quantity`"),
        (vec!["--topic", &topic, "--map", "quantity=n", "--map", "quantity=m"], 2, "`quantity` is mapped twice"),
        (vec!["--topic", &topic, "--minor-units", "two"], 2, "--minor-units"),
        (vec!["--topic", &topic, "--derived-ids", "ids.csv"], 2, "--derive-ids"),
        (
            vec!["--topic", &topic, "--derive-ids", "--derived-ids", &header],
            1,
            "is no file of derived ids: expected the header `old_id,order_id`, found `product;quantity` in line 1",
        ),
        (vec!["--topic", &topic, "--kafka-brokers", "127.0.0.1:1"], 3, "Kafka at 127.0.0.1:1 cannot be reached"),
        (vec!["--topic", &topic, "--reader-database-url", "mysql://a:b@127.0.0.1:1/d"], 3, "cannot be reached"),
    ] {
        let log = world.refused(&args, code);
        assert!(log.contains(says), "{args:?}: {log}");
    }
    assert_eq!(world.log_len(), 0);
    world.finish().await;
}

#[tokio::test]
async fn a_delivery_that_fails_stops_the_import_and_says_how_far_it_came() {
    let world = World::start("import_delivery");
    let topic = world.old_topic("legacy", 1).await;
    world.produce(&topic, 0, &[Some(&order(&uuid(1), "chocolate", 1)), Some("garbage")]).await;
    world.refuse_appends().await;
    let log = world.refused(&["--topic", &topic], 1);
    let says = "until then 2 records and rows were read, and 0 events are in the log for certain; \
                running the import again is safe";
    assert!(log.contains("appending to the log") && log.contains(says), "{log}");
    assert_eq!(world.log_len(), 0);
    world.finish().await;
}

#[tokio::test]
async fn another_partition_count_than_the_positions_say_is_refused() {
    let mut world = World::start("import_count");
    let topic = world.old_topic("legacy", 1).await;
    world.produce(&topic, 0, &[Some(&order(&uuid(1), "chocolate", 1))]).await;
    world.fold().await;
    world.execute("UPDATE positions SET partition_count = 5").await;
    let log = world.refused(&["--topic", &topic], 1);
    assert!(log.contains("has another number of partitions: expected 5, found 4"), "{log}");
    assert_eq!(world.log_len(), 0);
    world.finish().await;
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < LIMIT, "waited in vain for {what}");
        std::thread::sleep(PAUSE);
    }
}
