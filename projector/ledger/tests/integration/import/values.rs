//! What the real JsonConverter, transforms and clients wrote: each value taken rightly, or refused by name.

use serde_json::{Value, json};
use uuid::Uuid;

use super::world::World;
use super::{counts, named};

/// The types that a connector declares, with `price` as that of both prices.
fn envelope(price: &Value, payload: &Value) -> String {
    let text = |name: &str| json!({ "type": "string", "optional": true, "field": name });
    let priced = |name: &str| {
        let mut schema = price.clone();
        schema["field"] = json!(name);
        schema["optional"] = json!(true);
        schema
    };
    let fields = [
        text("order_id"),
        text("user_id"),
        text("product_id"),
        json!({ "type": "int32", "optional": true, "default": 2, "field": "qty" }),
        priced("unit_price"),
        priced("total_price"),
    ];
    json!({ "schema": { "type": "struct", "fields": fields, "optional": false, "name": "orders" }, "payload": payload })
        .to_string()
}

fn decimal(scale: u32) -> Value {
    json!({ "type": "bytes", "name": "org.apache.kafka.connect.data.Decimal", "version": 1,
        "parameters": { "scale": scale.to_string(), "connect.decimal.precision": "10" } })
}

fn order(n: u128, quantity: &Value, price: &Value, total: &Value) -> Value {
    json!({ "order_id": Uuid::from_u128(n).to_string(), "user_id": "alice", "product_id": "chocolate", "qty": quantity,
        "unit_price": price, "total_price": total })
}

const AMOUNTS: &str =
    "SELECT CONCAT_WS(' ', RIGHT(HEX(order_id), 2), quantity, unit_price, total_price) FROM orders ORDER BY order_id";

#[tokio::test]
async fn prices_of_every_kind_come_over_in_minor_units() {
    let mut world = World::start("import_values");
    let topic = world.old_topic("legacy", 1).await;
    let (double, int32) = (json!({ "type": "double" }), json!({ "type": "int32" }));
    let null = Value::Null;
    let records = [
        envelope(&decimal(2), &order(1, &json!(3), &json!("APo="), &json!("Au4="))),
        envelope(&decimal(2), &order(2, &json!(3), &json!(2.5), &json!(7.5))),
        envelope(&decimal(2), &order(3, &json!(3), &json!(12), &null)),
        envelope(&double, &order(4, &json!("12"), &json!(250.0), &null)),
        envelope(&int32, &order(5, &json!(3.0), &json!("12"), &null)),
        // null, and the schema's default.
        envelope(&int32, &order(6, &null, &json!(1), &null)),
        order(7, &json!(3), &json!(2.5), &null).to_string(),
        order(8, &json!(3), &json!("2.50"), &null).to_string(),
        // What is not certain.
        envelope(&decimal(2), &order(9, &json!(7.9), &json!("APo="), &null)),
        envelope(&decimal(2), &order(10, &json!(4_294_967_297_i64), &json!("APo="), &null)),
        envelope(&decimal(2), &order(11, &json!(3), &json!("APo="), &json!("Alg="))),
        order(12, &json!(3), &json!(2.505), &null).to_string(),
        order(13, &json!("drei"), &json!(2.5), &null).to_string(),
    ];
    let values: Vec<_> = records.iter().map(|record| Some(record.as_str())).collect();
    world.produce(&topic, 0, &values).await;

    let (summary, log) = world.import(&topic, &["--minor-units", "2"]);
    assert_eq!(counts(&summary), [13, 8, 0, 5, 0]);
    let fields = ["qty", "qty", "total_price", "unit_price", "qty"];
    let expected: Vec<_> = (8..13).zip(fields).map(|(at, field)| (format!("0:{at}"), field.to_owned())).collect();
    assert_eq!(named(&summary["firstRefusals"]), expected);
    assert!(log.contains("total_price must be quantity * unit price = 750, found 600"), "{log}");
    world.fold().await;
    let rows = world.rows(AMOUNTS).await;
    assert_eq!(
        rows,
        [
            "01 3 250 750",
            "02 3 250 750",
            "03 3 1200 3600",
            "04 12 25000 300000",
            "05 3 1200 3600",
            "06 2 100 200",
            "07 3 250 750",
            "08 3 250 750",
        ]
    );
    let (again, _) = world.import(&topic, &["--minor-units", "2"]);
    assert_eq!(counts(&again), [13, 0, 8, 5, 0]);
    world.finish().await;
}

#[tokio::test]
async fn a_unit_that_nobody_said_is_asked_for() {
    let world = World::start("import_unit");
    let topic = world.old_topic("legacy", 1).await;
    let records = [
        envelope(&decimal(2), &order(1, &json!(3), &json!("APo="), &Value::Null)),
        envelope(&decimal(2), &order(2, &json!(3), &json!(12), &Value::Null)),
        order(3, &json!(3), &json!(2.5), &Value::Null).to_string(),
        order(4, &json!(3), &json!("250"), &Value::Null).to_string(),
    ];
    let values: Vec<_> = records.iter().map(|record| Some(record.as_str())).collect();
    world.produce(&topic, 0, &values).await;
    // Nothing can be taken: that is no good end.
    let (summary, _) = world.import_to(1, &topic, &[]);
    assert_eq!(counts(&summary), [4, 0, 0, 4, 0]);
    for (refusal, says) in summary["firstRefusals"].as_array().expect("a list").iter().zip([
        "is a Decimal with 2 decimal digits, found `\\\"APo=\\\"`: ",
        "is a Decimal with 2 decimal digits, found `12`: ",
        "must be an integer of minor units, found `2.5`: ",
        "must be an integer of minor units, found `\\\"250\\\"`: ",
    ]) {
        let why = refusal["why"].as_str().expect("text");
        assert!(why.starts_with(says) && why.contains("--minor-units N"), "{why}");
    }
    assert_eq!(world.log_len(), 0);
    // The unit is the minor unit: then the doubles and the texts are what they are, and the fractions are not.
    let (summary, _) = world.import(&topic, &["--minor-units", "0"]);
    assert_eq!(counts(&summary), [4, 2, 0, 2, 0]);
    world.finish().await;
}

#[tokio::test]
async fn fields_under_other_names_and_times_of_the_rows_are_taken() {
    let mut world = World::start("import_names");
    let topic = world.old_topic("legacy", 1).await;
    let camel = json!({ "orderId": Uuid::from_u128(1).to_string(), "userId": "alice", "productId": "chocolate", "quantity": 3,
        "unitPrice": 250, "totalPrice": 750, "placedAt": "2024-02-29T13:00:00+01:00" });
    let wrong = json!({ "order_id": Uuid::from_u128(2).to_string(), "user_id": "alice", "product_id": "chocolate", "qty": 3,
        "unit_price": 250, "totalPrice": 600 });
    let mapped = json!({ "nr": Uuid::from_u128(3).to_string(), "kunde": "bob", "artikel": "chocolate", "menge": 2, "preis": 250,
        "created": 1_709_208_000_000_i64 });
    let records = [camel, wrong, mapped].map(|record| record.to_string());
    world.produce(&topic, 0, &records.each_ref().map(|record| Some(record.as_str()))).await;
    let (summary, log) = world.import(&topic, &[]);
    assert_eq!(counts(&summary), [3, 1, 0, 2, 0]);
    assert!(log.contains("0:1 is refused: totalPrice must be quantity * unit price = 750, found 600"), "{log}");
    let maps = [
        "order_id=nr",
        "user_id=kunde",
        "product_id=artikel",
        "quantity=menge",
        "unit_price=preis",
        "placed_at=created",
    ];
    let args: Vec<&str> = maps.iter().flat_map(|map| ["--map", map]).chain(["--epoch", "ms"]).collect();
    let (summary, _) = world.import(&topic, &args);
    assert_eq!(counts(&summary), [3, 1, 0, 2, 0]);
    world.fold().await;
    let rows = world.rows("SELECT CONCAT_WS(' ', RIGHT(HEX(order_id), 2), user_id, quantity, placed_at) FROM orders ORDER BY order_id").await;
    assert_eq!(rows, ["01 alice 3 2024-02-29 12:00:00.000000", "03 bob 2 2024-02-29 12:00:00.000000"]);
    world.finish().await;
}
