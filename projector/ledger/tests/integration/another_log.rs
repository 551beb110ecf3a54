//! A log that is taken away, grows, or begins to lose records: a running projector stops with its name, `status` says expected
//! and found, and what would fold it again refuses it (INV-9). And the place of an order in its user's list.

use serde_json::Value;

use crate::setting::{PARTITIONS, Projector, Setting, code, grow, last_line, order, product_in, receipt, stderr};

/// A projector that has folded one record.
async fn folding(purpose: &str) -> (Setting, Projector, String) {
    let setting = Setting::migrated(purpose);
    let projector = setting.project();
    let product = product_in(1, "bar");
    let offset = setting.append_event(&product, &receipt(1, &product, 5)).await;
    setting.folded_to(1, offset + 1).await;
    (setting, projector, product)
}

/// What `ledger status` says of a log that must not be folded.
fn refused_status(setting: &Setting) -> Value {
    let output = setting.ledger(&["status", "--output", "json"]);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    serde_json::from_slice::<Value>(&output.stdout).expect("JSON")["log"].clone()
}

fn stops(projector: Projector, says: &str) {
    let (exit, said) = projector.ended();
    assert!(exit == 1 && said.starts_with("ledger: ") && said.contains(says), "{exit} {said}");
}

#[tokio::test]
async fn inv_9_a_log_that_is_recreated_while_it_runs_stops_the_projector() {
    let (setting, projector, product) = folding("taken").await;
    let topic = setting.topic("orders");
    let expected = setting.identity().topic_id;
    setting.delete_topic(&topic).await;
    setting.create_topic(&topic, PARTITIONS, &[("retention.ms", "-1")]).await;
    // Longer than the one that was folded, so that no offset is missing.
    for id in 2..6 {
        setting.append_event(&product, &receipt(id, &product, 5)).await;
    }
    stops(projector, &format!("topic {topic} was recreated: the positions belong to topic id {expected}, found "));
    let log = refused_status(&setting);
    assert_eq!(log["foundTopicId"], setting.identity().topic_id.as_str());
    assert!(log["refusal"].as_str().is_some_and(|refusal| refusal.contains("was recreated")), "{log:#}");
    setting.finish().await;
}

#[tokio::test]
async fn inv_9_a_partition_that_is_added_while_it_runs_stops_the_projector() {
    let (setting, projector, _) = folding("grown").await;
    let topic = setting.topic("orders");
    grow(&setting.kafka(), &topic, 5).await;
    stops(projector, &format!("topic {topic} has another number of partitions: expected 4, found 5"));
    let log = refused_status(&setting);
    assert_eq!((&log["expectedPartitionCount"], &log["foundPartitionCount"]), (&4.into(), &5.into()));
    setting.finish().await;
}

#[tokio::test]
async fn inv_9_a_log_that_loses_records_is_refused_by_all() {
    let (setting, projector, product) = folding("lossy").await;
    let told = setting.ledger(&["status", "--output", "json"]);
    let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!((&told["log"]["refusal"], &told["log"]["timestampType"]), (&Value::Null, &"LogAppendTime".into()));
    setting.configure(&[("cleanup.policy", "compact"), ("retention.ms", "-1")]).await;
    let says =
        format!("topic {} has the wrong cleanup.policy: expected delete, found compact", setting.topic("orders"));
    stops(projector, &says);
    assert_eq!(refused_status(&setting)["cleanupPolicy"], "compact");
    let (exit, said) = setting.refused(&[]);
    assert!(exit == 1 && said.contains(&says), "{exit} {said}");
    for args in [
        &["verify"][..],
        &["verify", "--sample", "5"],
        &["rebuild", "--yes"],
        &["stock"],
        &["stock", "--explain", &product],
        &["import", "--topic", "old"],
        &["migrate"],
    ] {
        let output = setting.ledger(args);
        assert_eq!(code(&output), 1, "{args:?}: {}", stderr(&output));
        assert!(last_line(&output).contains(&says), "{args:?}: {}", last_line(&output));
    }
    setting.finish().await;
}

/// Orders that a service with a wrong clock stamped, between others: their places are the log's, by the broker's clock, and a
/// rebuild gives the same. What was brought in later stands at its own time.
#[tokio::test]
async fn lists_are_in_the_order_of_the_log() {
    let (setting, projector, product) = folding("listed").await;
    let now = chrono::Utc::now();
    let stamped = |id: u128, hours: i64| {
        let at = (now + chrono::TimeDelta::hours(hours)).format("%Y-%m-%dT%H:%M:%S.123456Z").to_string();
        order(id, &product, 1).replace("2026-11-23T10:00:00.123456Z", &at)
    };
    let mut last = 0;
    for (id, hours) in [(10, 0), (11, 40), (12, -5), (13, 2), (14, -300)] {
        last = setting.append_event(&product, &stamped(id, hours)).await;
    }
    setting.folded_to(1, last + 1).await;
    let listed = "SELECT CONCAT_WS(' ', kafka_offset, listed_at) FROM orders ORDER BY listed_at, kafka_offset";
    let before = setting.texts(listed).await;
    let offsets: Vec<&str> = before.iter().map(|row| row.split(' ').next().expect("an offset")).collect();
    assert_eq!(offsets, ["5", "1", "2", "3", "4"]);
    let history = "SELECT COUNT(*) FROM orders WHERE listed_at = placed_at";
    assert_eq!(setting.number(history).await, 1);
    let soon = "SELECT COUNT(*) FROM orders \
                WHERE listed_at BETWEEN UTC_TIMESTAMP(6) - INTERVAL 10 MINUTE AND UTC_TIMESTAMP(6) + INTERVAL 1 SECOND";
    assert_eq!(setting.number(soon).await, 4);
    let output = setting.ledger(&["rebuild", "--yes"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(setting.texts(listed).await, before);
    let output = setting.ledger(&["verify"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}
