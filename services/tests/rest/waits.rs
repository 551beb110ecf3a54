//! `Prefer: wait` and `?after=` while the relay lags: answered when the projection gets there, and not much later than
//! the client allowed. With outcomes: `outcomes`.

use std::time::{Duration, Instant};

use axum::Router;
use ledger_schema::Position;
use ledger_schema::partitioner::partition_of;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::world::{Answer, ORDER, OrderLine, PARTITIONS, World, eventually, get, metric, post};

pub(crate) const ID: Uuid = Uuid::from_u128(0x77a4_36fd_64f9_4d35_999b_a957_195f_5d23);

/// Sends the order with a long wait, and returns once it lies in the log.
pub(crate) async fn waiting(world: &World, router: &Router, records: i64) -> (JoinHandle<Answer>, Position) {
    let body = ORDER.replace("250", &format!("250,\"orderId\":\"{ID}\""));
    let router = router.clone();
    let answer = tokio::spawn(async move { post(&router, "/orders", &[("prefer", "wait=20")], &body).await });
    eventually("the append", async || (world.records() == records).then_some(())).await;
    let partition = partition_of(b"chocolate", PARTITIONS);
    (answer, Position { partition, offset: records - 1 })
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_are_waited_for() {
    let world = World::new().await;
    let router = world.router(&["--max-wait-seconds", "30"]).await;
    let (answer, position) = waiting(&world, &router, 1).await;
    world.decide(&OrderLine { order_id: ID, position, ..OrderLine::default() }).await;
    world.pass(position).await;
    let answer = answer.await.expect("no panic");
    assert_eq!((answer.status, &answer.json()["status"], answer.position()), (201, &"confirmed".into(), position));
    assert_eq!(answer.header("preference-applied"), "wait=20");
    assert_eq!(answer.header("location"), format!("/orders/{ID}?after={position}"));
    assert_eq!(metric(&router, "order_service_waiters").await, 0);
    assert_eq!(metric(&router, r#"order_service_waits_total{ended_by="projection"}"#).await, 1);
    assert!(metric(&router, "order_service_projection_polls_total").await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rejections_are_problems() {
    let world = World::new().await;
    let router = world.router(&["--max-wait-seconds", "30"]).await;
    let (answer, position) = waiting(&world, &router, 1).await;
    let reason = Some("unknown-product");
    world.decide(&OrderLine { order_id: ID, position, reason, ..OrderLine::default() }).await;
    world.pass(position).await;
    let answer = answer.await.expect("no panic");
    assert_eq!((answer.status, answer.problem().as_str(), answer.position()), (409, "unknown-product", position));
    assert_eq!(answer.json()["orderId"], ID.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_race_for_one_id_is_a_conflict() {
    let world = World::new().await;
    let router = world.router(&["--max-wait-seconds", "30"]).await;
    // Another order took the id, in the same partition and just before.
    let (answer, position) = waiting(&world, &router, 1).await;
    world.decide(&OrderLine { order_id: ID, position, quantity: 4, ..OrderLine::default() }).await;
    world.pass(position).await;
    let answer = answer.await.expect("no panic");
    assert_eq!((answer.status, answer.problem().as_str()), (422, "idempotency-conflict"));
}

#[tokio::test(flavor = "multi_thread")]
async fn parked_records_say_why() {
    for (reason, status, word) in
        [("conflicting-duplicate", 422, "idempotency-conflict"), ("wrong-partition", 409, "wrong-partition")]
    {
        let world = World::new().await;
        let router = world.router(&["--max-wait-seconds", "30"]).await;
        let (answer, position) = waiting(&world, &router, 1).await;
        world.park(position, reason).await;
        world.pass(position).await;
        let answer = answer.await.expect("no panic");
        assert_eq!((answer.status, answer.problem().as_str(), answer.position()), (status, word, position));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_is_over_in_time() {
    let world = World::new().await;
    let router = world.router(&["--max-wait-seconds", "1"]).await;
    let started = Instant::now();
    for (prefer, applied) in [("wait=0", "wait=0"), ("respond-async, wait=100", "wait=1")] {
        let answer = post(&router, "/orders", &[("prefer", prefer)], ORDER).await;
        assert_eq!((answer.status, &answer.json()["status"]), (202, &"pending".into()));
        assert_eq!(answer.header("preference-applied"), applied);
    }
    let ignored = post(&router, "/orders", &[("prefer", "wait=soon")], ORDER).await;
    assert_eq!((ignored.status, ignored.header("preference-applied")), (202, ""));
    assert!(started.elapsed().as_secs() < 10);
    assert_eq!(metric(&router, r#"order_service_waits_total{ended_by="time-over"}"#).await, 2);
    // No place to wait: as if the time were over.
    let full = world.router(&["--max-waiters", "0"]).await;
    assert_eq!(post(&full, "/orders", &[("prefer", "wait=10")], ORDER).await.status, 202);
    // The position has passed and nothing stands there: a rebuild was swapped in. The order is in the log, so: pending.
    let position = post(&router, "/orders", &[], ORDER).await.position();
    world.pass(Position { offset: position.offset + 100, ..position }).await;
    assert_eq!(post(&router, "/orders", &[("prefer", "wait=1")], ORDER).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_wait_for_a_position() {
    let world = World::new().await;
    let router = world.router(&["--max-wait-seconds", "1"]).await;
    let position = Position { partition: 2, offset: 5 };
    world.fill(position.partition, 6);
    world.stock("tea", 7, position).await;
    world.pass(Position { partition: 2, offset: 4 }).await;
    for uri in [format!("/orders/{ID}?after={position}"), format!("/stock/tea?after={position}")] {
        let early = get(&router, &uri).await;
        assert_eq!((early.status, early.problem().as_str(), early.position()), (503, "not-yet-projected", position));
    }
    assert_eq!(get(&router, "/stock/tea").await.status, 200, "without after it does not wait");
    // What the log does not have is not waited for.
    for beyond in ["2:6", "2:9223372036854775807", "0:0"] {
        let started = Instant::now();
        let answer = get(&router, &format!("/orders/{ID}?after={beyond}")).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-request"), "{beyond}");
        let message = answer.json()["errors"][0]["message"].as_str().expect("a message").to_owned();
        let end = if beyond.starts_with('2') { "partition 2 ends at 6" } else { "partition 0 ends at 0" };
        assert!(message.contains("beyond the log's end") && message.contains(end), "{message}");
        assert!(message.contains(beyond), "{message}");
        assert_eq!(answer.fields(), ["after"]);
        assert!(started.elapsed() < Duration::from_secs(5), "not as long as a read may wait");
    }
    let patient = world.router(&["--max-wait-seconds", "30"]).await;
    let asking = tokio::spawn(async move { get(&patient, "/stock/tea?after=2:5").await });
    world.pass(position).await;
    let answer = asking.await.expect("no panic");
    assert_eq!((answer.status, &answer.json()["available"], answer.position()), (200, &7.into(), position));
    assert_eq!(get(&router, &format!("/orders/{ID}?after={position}")).await.status, 404);
}

/// Who has placed a basket is told where its record stands, which is with the first line, and looks at the stock of the second.
#[tokio::test(flavor = "multi_thread")]
async fn reads_of_a_product_wait_for_a_position_of_another_partition() {
    let world = World::new().await;
    let router = world.router(&["--max-wait-seconds", "1"]).await;
    let tea = Position { partition: partition_of(b"tea", PARTITIONS), offset: 0 };
    let elsewhere = Position { partition: (tea.partition + 1) % PARTITIONS, offset: 5 };
    world.fill(tea.partition, 1);
    world.fill(elsewhere.partition, 6);
    world.stock("tea", 7, tea).await;
    world.pass(tea).await;
    let movement = format!("/stock/tea/movements/{ID}?after={elsewhere}");
    let stock = format!("/stock/tea?after={elsewhere}");
    for uri in [&stock, &movement] {
        let early = get(&router, uri).await;
        assert_eq!((early.status, early.problem().as_str(), early.position()), (503, "not-yet-projected", elsewhere));
    }
    world.pass(elsewhere).await;
    let shown = get(&router, &stock).await;
    assert_eq!((shown.status, &shown.json()["available"], shown.position()), (200, &7.into(), tea));
    assert_eq!(get(&router, &movement).await.status, 404);
}
