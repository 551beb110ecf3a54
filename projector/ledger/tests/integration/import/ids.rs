//! What the old world calls an order, and which order of the ledger it is.

use serde_json::json;
use uuid::Uuid;

use super::world::World;
use super::{counts, named, order, uuid};

const PLACE_NAMESPACE: Uuid = Uuid::from_u128(0x3c8d_1f52_7be0_4a69_9d14_e5a2_60f7_b83c);
/// As docs/from-kafka-connect.md names it.
const TEXT_NAMESPACE: Uuid = Uuid::from_u128(0x39ad_dc8d_401d_498f_aa3f_b92f_1eed_f6e9);
const IDS: &str = "SELECT LOWER(HEX(order_id)) FROM orders ORDER BY quantity";

fn without_id(quantity: i64) -> String {
    json!({ "user_id": "alice", "product_id": "chocolate", "qty": quantity, "unit_price": 250 }).to_string()
}

#[tokio::test]
async fn an_id_under_another_name_or_in_the_key_is_the_orders() {
    let mut world = World::start("import_ids");
    let topic = world.old_topic("legacy", 1).await;
    let under =
        |name: &str, n: u128| order(&uuid(n), "chocolate", i64::try_from(n).expect("small")).replace("order_id", name);
    let braces = order(&format!("{{{}}}", uuid(3).to_uppercase()), "chocolate", 3);
    let simple = order(&Uuid::from_u128(4).simple().to_string(), "chocolate", 4);
    let (camel, bare) = (under("orderId", 1), under("id", 2));
    world.produce(&topic, 0, &[&camel, &bare, &braces, &simple].map(|record| Some(record.as_str()))).await;
    let connect_key = json!({ "schema": { "type": "string", "optional": false }, "payload": uuid(6) }).to_string();
    let keyed = [(uuid(5), 5), (connect_key, 6), ("alice".to_owned(), 7), ("12345".to_owned(), 8)];
    let keyed: Vec<(String, String)> = keyed.into_iter().map(|(key, quantity)| (key, without_id(quantity))).collect();
    let records: Vec<(&str, &str)> = keyed.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    world.produce_keyed(&topic, 0, &records).await;

    let (summary, log) = world.import(&topic, &[]);
    assert_eq!(counts(&summary), [8, 7, 0, 1, 0]);
    assert_eq!(named(&summary["firstRefusals"]), [("0:7".to_owned(), "key".to_owned())]);
    assert!(log.contains("is no UUID, found `12345`, and nothing else names the order"), "{log}");
    world.fold().await;
    let rows = world.rows(IDS).await;
    let stated: Vec<String> = (1..7).map(|n| Uuid::from_u128(n).simple().to_string()).collect();
    assert_eq!(rows[..6], stated);
    // The key of the seventh is the user's, so its id is made of its place; nothing says that of the eighth.
    assert_eq!(rows.len(), 7);
    let (again, _) = world.import(&topic, &[]);
    assert_eq!(counts(&again), [8, 0, 7, 1, 0]);
    world.finish().await;
}

#[tokio::test]
async fn ids_that_are_no_uuids_come_over_with_a_map_of_them() {
    let mut world = World::start("import_derive");
    let topic = world.old_topic("legacy", 1).await;
    let number = order("x", "chocolate", 1).replace("\"x\"", "12345");
    let (text, quoted) = (order("ORD-2024-17", "chocolate", 2), order("a,\"b\"", "chocolate", 3));
    let real = order(&uuid(4), "chocolate", 4);
    world.produce(&topic, 0, &[&number, &text, &quoted, &real, &text].map(|record| Some(record.as_str()))).await;
    let (summary, log) = world.import(&topic, &[]);
    assert_eq!(counts(&summary), [5, 1, 0, 4, 0]);
    assert!(
        log.contains("order_id must be a UUID, found `12345`: `--derive-ids` derives one from such a text"),
        "{log}"
    );

    let file = world.folder.join("ids.csv").display().to_string();
    let args = ["--derive-ids", "--derived-ids", file.as_str()];
    let (summary, _) = world.import(&topic, &args);
    assert_eq!(counts(&summary), [5, 4, 0, 0, 0]);
    assert_eq!(summary["repeats"], 1);
    assert_eq!(summary["derivedIds"], json!({ "file": file, "ids": 3 }));
    let derived = |text: &str| Uuid::new_v5(&TEXT_NAMESPACE, text.as_bytes());
    let expected = format!(
        "old_id,order_id\n12345,{}\nORD-2024-17,{}\n\"a,\"\"b\"\"\",{}\n",
        derived("12345"),
        derived("ORD-2024-17"),
        derived("a,\"b\"")
    );
    assert_eq!(std::fs::read_to_string(&file).expect("the map"), expected);
    world.fold().await;
    let ids = ["12345", "ORD-2024-17", "a,\"b\""].map(|text| derived(text).simple().to_string());
    assert_eq!(world.rows(IDS).await[..3], ids);

    // Twice is the same as once, and the map stays as it is.
    let (again, _) = world.import(&topic, &args);
    assert_eq!(counts(&again), [5, 0, 5, 0, 0]);
    assert_eq!(std::fs::read_to_string(&file).expect("the map"), expected);
    world.finish().await;
}

/// The row of a derived id comes first: no order is ever in the ledger whose old name nobody knows.
#[cfg(feature = "failpoints")]
#[tokio::test]
async fn a_death_between_the_map_and_the_orders_loses_neither() {
    let mut world = World::start("import_map_death");
    let topic = world.old_topic("legacy", 1).await;
    let names = ["ORD-2024-17", "ORD-2024-18"];
    let records = names.map(|name| order(name, "chocolate", 1 + i64::from(name.ends_with('8'))));
    world.produce(&topic, 0, &records.each_ref().map(|record| Some(record.as_str()))).await;
    let file = world.folder.join("ids.csv").display().to_string();
    let args = ["--derive-ids", "--derived-ids", file.as_str()];
    world.killed("import.ids-written=kill", &[&["import", "--topic", &topic], &args[..]].concat());
    let ids = names.map(|name| Uuid::new_v5(&TEXT_NAMESPACE, name.as_bytes()));
    let map = format!("old_id,order_id\n{},{}\n{},{}\n", names[0], ids[0], names[1], ids[1]);
    assert_eq!(std::fs::read_to_string(&file).expect("the map"), map);
    assert_eq!(world.log_len(), 0);

    let (summary, _) = world.import(&topic, &args);
    assert_eq!(counts(&summary), [2, 2, 0, 0, 0]);
    assert_eq!(std::fs::read_to_string(&file).expect("the map"), map);
    world.fold().await;
    assert_eq!(world.rows(IDS).await, ids.map(|id| id.simple().to_string()));
    world.finish().await;
}

#[tokio::test]
async fn one_id_twice_in_a_run_is_a_repeat_or_a_conflict() {
    let world = World::start("import_repeats");
    let topic = world.old_topic("legacy", 2).await;
    let (one, other, elsewhere) =
        (order(&uuid(1), "chocolate", 3), order(&uuid(1), "chocolate", 4), order(&uuid(1), "nuts", 3));
    world.produce(&topic, 0, &[&one, &one, &other, &elsewhere].map(|record| Some(record.as_str()))).await;
    let (summary, log) = world.import_to(1, &topic, &[]);
    assert_eq!(counts(&summary), [4, 1, 0, 0, 2]);
    assert_eq!(summary["repeats"], 1);
    let why = format!("order {} stands at 0:0 of the same topic with other contents", uuid(1));
    assert!(log.contains(&format!("{topic} 0:2 conflicts: order_id {why}")), "{log}");
    assert!(log.contains(&format!("{topic} 0:3 conflicts: order_id {why}")), "{log}");
    assert_eq!(world.log_len(), 1);
    // A run that remembers no more says so.
    world.produce(&topic, 1, &[Some(&order(&uuid(2), "chocolate", 1))]).await;
    let (summary, _) = world.import_to(1, &topic, &["--remembered-orders", "1"]);
    let warning = summary["warnings"][0].as_str().expect("a warning");
    assert!(
        warning.starts_with(&format!("topic {topic} holds more than 1 new orders, and no more are remembered")),
        "{warning}"
    );
    world.finish().await;
}

#[tokio::test]
async fn a_topic_that_was_made_anew_is_another_topic() {
    let mut world = World::start("import_anew");
    let topic = world.old_topic("legacy", 1).await;
    world.produce(&topic, 0, &[&without_id(1), &without_id(2)].map(|record| Some(record.as_str()))).await;
    let (summary, _) = world.import(&topic, &[]);
    assert_eq!(counts(&summary), [2, 2, 0, 0, 0]);
    world.fold().await;
    let (again, _) = world.import(&topic, &[]);
    assert_eq!(counts(&again), [2, 0, 2, 0, 0]);

    // The same places, the same time, one record even with the same contents: three other orders.
    world.make_anew("legacy", 1).await;
    world
        .produce(&topic, 0, &[&without_id(1), &without_id(4), &without_id(5)].map(|record| Some(record.as_str())))
        .await;
    let (summary, _) = world.import(&topic, &[]);
    assert_eq!(counts(&summary), [3, 3, 0, 0, 0]);
    world.fold().await;
    let ids: std::collections::BTreeSet<String> = world.rows(IDS).await.into_iter().collect();
    assert_eq!(ids.len(), 5);
    let (again, _) = world.import(&topic, &[]);
    assert_eq!(counts(&again), [3, 0, 3, 0, 0]);
    world.finish().await;
}

#[tokio::test]
async fn what_an_earlier_version_imported_by_its_place_is_there() {
    let mut world = World::start("import_earlier");
    let topic = world.old_topic("legacy", 1).await;
    world.produce(&topic, 0, &[&without_id(1), &without_id(2)].map(|record| Some(record.as_str()))).await;
    // As the version before appended the first of them: an id without the topic's.
    let earlier = Uuid::new_v5(&PLACE_NAMESPACE, format!("order {topic} 0:0").as_bytes());
    let event = json!({ "type": "OrderPlaced", "version": 1, "order_id": earlier.to_string(), "user_id": "alice",
        "product_id": "chocolate", "quantity": 1, "unit_price": 250, "total_price": 250,
        "placed_at": "2026-11-23T10:00:00.123000Z" });
    world.append_event("chocolate", &event.to_string()).await;
    world.fold().await;
    let (summary, _) = world.import(&topic, &[]);
    assert_eq!(counts(&summary), [2, 1, 1, 0, 0]);
    world.finish().await;
}
