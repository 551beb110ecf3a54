//! Writes: what is appended, and how a retry is answered.

use ledger_schema::Position;
use ledger_schema::domain::{IdempotencyKey, MovementId, OrderId, ProductId, UserId};
use ledger_schema::partitioner::partition_of;
use ledger_schema::wire::{Event, decode};
use rdkafka::Message;
use rdkafka::message::Headers;
use uuid::Uuid;

use crate::world::{Answer, ORDER, OrderLine, PARTITIONS, World, post};

fn order_id(answer: &Answer) -> Uuid {
    answer.json()["orderId"].as_str().expect("an order id").parse().expect("a UUID")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_lies_in_the_log_when_it_is_answered() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let answer = post(&router, "/orders", &[("traceparent", trace), ("x-request-id", "mine")], ORDER).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.header("x-request-id"), "mine");
    let (id, position) = (order_id(&answer), answer.position());
    assert_eq!(id.get_version_num(), 7);
    assert_eq!(answer.json()["status"], "pending");
    assert_eq!(answer.header("location"), format!("/orders/{id}?after={position}"));
    assert_eq!(position.partition, partition_of(b"chocolate", PARTITIONS));

    let record = world.record(position);
    assert_eq!(record.key(), Some(b"chocolate".as_slice()));
    let Ok(Event::OrderPlaced(order)) = decode(record.payload()) else { panic!("an order") };
    assert_eq!((order.order_id().as_uuid(), order.total_price().get()), (id, 750));
    let headers: Vec<(String, String)> = record
        .headers()
        .expect("headers")
        .iter()
        .map(|header| {
            let value = String::from_utf8(header.value.expect("a value").to_vec()).expect("UTF-8");
            (header.key.to_owned(), value)
        })
        .collect();
    let id = id.to_string();
    for (key, value) in [
        ("ce_specversion", "1.0"),
        ("ce_id", &id),
        ("ce_type", "OrderPlaced"),
        ("ce_source", "/order-service/a"),
        ("ce_subject", "chocolate"),
        ("content-type", "application/json"),
        ("traceparent", trace),
    ] {
        assert!(headers.contains(&(key.to_owned(), value.to_owned())), "{key}: {headers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_in_the_path_and_movements() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    let body = r#"{"productId":"CATALOG-002","quantity":1,"unitPrice":6000,"totalPrice":6000,"orderId":"77a436fd-64f9-4d35-999b-a957195f5d23"}"#;
    let answer = post(&router, "/users/a%2Fb/orders", &[], body).await;
    assert_eq!((answer.status, order_id(&answer).to_string().as_str()), (202, "77a436fd-64f9-4d35-999b-a957195f5d23"));
    let Ok(Event::OrderPlaced(order)) = decode(world.record(answer.position()).payload()) else { panic!("an order") };
    assert_eq!(order.user_id().as_str(), "a/b");

    let answer = post(&router, "/stock/caf%C3%A9%2F1/receipts", &[], r#"{"quantity":10}"#).await;
    assert_eq!((answer.status, &answer.json()["status"]), (202, &"pending".into()));
    assert_eq!(
        answer.header("location"),
        format!(
            "/stock/caf%C3%A9%2F1/movements/{}?after={}",
            answer.json()["movementId"].as_str().expect("an id"),
            answer.position()
        )
    );
    let Ok(Event::StockMoved(receipt)) = decode(world.record(answer.position()).payload()) else { panic!("a receipt") };
    assert_eq!((receipt.product_id().as_str(), receipt.delta().get()), ("café/1", 10));
    assert_eq!(receipt.movement_id().to_string(), answer.json()["movementId"].as_str().expect("an id"));

    let answer = post(&router, "/stock/chocolate/adjustments", &[], r#"{"delta":-3,"reason":"three melted"}"#).await;
    let Ok(Event::StockMoved(moved)) = decode(world.record(answer.position()).payload()) else { panic!("a movement") };
    assert_eq!((moved.delta().get(), moved.note().map(|note| note.to_string())), (-3, Some("three melted".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_gives_one_order_on_every_service() {
    let world = World::new().await;
    let (one, other) = (world.router(&[]).await, world.router(&[]).await);
    let key = [("idempotency-key", "k 1")];
    let expected =
        OrderId::from_key(&UserId::parse("alice").expect("valid"), &IdempotencyKey::parse("k 1").expect("valid"));
    let first = post(&one, "/orders", &key, ORDER).await;
    let pending = post(&other, "/users/alice/orders", &key, &ORDER.replace("\"userId\":\"alice\",", "")).await;
    for answer in [&first, &pending] {
        assert_eq!((answer.status, order_id(answer)), (202, expected.as_uuid()));
        assert_eq!(answer.json()["status"], "pending");
    }
    assert_eq!(world.records(), 2, "a retry while the first is pending is for the fold to drop");

    let position = first.position();
    let reason = Some("out-of-stock");
    world.decide(&OrderLine { order_id: expected.as_uuid(), position, reason, ..OrderLine::default() }).await;
    world.stock("chocolate", 2, position).await;
    world.pass(position).await;
    let retry = post(&other, "/orders", &key, ORDER).await;
    assert_eq!((retry.status, &retry.json()["status"], retry.position()), (202, &"rejected".into(), position));
    assert_eq!(retry.json()["reason"], "out-of-stock");
    let waiting = post(&other, "/orders", &[key[0], ("prefer", "wait=5")], ORDER).await;
    assert_eq!((waiting.status, waiting.problem().as_str()), (409, "out-of-stock"));
    assert_eq!((waiting.position(), &waiting.json()["available"]), (position, &2.into()));
    assert_eq!(waiting.header("preference-applied"), "wait=5");
    let conflict = post(&one, "/orders", &key, &ORDER.replace(":3", ":4")).await;
    assert_eq!((conflict.status, conflict.problem().as_str()), (422, "idempotency-conflict"));
    assert_eq!(world.records(), 2, "decided: nothing more is appended");
    let of_another_user = post(&one, "/orders", &key, &ORDER.replace("alice", "bob")).await;
    assert_eq!(of_another_user.status, 202, "keys are scoped by user");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_id_is_looked_up_too() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    let id = Uuid::now_v7();
    let body = ORDER.replace("250", &format!("250,\"orderId\":\"{id}\""));
    let position = post(&router, "/orders", &[], &body).await.position();
    world.decide(&OrderLine { order_id: id, position, ..OrderLine::default() }).await;
    let retry = post(&router, "/orders", &[], &body).await;
    assert_eq!((retry.status, &retry.json()["status"]), (202, &"confirmed".into()));
    let waiting = post(&router, "/orders", &[("prefer", "wait=1")], &body).await;
    assert_eq!((waiting.status, waiting.position()), (201, position));
    // (The digits of a price may stand in the id.)
    for (from, to) in [("alice", "bob"), ("chocolate", "tea"), ("\"unitPrice\":250", "\"unitPrice\":251")] {
        let conflict = post(&router, "/orders", &[], &body.replace(from, to)).await;
        assert_eq!((conflict.status, conflict.problem().as_str()), (422, "idempotency-conflict"));
        assert_eq!(conflict.json()["orderId"], id.to_string());
    }
    assert_eq!(world.records(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_gives_one_movement_of_a_product() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    let key = [("idempotency-key", "k")];
    let first = post(&router, "/stock/tea/receipts", &key, r#"{"quantity":5}"#).await;
    let id =
        MovementId::from_key(&ProductId::parse("tea").expect("valid"), &IdempotencyKey::parse("k").expect("valid"));
    assert_eq!(first.json()["movementId"], id.to_string());
    world.decide_movement(id.as_uuid(), first.position(), ("tea", "receipt", 5, None, None)).await;
    let retry = post(&router, "/stock/tea/receipts", &[key[0], ("prefer", "wait=1")], r#"{"quantity":5}"#).await;
    assert_eq!((retry.status, retry.position()), (201, first.position()));
    let other = post(&router, "/stock/tea/receipts", &key, r#"{"quantity":6}"#).await;
    assert_eq!((other.status, other.problem().as_str()), (422, "idempotency-conflict"));
    let adjustment = post(&router, "/stock/tea/adjustments", &key, r#"{"delta":5,"reason":"r"}"#).await;
    assert_eq!(adjustment.status, 422, "receipts and adjustments share the keys of a product");
    assert_eq!(world.records(), 1);

    let refused = Uuid::now_v7();
    let at = Position { partition: first.position().partition, offset: 9 };
    world.decide_movement(refused, at, ("tea", "adjustment", -9, Some("gone"), Some("below-zero"))).await;
    let key = IdempotencyKey::parse("k2").expect("valid");
    let id = MovementId::from_key(&ProductId::parse("tea").expect("valid"), &key);
    world.decide_movement(id.as_uuid(), at, ("tea", "adjustment", -9, Some("gone"), Some("below-zero"))).await;
    let headers = [("idempotency-key", "k2"), ("prefer", "wait=1")];
    let rejected = post(&router, "/stock/tea/adjustments", &headers, r#"{"delta":-9,"reason":"gone"}"#).await;
    assert_eq!((rejected.status, rejected.problem().as_str()), (409, "below-zero"));
    let another_note = post(&router, "/stock/tea/adjustments", &headers, r#"{"delta":-9,"reason":"lost"}"#).await;
    assert_eq!((another_note.status, another_note.problem().as_str()), (422, "idempotency-conflict"));
}
