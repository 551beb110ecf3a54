//! `ledger stock`: as of a record, as of a time, and explained, against a fold by hand.

use serde_json::{Value, json};

use crate::setting::{Append, PAUSE, Setting, code, last_line, order, partition_of, product_in, receipt, stderr};

fn stock(setting: &Setting, args: &[&str]) -> Value {
    let output = setting.ledger(&[&["stock", "--output", "json"], args].concat());
    assert_eq!(code(&output), 0, "{args:?}: {}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn levels(answer: &Value) -> Vec<(String, i64, String)> {
    let item = |item: &Value| {
        let text = |name: &str| item[name].as_str().expect("text").to_owned();
        (text("productId"), item["available"].as_i64().expect("a number"), text("position"))
    };
    answer["items"].as_array().expect("a list").iter().map(item).collect()
}

fn check_refused(setting: &Setting, args: &[&str], exit: i32, says: &str) {
    let output = setting.ledger(&[&["stock"], args].concat());
    assert_eq!(code(&output), exit, "{args:?}: {}", stderr(&output));
    assert!(stderr(&output).contains(says), "{args:?}: {}", stderr(&output));
}

fn adjustment(id: u128, product: &str, delta: i64) -> String {
    let id = uuid::Uuid::from_u128(id);
    format!(
        r#"{{"type":"StockAdjusted","version":1,"movement_id":"{id}","product_id":"{product}","delta":{delta},"reason":"counted","occurred_at":"2026-11-23T11:00:00Z"}}"#
    )
}

/// What happens to `bar` in partition 1, and what is left after each: worked out by hand.
fn history(bar: &str) -> Vec<(String, Option<i64>, &'static str)> {
    vec![
        (order(1, bar, 1), None, "rejected"), // unknown-product
        (receipt(2, bar, 10), Some(10), "confirmed"),
        (order(3, bar, 3), Some(7), "confirmed"),
        (order(3, bar, 3), Some(7), "duplicate"),
        (order(3, bar, 4), Some(7), "parked"),   // conflicting-duplicate
        (order(4, bar, 8), Some(7), "rejected"), // out-of-stock
        (adjustment(5, bar, -2), Some(5), "confirmed"),
        (adjustment(6, bar, -6), Some(5), "rejected"), // below-zero
        (receipt(2, bar, 10), Some(5), "duplicate"),
        (order(7, bar, 5), Some(0), "confirmed"),
        ("no JSON".to_owned(), Some(0), "parked"),
        (receipt(8, bar, 1), Some(1), "confirmed"),
    ]
}

#[tokio::test]
async fn stock_is_as_it_was_after_each_record() {
    let setting = Setting::migrated("asof");
    let (bar, other) = (product_in(1, "bar"), product_in(2, "other"));
    setting.append_event(&other, &receipt(100, &other, 4)).await;
    let mut changed = None;
    for (n, (event, available, outcome)) in history(&bar).into_iter().enumerate() {
        let offset = setting.append_event(&bar, &event).await;
        assert_eq!(usize::try_from(offset), Ok(n));
        changed = if outcome == "confirmed" { Some(offset) } else { changed };
        let answer = stock(&setting, &["--as-of", &format!("1:{offset}")]);
        let expected: Vec<_> =
            available.map(|left| (bar.clone(), left, format!("1:{}", changed.unwrap_or(-1)))).into_iter().collect();
        assert_eq!(levels(&answer), expected, "1:{offset}");
        assert_eq!(answer["nextOffsets"], json!({ "1": offset + 1 }));
    }
    // The beginning of the log says the same when more stands behind it.
    for (offset, (_, available, _)) in history(&bar).into_iter().enumerate() {
        let answer = stock(&setting, &["--as-of", &format!("1:{offset}")]);
        assert_eq!(levels(&answer).first().map(|(_, left, _)| *left), available, "1:{offset}");
    }
    let now = [(bar.clone(), 1, "1:11".to_owned()), (other.clone(), 4, "2:0".to_owned())];
    assert_eq!(levels(&stock(&setting, &[])), now);
    assert_eq!(levels(&stock(&setting, &["--product", &other])), now[1..]);
    // As the tables have it.
    let projector = setting.project();
    setting.folded_to(1, 12).await;
    setting.folded_to(2, 1).await;
    let sql = "SELECT CONCAT_WS(' ', product_id, available, CONCAT(kafka_partition, ':', kafka_offset)) FROM stock ORDER BY 1";
    let folded: Vec<String> =
        now.iter().map(|(product, left, position)| format!("{product} {left} {position}")).collect();
    assert_eq!(setting.texts(sql).await, folded);
    assert_eq!(projector.stop().0, 0);

    check_refused(&setting, &["--product", "nowhere"], 1, "product nowhere is not known as of now");
    check_refused(
        &setting,
        &["--product", &bar, "--as-of", "1:0"],
        1,
        &format!("product {bar} is not known as of 1:0"),
    );
    check_refused(&setting, &["--as-of", "1:12"], 1, "1:12 lies beyond the log: partition 1 of topic");
    check_refused(&setting, &["--as-of", "0:0"], 1, "0:0 lies beyond the log");
    check_refused(&setting, &["--as-of", "4:0"], 1, "4:0 does not exist");
    check_refused(&setting, &["--product", &bar, "--as-of", "2:0"], 1, "lies in partition 1, and 2:0 is of another");
    check_refused(&setting, &["--as-of", "yesterday"], 2, "must be PARTITION:OFFSET or a time");
    check_refused(&setting, &["--product", &bar, "--explain", &bar], 2, "cannot be used with");
    setting.finish().await;
}

#[tokio::test]
async fn stock_is_as_it_was_at_a_time() {
    let setting = Setting::migrated("attime");
    let (bar, other) = (product_in(1, "bar"), product_in(2, "other"));
    check_refused(&setting, &["--product", &bar], 1, "is not known as of now");
    let before = chrono::Utc::now();
    until_after(before).await;
    setting.append_event(&bar, &receipt(1, &bar, 10)).await;
    let between = chrono::Utc::now();
    until_after(between).await;
    setting.append_event(&bar, &order(2, &bar, 4)).await;
    setting.append_event(&other, &receipt(3, &other, 1)).await;
    let at = |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339();
    assert_eq!(levels(&stock(&setting, &["--as-of", &at(between)])), [(bar.clone(), 10, "1:0".to_owned())]);
    until_after(chrono::Utc::now()).await;
    let after = levels(&stock(&setting, &["--as-of", &at(chrono::Utc::now())]));
    assert_eq!(after, [(bar.clone(), 6, "1:1".to_owned()), (other, 1, "2:0".to_owned())]);
    check_refused(&setting, &["--as-of", &at(before)], 1, "lies before the log: the first record of topic");
    check_refused(&setting, &["--as-of", "1999-01-01T00:00:00Z"], 1, "lies before the log");
    check_refused(&setting, &["--as-of", "2999-01-01T00:00:00Z"], 1, "2999-01-01T00:00:00Z has not come yet");
    setting.finish().await;
}

/// Kafka counts time in milliseconds: waits for the next one.
async fn until_after(time: chrono::DateTime<chrono::Utc>) {
    while chrono::Utc::now().timestamp_millis() <= time.timestamp_millis() + 1 {
        tokio::time::sleep(PAUSE).await;
    }
}

#[tokio::test]
async fn a_number_is_explained_by_every_record_that_made_it() {
    let setting = Setting::migrated("explain");
    let (bar, neighbour) = (product_in(1, "bar"), product_in(1, "neighbour"));
    for (event, _, _) in history(&bar) {
        setting.append_event(&bar, &event).await;
    }
    // Another product takes an id of the neighbour's: a conflict, that the neighbour's history does not show.
    setting.append_event(&neighbour, &receipt(50, &neighbour, 2)).await;
    setting.append_event(&bar, &receipt(50, &bar, 2)).await;
    let misplaced = receipt(60, &bar, 1);
    setting
        .append(Append { partition: 2, key: Some(bar.as_bytes()), value: Some(misplaced.as_bytes()), headers: &[] })
        .await;

    let explained = stock(&setting, &["--explain", &bar]);
    assert_eq!((&explained["available"], &explained["events"]), (&json!(1), &json!(13)));
    let entries = explained["entries"].as_array().expect("a list");
    for ((n, entry), (_, balance, outcome)) in entries.iter().enumerate().zip(history(&bar)) {
        assert_eq!((&entry["balance"], &entry["outcome"]), (&json!(balance), &json!(outcome)), "{entry:#}");
        assert_eq!(entry["position"], format!("1:{n}"));
    }
    let reasons: Vec<_> = entries.iter().filter_map(|entry| entry["reason"].as_str()).collect();
    let expected = [
        "unknown-product",
        "conflicting-duplicate",
        "out-of-stock",
        "below-zero",
        "undecodable",
        "conflicting-duplicate",
    ];
    assert_eq!(reasons, expected);
    assert_eq!(
        (&entries[2]["by"], &entries[2]["asked"], &entries[2]["event"]),
        (&json!("alice"), &json!(-3), &json!("order"))
    );
    assert_eq!((&entries[6]["by"], &entries[6]["event"]), (&json!("counted"), &json!("adjustment")));
    assert_eq!(entries[2]["time"], "2026-11-23T10:00:00.123456Z");

    let last = stock(&setting, &["--explain", &bar, "--limit", "2", "--as-of", "1:9"]);
    assert_eq!((&last["events"], &last["available"]), (&json!(10), &json!(0)));
    let positions: Vec<_> =
        last["entries"].as_array().expect("a list").iter().map(|entry| &entry["position"]).collect();
    assert_eq!(positions, ["1:8", "1:9"]);
    let table = setting.ledger(&["stock", "--explain", &bar, "--limit", "2", "--output", "table"]);
    let table = String::from_utf8(table.stdout).expect("text");
    let summary = format!(
        "{bar} as of now: 1 available, 0 held, 13 records about it; 11 earlier ones are not listed (raise --limit)"
    );
    assert_eq!(table.lines().last(), Some(summary.as_str()));
    check_refused(&setting, &["--explain", "nowhere"], 1, "product nowhere is not known as of now");
    check_refused(&setting, &["--limit", "3"], 2, "--explain");
    let said = setting.ledger_with(&["stock"], &[("LEDGER_KAFKA_BROKERS", "127.0.0.1:1")]);
    assert_eq!(code(&said), 3, "{}", last_line(&said));
    assert_eq!(partition_of(&bar), 1);
    setting.finish().await;
}
