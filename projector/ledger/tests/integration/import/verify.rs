//! `ledger verify-import`: rows in which the table that a sink wrote and the ledger disagree.

use serde_json::{Value, json};
use uuid::Uuid;

use super::world::World;
use super::{counts, order, uuid};

fn differing(report: &Value) -> [i64; 6] {
    ["rows", "compared", "changed", "missing", "extra", "unreadable"]
        .map(|name| report[name].as_i64().expect("a count"))
}

#[tokio::test]
async fn what_an_old_sink_stored_instead_is_named() {
    let mut world = World::start("verify_import");
    let topic = world.old_topic("legacy", 1).await;
    let text = order(&uuid(2), "chocolate", 12).replace(":12,", ":\"12\",");
    let records =
        [order(&uuid(1), "chocolate", 3), text, order(&uuid(3), "chocolate", 7), order(&uuid(4), "chocolate", 1)];
    world.produce(&topic, 0, &records.each_ref().map(|record| Some(record.as_str()))).await;
    let (summary, _) = world.import(&topic, &[]);
    assert_eq!(counts(&summary), [4, 4, 0, 0, 0]);
    world.fold().await;
    // The ledger takes an order of its own.
    let own = json!({ "type": "OrderPlaced", "version": 1, "order_id": uuid(9), "user_id": "carol", "product_id": "chocolate",
        "quantity": 1, "unit_price": 1, "total_price": 1, "placed_at": "2026-11-23T10:00:00Z" });
    world.append_event("chocolate", &own.to_string()).await;
    world.fold().await;
    world
        .execute(
            "CREATE TABLE old_orders (order_id VARCHAR(64), user_id VARCHAR(64), product_id VARCHAR(64), qty INT, unit_price INT, \
             total_price INT)",
        )
        .await;
    world
        .execute(
            "INSERT INTO old_orders VALUES \
             ('00000000-0000-0000-0000-000000000001', 'alice', 'chocolate', 3, 250, NULL), \
             ('00000000-0000-0000-0000-000000000002', 'alice', 'chocolate', 0, 250, 3000), \
             ('00000000-0000-0000-0000-000000000003', 'bob', 'chocolate', 7, 250, 1), \
             ('00000000000000000000000000000005', 'alice', 'chocolate', 1, 250, NULL), \
             ('ORD-17', 'alice', 'chocolate', 1, 250, NULL), (NULL, 'alice', 'chocolate', 1, 250, NULL)",
        )
        .await;
    let url = world.admin_database_url();
    let verify = |code, args: &[&str]| {
        let command = ["verify-import", "--url", &url, "--table", "old_orders", "--output", "json"];
        world.summary(code, &[&command[..], args].concat()).0
    };
    let report = verify(1, &["--topic", &topic]);
    assert_eq!(differing(&report), [6, 3, 2, 1, 1, 2]);
    let line = |difference: &Value| {
        let text = |name: &str| difference[name].as_str().unwrap_or("-").to_owned();
        ["kind", "orderId", "oldId", "column", "old", "ledger"].map(text).join(" | ")
    };
    let lines: Vec<String> = report["first"].as_array().expect("a list").iter().map(line).collect();
    let row = "user_id alice, product_id chocolate, quantity 1, unit_price 250";
    assert_eq!(
        lines,
        [
            format!("changed | {} | - | quantity | 0 | 12", uuid(2)),
            format!("changed | {} | - | user_id | bob | alice", uuid(3)),
            format!("changed | {} | - | total_price | 1 | 1750", uuid(3)),
            format!("missing | {} | {} | - | {row}, total_price NULL | -", uuid(5), Uuid::from_u128(5).simple()),
            format!("unreadable | - | ORD-17 | - | {row}, total_price NULL | -"),
            format!("unreadable | - | - | - | {row}, total_price NULL | -"),
            format!("extra | {} | - | - | - | {row}", uuid(4)),
        ]
    );
    // Without the topic, the ledger's own order is one that the table lacks; and an id may be derived.
    let report = verify(1, &["--derive-ids"]);
    assert_eq!(differing(&report), [6, 3, 2, 2, 2, 1]);
    assert!(report["warnings"][0].as_str().expect("a note").contains("`--topic`"), "{report}");

    // What is mended agrees.
    world.execute("DELETE FROM old_orders WHERE order_id IS NULL OR order_id IN ('ORD-17', '00000000000000000000000000000005')").await;
    world.execute("UPDATE old_orders SET qty = 12 WHERE order_id LIKE '%2'").await;
    world.execute("UPDATE old_orders SET user_id = 'alice', total_price = 1750 WHERE order_id LIKE '%3'").await;
    world.execute("INSERT INTO old_orders VALUES (UPPER('00000000-0000-0000-0000-000000000004'), 'alice', 'chocolate', 1, 250, 250)").await;
    let report = verify(0, &["--topic", &topic]);
    assert_eq!(differing(&report), [4, 4, 0, 0, 0, 0]);
    assert_eq!(report["first"], json!([]));
    world.finish().await;
}

#[tokio::test]
async fn decimals_names_and_places_are_read_as_an_import_reads_them() {
    let mut world = World::start("verify_places");
    let topic = world.old_topic("legacy", 1).await;
    let record = json!({ "kunde": "alice", "product_id": "chocolate", "qty": 3, "unit_price": 2.5 }).to_string();
    world.produce(&topic, 0, &[Some(&record), Some(&record)]).await;
    let rules = ["--map", "user_id=kunde", "--minor-units", "2"];
    let (summary, _) = world.import(&topic, &rules);
    assert_eq!(counts(&summary), [2, 2, 0, 0, 0]);
    world.fold().await;
    world
        .execute(
            "CREATE TABLE old_orders (__connect_topic VARCHAR(64), __connect_partition INT, __connect_offset BIGINT, kunde VARCHAR(64), \
             product_id VARCHAR(64), qty INT, unit_price DECIMAL(10,2))",
        )
        .await;
    world.execute("INSERT INTO old_orders VALUES ('old', 0, 0, 'alice', 'chocolate', 3, 2.50), ('old', 0, 1, 'alice', 'chocolate', 3, 2.49)").await;
    let url = world.admin_database_url();
    let command = ["verify-import", "--url", &url, "--table", "old_orders", "--topic", &topic, "--output", "json"];
    let (report, _) = world.summary(1, &[&command[..], &rules].concat());
    assert_eq!(differing(&report), [2, 2, 1, 0, 0, 0]);
    let first = &report["first"][0];
    assert_eq!(
        (&first["column"], &first["old"], &first["ledger"]),
        (&json!("unit_price"), &json!("2.49"), &json!("250"))
    );
    for (args, code, says) in [
        (&command[..], 1, "has no column for user_id: `--map user_id=NAME` names it"),
        (&[&command[..], &rules[..2]].concat()[..], 1, "column unit_price of table"),
        (&["verify-import", "--url", &url, "--table", "nothing"], 1, "there is no table nothing"),
        (&["verify-import", "--url", "mysql://a:b@127.0.0.1:1/d", "--table", "t"], 3, "cannot be reached"),
        (&["verify-import", "--table", "t"], 2, "--url (or LEDGER_OLD_DATABASE_URL) is needed"),
    ] {
        let output = world.ledger(args);
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{log}");
        assert!(log.contains(says), "{says}: {log}");
    }
    world.finish().await;
}
