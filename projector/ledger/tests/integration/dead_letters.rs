//! `ledger dead-letters`: what is listed and shown, and that a redrive appends once, names what it mends, and can be run again.

use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::basket::{basket, settled, statuses, verified};
use crate::published::published;
use crate::setting::{Append, Setting, code, last_line, order, partition_of, product_in, receipt, stderr};

fn answer(setting: &Setting, args: &[&str]) -> Value {
    let output = setting.ledger(&[&["dead-letters"], args, &["--output", "json"]].concat());
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn positions(listing: &Value) -> Vec<&str> {
    listing["items"].as_array().expect("a list").iter().map(|item| item["position"].as_str().expect("text")).collect()
}

/// `redrive POSITION --event -`, with the event on standard input.
fn redrive(setting: &Setting, position: &str, event: &str) -> Output {
    let args = ["dead-letters", "redrive", position, "--event", "-", "--output", "json"];
    let mut command = setting.command(&args, &[]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    // One that refuses before it reads closes the pipe.
    let _ = child.stdin.take().expect("a pipe").write_all(event.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn redriven(setting: &Setting, position: &str, event: &str) -> Value {
    let output = redrive(setting, position, event);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn check_refused(setting: &Setting, position: &str, event: &str, says: &str) {
    let output = redrive(setting, position, event);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    assert!(last_line(&output).contains(says), "expected {says}\nfound {}", last_line(&output));
}

/// Two parked orders (1:0 of no JSON, 2:0 under a wrong key) and a product in stock.
async fn parked(purpose: &str) -> (Setting, crate::setting::Projector, String) {
    let setting = Setting::migrated(purpose);
    let projector = setting.project();
    let product = product_in(1, "bar");
    let headers: &[(&str, Option<&[u8]>)] =
        &[("ce_id", Some(b"\x00\xff")), ("note", Some("caf\u{e9}\u{1b}".as_bytes()))];
    setting.append(Append { partition: 1, key: Some(b"\xfe"), value: Some(b"\xff no JSON"), headers }).await;
    let misplaced = order(9, &product, 1);
    setting.append(Append { partition: 2, key: Some(b"x"), value: Some(misplaced.as_bytes()), headers: &[] }).await;
    let last = setting.append_event(&product, &receipt(1, &product, 10)).await;
    setting.folded_to(1, last + 1).await;
    setting.folded_to(2, 1).await;
    (setting, projector, product)
}

#[tokio::test]
async fn parked_records_are_listed_and_shown_whole() {
    let (setting, _projector, product) = parked("listed").await;
    let all = answer(&setting, &["list"]);
    assert_eq!((positions(&all), &all["more"]), (vec!["1:0", "2:0"], &json!(false)));
    assert_eq!(all["items"][0]["reason"], "undecodable");
    assert_eq!(all["items"][0]["key"], json!({ "base64": "/g==" }));
    assert_eq!((&all["items"][0]["valueBytes"], &all["items"][0]["redriven"]), (&json!(9), &Value::Null));
    assert_eq!(positions(&answer(&setting, &["list", "--reason", "wrong-key"])), ["2:0"]);
    assert_eq!(positions(&answer(&setting, &["list", "--reason", "too-large"])), [""; 0]);
    assert_eq!(positions(&answer(&setting, &["list", "--partition", "1"])), ["1:0"]);
    let one = answer(&setting, &["list", "--limit", "1"]);
    assert_eq!((positions(&one), &one["more"]), (vec!["1:0"], &json!(true)));

    let shown = answer(&setting, &["show", "1:0"]);
    assert_eq!(shown["value"], json!({ "base64": "/yBubyBKU09O" }));
    assert_eq!(
        shown["headers"],
        json!([{ "name": "ce_id", "value": { "base64": "AP8=" } }, { "name": "note", "value": { "text": "caf\u{e9}\u{1b}" } }])
    );
    assert_eq!(answer(&setting, &["show", "2:0"])["value"], json!({ "text": order(9, &product, 1) }));
    let table = setting.ledger(&["dead-letters", "show", "1:0", "--output", "table"]);
    let table = String::from_utf8(table.stdout).expect("text");
    assert!(table.contains("00000000  ff 20 6e 6f 20 4a 53 4f 4e") && !table.contains('\u{1b}'), "{table}");

    for (args, exit, says) in [
        (&["show", "1:7"][..], 1, "no record is parked at 1:7"),
        (&["show", "1-7"], 2, ""),
        (&["list", "--reason", "bad-luck"], 2, ""),
        (&["redrive", "1:0", "--event", "/nowhere/at/all"], 1, "/nowhere/at/all: "),
    ] {
        let output = setting.ledger(&[&["dead-letters"], args].concat());
        assert_eq!(code(&output), exit, "{args:?}: {}", stderr(&output));
        assert!(last_line(&output).contains(says), "{}", stderr(&output));
    }
    setting.finish().await;
}

#[tokio::test]
async fn a_redrive_appends_once_and_names_what_it_mends() {
    let (setting, projector, product) = parked("redriven").await;
    let good = order(9, &product, 4);
    check_refused(&setting, "1:1", &good, "no record is parked at 1:1");
    check_refused(&setting, "2:0", "{", "the event is refused (undecodable): ");
    check_refused(&setting, "2:0", &good.replace("400", "401"), "the event is refused (wrong-total): total_price");
    assert_eq!(setting.number("SELECT COUNT(*) FROM redrives").await, 0);

    let before =
        setting.texts("SELECT HEX(CONCAT_WS(',', reason, detail, message_value)) FROM dead_letters ORDER BY 1").await;
    let done = redriven(&setting, "2:0", &good);
    assert_eq!((&done["mended"], &done["position"], &done["resumed"]), (&json!("2:0"), &json!("1:2"), &json!(false)));
    setting.folded_to(1, 3).await;
    assert_eq!(setting.number("SELECT available FROM stock").await, 6);
    let records = published(&setting, "orders", partition_of(&product), 3);
    let mend = &records[2];
    assert_eq!((mend.header("ledger_mends"), mend.header("ce_type")), ("2:0".to_owned(), "OrderPlaced".to_owned()));
    assert_eq!(mend.header("ce_id"), uuid::Uuid::from_u128(9).to_string());
    assert_eq!(mend.key.as_deref(), Some(product.as_bytes()));
    assert_eq!(mend.json()["mends"], json!({ "partition": 2, "offset": 0 }));

    check_refused(&setting, "2:0", &good, "2:0 is redriven already: the event that mends it stands at 1:2");
    check_refused(&setting, "2:0", &order(10, &product, 1), "2:0 is redriven already");
    let listed = answer(&setting, &["list"]);
    assert_eq!(listed["items"][1]["redriven"], json!({ "state": "appended", "position": "1:2" }));
    assert_eq!(listed["items"][0]["redriven"], Value::Null);
    let after =
        setting.texts("SELECT HEX(CONCAT_WS(',', reason, detail, message_value)) FROM dead_letters ORDER BY 1").await;
    assert_eq!(before, after);
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

#[tokio::test]
async fn inv_5_a_redrive_that_died_is_finished_with_the_same_event_only() {
    let (setting, projector, product) = parked("resumed").await;
    let good = order(9, &product, 4);
    redriven(&setting, "2:0", &good);
    // As it is when the process dies after the append, before the mark: and before the append, for all that anybody can know.
    setting.execute("UPDATE redrives SET appended_partition = NULL, appended_offset = NULL").await;
    assert_eq!(answer(&setting, &["list"])["items"][1]["redriven"], json!({ "state": "unfinished" }));
    let other = order(10, &product, 4);
    check_refused(&setting, "2:0", &other, "a redrive of 2:0 with another event is not finished");
    // Laid out otherwise, but the same.
    let again = redriven(&setting, "2:0", &good.replace(',', ",\n  "));
    assert_eq!((&again["position"], &again["resumed"]), (&json!("1:3"), &json!(true)));
    check_refused(&setting, "2:0", &good, "stands at 1:3");
    setting.folded_to(1, 4).await;
    assert_eq!(setting.number("SELECT available FROM stock").await, 6);
    assert_eq!(setting.number("SELECT COUNT(*) FROM orders").await, 1);
    assert_eq!(projector.stop().0, 0);
    setting.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_several_lines_is_redriven_under_its_own_key() {
    let (setting, projector, product) = parked("lines").await;
    let other = product_in(3, "other");
    setting.append_event(&other, &receipt(2, &other, 5)).await;
    // A total that is not the sum of its lines.
    let good = basket(20, &[(&product, 2), (&other, 3)], None, chrono::Utc::now());
    let bad = good.replace("\"total_price\":500", "\"total_price\":501");
    let offset = setting.append_event(&product, &bad).await;
    setting.folded_to(1, offset + 1).await;
    let position = format!("1:{offset}");
    assert_eq!(positions(&answer(&setting, &["list", "--reason", "wrong-total"])), [position.as_str()]);
    check_refused(&setting, &position, &bad, "the event is refused (wrong-total): total_price");
    let done = redriven(&setting, &position, &good);
    assert_eq!(done["eventType"], "OrderPlaced");
    settled(&setting).await;
    assert_eq!(statuses(&setting, 20).await, ["confirmed reserved"; 2]);
    // An event between partitions that was parked goes where its own key belongs, too, and is a repeat there.
    let told = published(&setting, "orders", 3, 2);
    let requested = String::from_utf8(told[1].value.clone().expect("a value")).expect("text");
    setting.append(Append { partition: 2, key: Some(b"x"), value: Some(requested.as_bytes()), headers: &[] }).await;
    setting.folded_to(2, 2).await;
    let done = redriven(&setting, "2:1", &requested);
    assert_eq!(
        (&done["eventType"], done["position"].as_str().map(|at| &at[..2])),
        (&json!("LineRequested"), Some("3:"))
    );
    settled(&setting).await;
    assert_eq!(setting.number("SELECT COUNT(*) FROM reservations").await, 1);
    assert_eq!(projector.stop().0, 0);
    let found = verified(&setting, 0);
    assert_eq!((&found["between"]["missing"], &found["between"]["extra"]), (&json!(0), &json!(0)), "{found:#}");
    setting.finish().await;
}
