//! Topics that a connector of changes wrote: inserts are orders, updates and deletes are named, and nothing is appended that the fold
//! would park.

use serde_json::{Value, json};

use super::world::World;
use super::{counts, named, order, uuid};

fn row(n: u128, quantity: i64) -> Value {
    serde_json::from_str(&order(&uuid(n), "chocolate", quantity)).expect("JSON")
}

fn envelope(op: &str, before: Option<Value>, after: Option<Value>) -> String {
    let source = json!({ "connector": "mysql", "ts_ms": 1 });
    json!({ "before": before, "after": after, "source": source, "op": op, "ts_ms": 1, "transaction": null }).to_string()
}

fn unwrapped(n: u128, quantity: i64, op: &str, deleted: &str) -> String {
    let mut row = row(n, quantity);
    row["__op"] = json!(op);
    row["__deleted"] = json!(deleted);
    row.to_string()
}

#[tokio::test]
async fn envelopes_are_understood_and_changes_are_named() {
    let mut world = World::start("import_envelopes");
    let topic = world.old_topic("legacy", 1).await;
    let with_schema = |payload: &str| format!(r#"{{"schema":{{"type":"struct","fields":[]}},"payload":{payload}}}"#);
    let records = [
        envelope("r", None, Some(row(1, 1))),
        with_schema(&envelope("c", None, Some(row(2, 2)))),
        // A column that is not read changed.
        envelope("u", Some(row(2, 2)), Some(row(2, 2))),
        // The same, of a database that does not write what was before.
        envelope("u", None, Some(row(1, 1))),
        envelope("u", Some(row(1, 1)), Some(row(1, 9))),
        envelope("u", None, Some(row(2, 9))),
        envelope("u", None, Some(row(3, 3))),
        envelope("d", Some(row(2, 2)), None),
    ];
    let mut values: Vec<_> = records.iter().map(|record| Some(record.as_str())).collect();
    // The tombstone that follows a delete.
    values.push(None);
    world.produce(&topic, 0, &values).await;
    let (summary, log) = world.import_to(1, &topic, &[]);
    assert_eq!(counts(&summary), [9, 2, 0, 5, 0]);
    assert_eq!((&summary["repeats"], &summary["changes"]), (&json!(2), &json!(4)));
    let fields = ["op", "op", "op", "op", "value"];
    let expected: Vec<_> = (4..9).zip(fields).map(|(at, field)| (format!("0:{at}"), field.to_owned())).collect();
    assert_eq!(named(&summary["firstRefusals"]), expected);
    for says in [
        format!("0:4 is refused: op is an update of an order (u): of {} the quantity 1 became 9", uuid(1)),
        format!("0:5 is refused: op is an update of an order (u): order {} stands at 0:1 of the same topic", uuid(2)),
        "0:6 is refused: op is an update of an order (u) that was not read before".to_owned(),
        format!("0:7 is refused: op is a delete of an order (\\\"{}\\\")", uuid(2)),
        "0:8 is refused: value there is none (a tombstone)".to_owned(),
    ] {
        assert!(log.contains(&says), "{says}: {log}");
    }
    world.fold().await;
    let tables = world.tables().await;
    assert_eq!(tables.iter().filter(|row| row.starts_with("order")).count(), 2, "{tables:#?}");
    assert!(tables.iter().all(|row| !row.starts_with("parked")), "{tables:#?}");
    // By now the ledger itself knows what the updates change.
    let (again, log) = world.import_to(1, &topic, &[]);
    assert_eq!(counts(&again), [9, 0, 4, 5, 0]);
    assert!(log.contains("with other contents: qty 2, here 9"), "{log}");
    world.finish().await;
}

#[tokio::test]
async fn unwrapped_rows_are_understood_and_changes_are_named() {
    let world = World::start("import_unwrapped");
    let topic = world.old_topic("legacy", 1).await;
    let records = [
        unwrapped(1, 1, "c", "false"),
        unwrapped(1, 1, "u", "false"),
        unwrapped(1, 9, "u", "false"),
        unwrapped(2, 2, "d", "true"),
        unwrapped(3, 3, "c", "true"),
    ];
    let values: Vec<_> = records.iter().map(|record| Some(record.as_str())).collect();
    world.produce(&topic, 0, &values).await;
    let (summary, _) = world.import_to(1, &topic, &[]);
    assert_eq!(counts(&summary), [5, 1, 0, 3, 0]);
    assert_eq!((&summary["repeats"], &summary["changes"]), (&json!(1), &json!(3)));
    assert_eq!(world.log_len(), 1);
    world.finish().await;
}

/// With `add.headers=op` the row itself says nothing.
#[tokio::test]
async fn what_happened_to_a_row_may_stand_in_a_header() {
    let world = World::start("import_op_header");
    let topic = world.old_topic("legacy", 1).await;
    let connect = r#"{"schema":{"type":"string","optional":true},"payload":"u"}"#;
    for (n, quantity, op) in [(1, 1, "c"), (2, 2, "r"), (1, 1, "u"), (1, 9, connect), (2, 2, "d"), (3, 3, "x")] {
        world.produce_with_header(&topic, ("__op", op), &row(n, quantity).to_string()).await;
    }
    let (summary, log) = world.import_to(1, &topic, &[]);
    assert_eq!(counts(&summary), [6, 2, 0, 3, 0]);
    assert_eq!((&summary["repeats"], &summary["changes"]), (&json!(1), &json!(2)));
    assert_eq!(
        named(&summary["firstRefusals"]),
        [("0:3", "op"), ("0:4", "op"), ("0:5", "__op")].map(|(at, field)| (at.to_owned(), field.to_owned()))
    );
    assert!(log.contains("0:5 is refused: __op must be c, r, u or d, found `x`"), "{log}");
    assert_eq!(world.log_len(), 2);
    world.finish().await;
}
