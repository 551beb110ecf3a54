//! A log that is taken away, grows, or begins to lose records: a running projector stops with its name, `status` says expected
//! and found, and what would fold it again refuses it (INV-9). And the place of an order in its user's list.

use std::io::Write;
use std::process::Stdio;
use std::time::Instant;

use serde_json::Value;

use crate::setting::{
    Append, LIMIT, PARTITIONS, Projector, Setting, code, grow, last_line, order, product_in, receipt, stderr,
};

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
    // What would be gone back to, and what would be mended.
    let rebuilt = setting.ledger(&["rebuild", "--yes"]);
    assert_eq!(code(&rebuilt), 0, "{}", stderr(&rebuilt));
    let key = Some(product.as_bytes());
    let parked = setting.append(Append { partition: 1, key, value: Some(b"garbage"), headers: &[] }).await;
    setting.folded_to(1, parked + 1).await;
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
        &["rollback", "--yes"],
    ] {
        let output = setting.ledger(args);
        assert_eq!(code(&output), 1, "{args:?}: {}", stderr(&output));
        assert!(last_line(&output).contains(&says), "{args:?}: {}", last_line(&output));
    }
    let said = redrive_refused(&setting, &format!("1:{parked}"), &receipt(9, &product, 1));
    assert!(said.contains(&says), "{said}");
    assert_eq!(setting.number("SELECT COUNT(*) FROM redrives").await, 0, "nothing is claimed");
    assert_eq!(setting.number("SELECT CAST(MAX(generation) AS SIGNED) FROM positions").await, 2, "nothing is swapped");
    setting.finish().await;
}

/// Runs a redrive that has to be refused; gives what it says.
fn redrive_refused(setting: &Setting, position: &str, event: &str) -> String {
    let mut command = setting.command(&["dead-letters", "redrive", position, "--event", "-"], &[]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    // One that refuses before it reads closes the pipe.
    let _ = child.stdin.take().expect("a pipe").write_all(event.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    last_line(&output)
}

#[tokio::test]
async fn inv_9_a_log_that_begins_to_expire_while_it_runs_stops_the_projector() {
    for (setting_name, value) in [("retention.ms", "60000"), ("retention.bytes", "1000000000")] {
        let (setting, projector, _) = folding("expiring").await;
        let kept = ("retention.ms", "-1");
        setting
            .configure(&if setting_name == kept.0 {
                vec![(setting_name, value)]
            } else {
                vec![kept, (setting_name, value)]
            })
            .await;
        let says =
            format!("topic {} has the wrong {setting_name}: expected -1, found {value}", setting.topic("orders"));
        stops(projector, &says);
        let log = refused_status(&setting);
        assert!(log["refusal"].as_str().is_some_and(|refusal| refusal.contains(&says)), "{log:#}");
        setting.finish().await;
    }
}

/// Waits until the projector's log has a line with these words.
fn until_logged(projector: &Projector, words: &str) {
    let began = Instant::now();
    while !projector.log().contains(words) {
        assert!(began.elapsed() < LIMIT, "`{words}` in: {}", projector.log());
        std::thread::yield_now();
    }
}

/// The log itself is whole, so the projector goes on; but whoever restarts it would find that it does not start.
#[tokio::test]
async fn topics_of_the_relay_that_are_altered_while_it_runs_are_told_of_once() {
    let (setting, projector, product) = folding("outputs").await;
    let (outcomes, cursors) = (setting.topic("outcomes"), setting.topic("cursors"));
    setting.alter_topic(&outcomes, &[("cleanup.policy", "compact")]).await;
    setting.alter_topic(&cursors, &[("cleanup.policy", "delete")]).await;
    let of_outcomes = format!("topic {outcomes} has the wrong cleanup.policy: expected delete, found compact");
    let of_cursors = format!("topic {cursors} has the wrong cleanup.policy: expected compact, found delete");
    until_logged(&projector, &of_outcomes);
    let (exit, said) = setting.refused(&[]);
    assert!(exit == 1 && said.contains(&of_outcomes), "{exit} {said}");
    setting.alter_topic(&outcomes, &[("cleanup.policy", "delete")]).await;
    until_logged(&projector, &of_cursors);
    projector.until_ready();
    let offset = setting.append_event(&product, &receipt(2, &product, 5)).await;
    setting.folded_to(1, offset + 1).await;
    setting.alter_topic(&cursors, &[("cleanup.policy", "compact")]).await;
    until_logged(&projector, "the topics that the relay writes are as they must be again");
    let log = projector.log();
    for words in [&of_outcomes, &of_cursors] {
        let warnings = log.lines().filter(|line| line.contains("WARN") && line.contains(words.as_str()));
        assert_eq!(warnings.count(), 1, "{words} in: {log}");
    }
    assert_eq!(projector.stop().0, 0);
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
