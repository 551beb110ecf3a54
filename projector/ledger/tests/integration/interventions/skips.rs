//! Skips: of a record that stops a partition, by whoever folds it, and of no record that anybody may have folded.

use serde_json::{Value, json};

use super::{answer, check_refused, paused_at, position};
use crate::basket::{request as asked, verified};
use crate::lines::order_of;
use crate::published::published;
use crate::rebuild::{contents, end, filled, folded, generation, rebuild};
use crate::setting::{Setting, code, order, product_in, receipt, stderr};
use crate::writer::Fed;

/// What `ledger dead-letters show` says of a record.
fn letter(setting: &Setting, position: &str) -> Value {
    let output = setting.ledger(&["dead-letters", "show", position, "--output", "json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_14_a_record_that_stops_the_projector_is_skipped_by_it_and_by_every_rebuild() {
    let setting = Setting::migrated("skipped");
    let product = product_in(1, "bar");
    let projector = setting.project();
    setting.append_event(&product, &receipt(1, &product, 10)).await;
    let held = setting.append_event(&product, &order_of(50, &[(&product, 3)], Some(86_400))).await;
    setting.folded_to(1, held + 1).await;
    assert_eq!(projector.stop().0, 0);
    // Somebody deletes a row that the fold counts on: the next record about the order cannot be written.
    setting.execute("CREATE TABLE aside AS SELECT * FROM open_orders").await;
    setting.execute("DELETE FROM open_orders").await;
    let stops = setting.append_event(&product, &asked("OrderCancelRequested", 50, &product)).await;
    let after = setting.append_event(&product, &order(51, &product, 2)).await;
    for _ in 0..2 {
        let (exit, said) = setting.refused(&[]);
        assert_eq!((exit, said.contains("table open_orders of partition 1 lacks orders")), (1, true), "{said}");
        assert_eq!(position(&setting, 1).await, stops);
    }
    let (at, why) = (stops.to_string(), "stops the projector, ticket 815");
    let skipped = answer(&setting, &["skip", "1", &at, "--reason", why]);
    assert_eq!(
        (&skipped["position"], &skipped["by"], &skipped["wasSkipped"]),
        (&json!(format!("1:{at}")), &json!("ann"), &json!(false))
    );
    let again = answer(&setting, &["skip", "1", &at, "--reason", "another reason"]);
    assert_eq!((&again["reason"], &again["wasSkipped"]), (&json!(why), &json!(true)));

    let projector = setting.project();
    setting.folded_to(1, after + 1).await;
    let position = format!("1:{stops}");
    let shown = letter(&setting, &position);
    assert_eq!(shown["reason"], "skipped", "{shown:#}");
    assert_eq!(shown["detail"], format!("skipped by ann: {why}"));
    assert_eq!(shown["value"]["text"].as_str().map(|text| text.contains("OrderCancelRequested")), Some(true));
    let letters = published(&setting, "dead-letters", 1, 1);
    assert!(
        letters[0].headers.iter().any(|(_, value)| value.as_deref() == Some(b"skipped")),
        "{:?}",
        letters[0].headers
    );
    assert_eq!(setting.number("SELECT available FROM stock").await, 5, "3 are held, and 2 sold after it");
    let listed = setting.ledger(&["dead-letters", "list", "--reason", "skipped", "--output", "json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed:#}");

    // With the row back, everybody who folds the log comes to the same, bytes and all.
    setting.execute("INSERT INTO open_orders SELECT * FROM aside").await;
    folded(&setting).await;
    let live = contents(&setting).await;
    let verdict = verified(&setting, 0);
    assert_eq!((&verdict["skipped"], &verdict["records"]), (&json!(1), &json!(after + 1)), "{verdict:#}");
    let sampled = setting.ledger(&["verify", "--sample", "100"]);
    assert_eq!(code(&sampled), 0, "{}", stderr(&sampled));
    rebuild(&setting, &[], 0, "swapped");
    assert_eq!(contents(&setting).await, live);
    let stock = setting.ledger(&["stock", "--product", &product, "--output", "json"]);
    let stock: Value = serde_json::from_slice(&stock.stdout).expect("JSON");
    assert_eq!((&stock["items"][0]["available"], &stock["skipsKnown"]), (&json!(5), &json!(true)), "{stock:#}");
    let alone = setting
        .ledger_with(&["stock", "--product", &product, "--output", "json"], &[("LEDGER_READER_DATABASE_URL", "")]);
    let alone: Value = serde_json::from_slice(&alone.stdout).expect("JSON");
    assert_eq!((&alone["items"][0]["available"], &alone["skipsKnown"]), (&json!(8), &json!(false)), "of the log alone");
    let explained = setting.ledger(&["stock", "--explain", &product, "--output", "json"]);
    let explained: Value = serde_json::from_slice(&explained.stdout).expect("JSON");
    assert_eq!(explained["entries"][2]["reason"], "skipped", "{explained:#}");

    // Mended, it is an ordinary dead letter: appended again, it takes effect.
    let redriven = setting.ledger(&["dead-letters", "redrive", &position]);
    assert_eq!(code(&redriven), 0, "{}", stderr(&redriven));
    setting.until("SELECT COUNT(*) FROM orders WHERE status = 'cancelled'", |count| count == 1).await;
    assert_eq!(setting.number("SELECT available FROM stock").await, 8);
    folded(&setting).await;
    verified(&setting, 0);
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_next_record_is_skipped() {
    let setting = Setting::migrated("skiprefused");
    let skip = |offset: i64| vec!["skip".to_owned(), "1".to_owned(), offset.to_string()];
    let check = |offset: i64, says: &str| {
        let args = skip(offset);
        let args: Vec<&str> = args.iter().map(String::as_str).chain(["--reason", "a test"]).collect();
        check_refused(&setting, &args, 1, says);
    };
    check(0, "there are no positions of topic");
    let projector = setting.project();
    let product = product_in(1, "bar");
    check(0, "1:0 does not exist: partition 1 stands at 0 and has nothing left to fold");
    setting.append_event(&product, &receipt(1, &product, 10)).await;
    setting.folded_to(1, 1).await;
    check(0, "1:0 is folded already: partition 1 stands at 1");
    check_refused(&setting, &["skip", "7", "0", "--reason", "a test"], 1, "partition 7 does not exist");
    check_refused(&setting, &["skip", "1", "1"], 2, "--reason");
    check_refused(&setting, &["skip", "1", "1", "--reason", "  "], 2, "printable characters on one line");
    // On a system that runs: paused, skipped, resumed.
    paused_at(&setting, 1);
    setting.append_event(&product, &order(2, &product, 4)).await;
    let last = setting.append_event(&product, &order(3, &product, 1)).await;
    check(last, "1:2 is not next: the next record of partition 1 to be folded is 1:1");
    check(last + 9, "is not next");
    let skipped = answer(&setting, &["skip", "1", "1", "--reason", "a test order"]);
    assert_eq!(skipped["isPaused"], true, "{skipped:#}");
    check(last, "is not next");
    assert_eq!(setting.number("SELECT COUNT(*) FROM dead_letters").await, 0, "not before it is resumed");
    answer(&setting, &["resume", "1"]);
    setting.folded_to(1, last + 1).await;
    check(1, "1:1 is folded already");
    assert_eq!(setting.number("SELECT available FROM stock").await, 9);
    assert_eq!(letter(&setting, "1:1")["detail"], "skipped by ann: a test order");
    projector.until("/metrics", |_, body| body.contains("ledger_parked_total{reason=\"skipped\"} 1"));
    assert!(!projector.log().contains("moved by somebody else"), "{}", projector.log());
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_14_a_state_from_before_a_skip_misses() {
    let setting = Setting::migrated("skipstale");
    assert_eq!(setting.project().stop().0, 0);
    let product = product_in(1, "bar");
    let values = [receipt(1, &product, 10), order(2, &product, 4), order(3, &product, 1)];
    for value in &values {
        setting.append_event(&product, value).await;
    }
    // It has loaded the partition, and has the records in hand, when the skip is written.
    let fed = Fed::start(&setting, setting.projector_url(), 1);
    fed.feed(0, &values[..1]);
    fed.settled().await;
    assert_eq!(position(&setting, 1).await, 1);
    answer(&setting, &["skip", "1", "1", "--reason", "a test"]);
    fed.feed(1, &values[1..]);
    let (mut fed, resync) = fed.resynced().await;
    assert_eq!((resync.partition, position(&setting, 1).await), (1, 1));
    fed.assign(1);
    fed.feed(1, &values[1..]);
    fed.settled().await;
    assert_eq!(position(&setting, 1).await, 3);
    assert_eq!(setting.number("SELECT available FROM stock").await, 9);
    assert_eq!(setting.texts("SELECT CONCAT_WS(' ', kafka_offset, reason) FROM dead_letters").await, ["1 skipped"]);
    fed.stop().await;
    let projector = setting.project();
    folded(&setting).await;
    verified(&setting, 0);
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_14_what_other_tables_have_folded_is_not_skipped_and_what_was_skipped_stays_so() {
    let (setting, projector) = filled("skipback").await;
    rebuild(&setting, &[], 0, "swapped");
    let (bar, at) = (product_in(1, "bar"), end(&setting, 1));
    // Skipped, and folded, by the new tables alone.
    paused_at(&setting, 1);
    setting.append_event(&bar, &order(900_001, &bar, 1)).await;
    answer(&setting, &["skip", "1", &at.to_string(), "--reason", "a test"]);
    answer(&setting, &["resume", "1"]);
    let last = setting.append_event(&bar, &order(900_002, &bar, 1)).await;
    folded(&setting).await;
    let live = contents(&setting).await;
    assert_eq!(projector.stop().0, 0);
    // Back to the tables that have neither; nobody folds them on.
    let output = setting.ledger(&["rollback", "--yes"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!((generation(&setting).await, position(&setting, 1).await), (1, at));
    let args = |offset: i64| {
        vec!["skip".to_owned(), "1".to_owned(), offset.to_string(), "--reason".to_owned(), "late".to_owned()]
    };
    let again = args(at);
    let again = answer(&setting, &again.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((&again["wasSkipped"], &again["reason"]), (&json!(true), &json!("a test")));
    let projector = setting.project();
    folded(&setting).await;
    assert_eq!(contents(&setting).await, live);
    assert_eq!(projector.stop().0, 0);
    // And one that was folded as it stands cannot be skipped by going back.
    let output = setting.ledger(&["rollback", "--yes", "--to", "2"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    setting.execute("UPDATE furthest_positions SET next_offset = next_offset + 1 WHERE kafka_partition = 1").await;
    let beyond = setting.append_event(&bar, &order(900_003, &bar, 1)).await;
    assert_eq!(beyond, last + 1);
    let late = args(beyond);
    let late: Vec<&str> = late.iter().map(String::as_str).collect();
    check_refused(&setting, &late, 1, "was folded already, by tables that are not live now");
    setting.finish().await;
}
