//! `ledger dead-letters redrive` without a corrected event: one record or many, as they were received; run again, cut off, and refused where it could
//! only be parked again.

use serde_json::{Value, json};

use crate::setting::{Append, Projector, Setting, code, order, product_in, receipt, stderr};

fn redrive(setting: &Setting, args: &[&str], exit: i32) -> Value {
    let output = setting.ledger(&[&["dead-letters", "redrive", "--output", "json"], args].concat());
    assert_eq!(code(&output), exit, "{args:?}: {}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn counts(summary: &Value) -> (i64, i64, i64) {
    let count = |member: &str| summary[member].as_i64().expect("a count");
    (count("redriven"), count("skipped"), count("refused"))
}

fn fates(summary: &Value) -> Vec<String> {
    let items = summary["items"].as_array().expect("a list").iter();
    items
        .map(|item| {
            format!("{} {}", item["position"].as_str().unwrap_or_default(), item["fate"].as_str().unwrap_or_default())
        })
        .collect()
}

/// Orders 1 to 3 under a wrong key (2:0 to 2:2), something that is no event (2:3), and a conflicting repeat of order 4 in the product's partition 1.
async fn parked(purpose: &str) -> (Setting, Projector, String) {
    let setting = Setting::migrated(purpose);
    let projector = setting.project();
    let product = product_in(1, "bar");
    setting.append_event(&product, &receipt(1, &product, 10)).await;
    for id in 1..=3 {
        let value = order(id, &product, 1);
        setting.append(Append { partition: 2, key: Some(b"x"), value: Some(value.as_bytes()), headers: &[] }).await;
    }
    setting.append(Append { partition: 2, key: Some(b"x"), value: Some(b"no event"), headers: &[] }).await;
    setting.append_event(&product, &order(4, &product, 1)).await;
    let last = setting.append_event(&product, &order(4, &product, 2)).await;
    setting.folded_to(1, last + 1).await;
    setting.folded_to(2, 4).await;
    (setting, projector, product)
}

#[tokio::test]
async fn many_are_redriven_once_whatever_is_repeated() {
    let (setting, projector, _) = parked("many").await;
    let dry = redrive(&setting, &["--reason", "wrong-key", "--dry-run"], 0);
    assert_eq!((counts(&dry), &dry["dryRun"]), ((3, 0, 0), &json!(true)));
    assert_eq!(fates(&dry), ["2:0 would-be-redriven", "2:1 would-be-redriven", "2:2 would-be-redriven"]);
    assert_eq!(setting.number("SELECT COUNT(*) FROM redrives").await, 0);
    // One of them alone, with nothing but its position.
    assert_eq!(fates(&redrive(&setting, &["2:1"], 0)), ["2:1 redriven"]);
    let done = redrive(&setting, &["--reason", "wrong-key"], 0);
    assert_eq!(fates(&done), ["2:0 redriven", "2:1 skipped", "2:2 redriven"]);
    assert_eq!(counts(&redrive(&setting, &["--reason", "wrong-key"], 0)), (0, 3, 0));
    assert_eq!(counts(&redrive(&setting, &["--reason", "wrong-key", "--dry-run"], 0)), (0, 3, 0));
    // Receipt, order 4, its repeat, and three mends.
    setting.folded_to(1, 6).await;
    assert_eq!(setting.number("SELECT available FROM stock").await, 6);
    assert_eq!(setting.number("SELECT COUNT(*) FROM orders WHERE status = 'confirmed'").await, 4);

    // All since the beginning of time: what was refused says why, and the rest is as it was.
    let all = redrive(&setting, &["--since", "2026-01-01T00:00:00Z"], 1);
    assert_eq!(counts(&all), (0, 3, 2), "{all}");
    let details: Vec<&str> = all["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|item| item["detail"].as_str().unwrap_or_default())
        .collect();
    assert!(details[0].contains("was parked for conflicting-duplicate, which is in the event itself"), "{details:?}");
    assert!(details[4].contains("the event is refused (undecodable)"), "{details:?}");
    // Nothing is that new.
    assert_eq!(redrive(&setting, &["--since", "2126-01-01T00:00:00Z"], 0)["found"], 0);
    for (args, exit, says) in [
        (&["1:77"][..], 1, "no record is parked at 1:77"),
        (&[], 2, "required"),
        (&["2:0", "--reason", "wrong-key"], 2, "cannot be used with"),
        (&["--reason", "wrong-key", "--event", "x"], 2, "cannot be used with"),
        (&["--since", "yesterday"], 2, "must be a time"),
    ] {
        let output = setting.ledger(&[&["dead-letters", "redrive"], args].concat());
        assert_eq!(code(&output), exit, "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(says), "{args:?}: {}", stderr(&output));
    }
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

#[tokio::test]
async fn inv_5_a_run_that_dies_in_between_is_finished_by_the_next() {
    let (setting, projector, _) = parked("many_killed").await;
    for point in ["redrive.claimed", "redrive.appended", "redrive.marked"] {
        setting.killed_at(point, &["dead-letters", "redrive", "--reason", "wrong-key"]);
    }
    let done = redrive(&setting, &["--reason", "wrong-key"], 0);
    let (redriven, skipped, refused) = counts(&done);
    assert_eq!((redriven + skipped, refused), (3, 0), "{done}");
    assert_eq!(counts(&redrive(&setting, &["--reason", "wrong-key"], 0)), (0, 3, 0));
    setting.until("SELECT COUNT(*) FROM orders WHERE status = 'confirmed'", |orders| orders == 4).await;
    // However often a mend stands in the log.
    assert_eq!(setting.number("SELECT available FROM stock").await, 6);
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

#[tokio::test]
async fn a_mend_that_is_parked_again_is_not_mended_again() {
    let (setting, projector, product) = parked("mend_parked").await;
    // Order 4 with other contents, under a wrong key: in its place it conflicts.
    let value = order(4, &product, 3);
    setting.append(Append { partition: 2, key: Some(b"x"), value: Some(value.as_bytes()), headers: &[] }).await;
    setting.folded_to(2, 5).await;
    assert_eq!(fates(&redrive(&setting, &["2:4"], 0)), ["2:4 redriven"]);
    setting.folded_to(1, 4).await;
    let again = redrive(&setting, &["1:3"], 1);
    assert_eq!(fates(&again), ["1:3 refused"]);
    // Nor where its reason alone would let it pass.
    setting
        .execute("UPDATE dead_letters SET reason = 'wrong-key' WHERE kafka_partition = 1 AND kafka_offset = 3")
        .await;
    let again = redrive(&setting, &["1:3"], 1);
    assert!(
        again["items"][0]["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("the event already names what it mends")),
        "{again}"
    );
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}
