//! `Prefer: wait` answered from the topic of outcomes, which is played here. Nothing is written to the tables unless a test
//! says so: what is answered comes from the outcome alone.

use axum::Router;
use ledger_schema::partitioner::partition_of;
use ledger_schema::wire::{AdjustmentRejected, Outcome, StockChanged};
use ledger_schema::{IdempotencyKey, OrderId, Position, UserId};
use rdkafka::producer::Producer;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::waits::{ID, waiting};
use crate::world::{Answer, ORDER, OrderLine, PARTITIONS, PATIENCE, World, eventually, get, metric, post, send};

const BY_OUTCOME: &str = r#"order_service_waits_total{ended_by="outcome"}"#;
const PATIENT: [&str; 2] = ["--max-wait-seconds", "30"];

fn line(position: Position) -> OrderLine<'static> {
    OrderLine { order_id: ID, position, ..OrderLine::default() }
}

/// A POST that waits long, in a task.
fn asking(router: &Router, uri: &str, key: &str, body: &str) -> JoinHandle<Answer> {
    let (router, uri, key, body) = (router.clone(), uri.to_owned(), key.to_owned(), body.to_owned());
    let headers = [("prefer", "wait=20"), ("idempotency-key", key.as_str())];
    let headers = headers.map(|(name, value)| (name, value.to_owned()));
    tokio::spawn(async move {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        post(&router, &uri, &headers, &body).await
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_is_the_answer() {
    let world = World::new().await;
    let router = world.router(&PATIENT).await;
    let (answer, position) = waiting(&world, &router, 1).await;
    world.publish(&line(position).outcome());
    let answer = answer.await.expect("no panic");
    assert_eq!((answer.status, &answer.json()["status"], answer.position()), (201, &"confirmed".into(), position));
    assert_eq!(answer.header("preference-applied"), "wait=20");
    assert_eq!(answer.header("location"), format!("/orders/{ID}?after={position}"));
    assert_eq!(metric(&router, BY_OUTCOME).await, 1);
    world.pass(position).await;

    // Rejected: what is left is read from the tables, which have the decision before its outcome is published.
    let (answer, position) = waiting(&world, &router, 2).await;
    let rejected = OrderLine { reason: Some("out-of-stock"), ..line(position) };
    world.stock("chocolate", 2, Position { offset: 0, ..position }).await;
    world.decide(&rejected).await;
    world.pass(position).await;
    world.publish(&rejected.outcome());
    let answer = answer.await.expect("no panic");
    assert_eq!((answer.status, answer.problem().as_str(), answer.position()), (409, "out-of-stock", position));
    assert_eq!((&answer.json()["available"], &answer.json()["orderId"]), (&2.into(), &ID.to_string().into()));
    eventually("both are seen", async || {
        (metric(&router, "order_service_outcomes_seen_total").await == 2).then_some(())
    })
    .await;
    assert_eq!(metric(&router, "order_service_waiters").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn movements_too() {
    let world = World::new().await;
    let router = world.router(&PATIENT).await;
    let partition = partition_of(b"tea", PARTITIONS);
    let receipt = asking(&router, "/stock/tea/receipts", "k1", r#"{"quantity":5}"#);
    eventually("the append", async || (world.records() == 1).then_some(())).await;
    let id_at = |offset: i64| {
        let record = world.record(Position { partition, offset });
        let payload = rdkafka::Message::payload(&record).expect("a value");
        let json: serde_json::Value = serde_json::from_slice(payload).expect("JSON");
        json["movement_id"].as_str().expect("an id").to_owned()
    };
    let (version, product_id) = (Outcome::VERSION, "tea".to_owned());
    world.publish(&Outcome::StockChanged(StockChanged {
        version,
        event_id: format!("{partition}-0-0"),
        movement_id: id_at(0),
        product_id: product_id.clone(),
        kind: "receipt".to_owned(),
        delta: 5,
        available: 5,
    }));
    let receipt = receipt.await.expect("no panic");
    assert_eq!((receipt.status, &receipt.json()["status"]), (201, &"confirmed".into()), "{receipt:?}");
    assert_eq!(receipt.position(), Position { partition, offset: 0 });
    world.pass(receipt.position()).await;

    let body = r#"{"delta":-9,"reason":"gone"}"#;
    let adjustment = asking(&router, "/stock/tea/adjustments", "k2", body);
    eventually("the append", async || (world.records() == 2).then_some(())).await;
    let (event_id, movement_id) = (format!("{partition}-1-0"), id_at(1));
    let reason = "below-zero".to_owned();
    let rejected = AdjustmentRejected { version, event_id, movement_id, product_id, delta: -9, reason };
    world.publish(&Outcome::AdjustmentRejected(rejected.clone()));
    let adjustment = adjustment.await.expect("no panic");
    assert_eq!((adjustment.status, adjustment.problem().as_str()), (409, "below-zero"));

    // The same change for another reason: an outcome does not hold the reason, so the table decides.
    world.pass(adjustment.position()).await;
    let id: Uuid = rejected.movement_id.parse().expect("a UUID");
    let other = asking(&router, "/stock/tea/adjustments", "k2", r#"{"delta":-9,"reason":"lost"}"#);
    eventually("the append", async || (world.records() == 3).then_some(())).await;
    let at = Position { partition, offset: 1 };
    world.decide_movement(id, at, ("tea", "adjustment", -9, Some("gone"), Some("below-zero"))).await;
    world.publish(&Outcome::AdjustmentRejected(rejected));
    let other = other.await.expect("no panic");
    assert_eq!((other.status, other.problem().as_str(), other.position()), (422, "idempotency-conflict", at));
    assert_eq!(metric(&router, BY_OUTCOME).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_on_one_service_are_answered_alike() {
    let world = World::new().await;
    let router = world.router(&PATIENT).await;
    let (first, position) = waiting(&world, &router, 1).await;
    let (second, _) = waiting(&world, &router, 2).await;
    world.publish(&line(position).outcome());
    for answer in [first, second] {
        let answer = answer.await.expect("no panic");
        assert_eq!((answer.status, answer.position()), (201, position), "the first record is the one that was decided");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_id_in_another_partition_is_another_request() {
    let world = World::new().await;
    let router = world.router(&PATIENT).await;
    let (answer, position) = waiting(&world, &router, 1).await;
    let elsewhere = Position { partition: (position.partition + 1) % PARTITIONS, offset: 0 };
    world.publish(&OrderLine { product_id: "tea", ..line(elsewhere) }.outcome());
    eventually("it is seen", async || (metric(&router, "order_service_outcomes_seen_total").await == 1).then_some(()))
        .await;
    world.publish(&line(position).outcome());
    let answer = answer.await.expect("no panic");
    assert_eq!((answer.status, answer.position()), (201, position));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_decoded_is_skipped_and_counted() {
    let world = World::new().await;
    let router = world.router(&PATIENT).await;
    let (answer, position) = waiting(&world, &router, 1).await;
    let good = line(position).outcome().encode();
    let unknown = String::from_utf8(good.clone()).expect("UTF-8").replace("OrderConfirmed", "OrderMelted");
    world.publish_values(position.partition, &[b"nonsense", b"", unknown.as_bytes(), &good]);
    assert_eq!(answer.await.expect("no panic").status, 201);
    assert_eq!(metric(&router, "order_service_undecodable_outcomes_total").await, 3);
    assert_eq!(get(&router, "/readyz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_committed_outcomes_count() {
    let world = World::new().await;
    let router = world.router(&PATIENT).await;
    let (answer, position) = waiting(&world, &router, 1).await;
    let producer = world.producer(&[("transactional.id", &world.outcomes_topic)]);
    producer.init_transactions(PATIENCE).expect("a transactional producer");
    let in_transaction = |line: OrderLine<'_>| {
        producer.begin_transaction().expect("begun");
        send(&producer, &world.outcomes_topic, position.partition, &[&line.outcome().encode()]);
        producer.flush(PATIENCE).expect("written");
    };
    in_transaction(OrderLine { reason: Some("out-of-stock"), ..line(position) });
    producer.abort_transaction(PATIENCE).expect("aborted");
    in_transaction(line(position));
    producer.commit_transaction(PATIENCE).expect("committed");
    assert_eq!(answer.await.expect("no panic").status, 201);
    assert_eq!(metric(&router, "order_service_outcomes_seen_total").await, 1);
}

/// Two services take one key with two bodies at the same time: neither can know of the other, so both append.
#[tokio::test(flavor = "multi_thread")]
async fn a_race_for_one_key_over_two_services() {
    let world = World::new().await;
    let (one, other) = (world.router(&PATIENT).await, world.router(&PATIENT).await);
    let (body, other_body) = (ORDER.to_owned(), ORDER.replace(":3", ":4"));
    let (first, second) = (asking(&one, "/orders", "k", &body), asking(&other, "/orders", "k", &other_body));
    eventually("both appends", async || (world.records() == 2).then_some(())).await;
    let third = post(&other, "/orders", &[("idempotency-key", "k")], &ORDER.replace(":3", ":5")).await;
    assert_eq!(third.status, 202, "without a wait nobody knows yet");
    // The log has an order of its own: its first record is the order, the second is parked.
    let partition = partition_of(b"chocolate", PARTITIONS);
    let (won, lost) = (Position { partition, offset: 0 }, Position { partition, offset: 1 });
    let record = world.record(won);
    let json: serde_json::Value =
        serde_json::from_slice(rdkafka::Message::payload(&record).expect("a value")).expect("JSON");
    let quantity = json["quantity"].as_i64().expect("a quantity");
    let key = IdempotencyKey::parse("k").expect("valid");
    let order_id = OrderId::from_key(&UserId::parse("alice").expect("valid"), &key).as_uuid();
    let line = OrderLine { order_id, quantity, ..line(won) };
    world.decide(&line).await;
    world.park(lost, "conflicting-duplicate").await;
    world.publish(&line.outcome());
    let answers = (first.await.expect("no panic"), second.await.expect("no panic"));
    let (winner, loser) = if quantity == 3 { answers } else { (answers.1, answers.0) };
    assert_eq!((winner.status, winner.position()), (201, won), "{winner:?}");
    assert_eq!((loser.status, loser.problem().as_str()), (422, "idempotency-conflict"));
    assert_eq!(loser.json()["orderId"], order_id.to_string());
    world.pass(won).await;
    for router in [&one, &other] {
        let shown = get(router, &format!("/orders/{order_id}")).await;
        assert_eq!((shown.status, &shown.json()["quantity"]), (200, &quantity.into()), "one order, on every service");
        assert_eq!(metric(router, BY_OUTCOME).await, 1);
    }
}
