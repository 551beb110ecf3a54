//! A log that is taken away, grows partitions, or begins to lose records while a service runs: nothing wrong is acknowledged, a
//! POST says that nothing was appended, and `/readyz` what was expected and found (INV-9).

use axum::Router;
use ledger_schema::Position;
use ledger_schema::partitioner::partition_of;
use rdkafka::admin::{AdminOptions, NewPartitions};

use crate::world::{ORDER, PARTITIONS, World, eventually, get, post};

/// Waits until `/readyz` says no, and says `words`; nothing can be appended then.
async fn refused(world: &World, router: &Router, words: &[&str]) {
    eventually("/readyz says no", async || {
        let answer = get(router, "/readyz").await;
        let text = String::from_utf8(answer.bytes).expect("text");
        (answer.status == 503 && words.iter().all(|word| text.contains(word))).then_some(())
    })
    .await;
    let before = world.records();
    let answer = post(router, "/orders", &[], ORDER).await;
    assert_eq!((answer.status, &*answer.problem()), (503, "unavailable"));
    assert!(answer.json()["detail"].as_str().is_some_and(|detail| detail.contains("nothing was changed")));
    assert_eq!(world.records(), before);
}

async fn taken_again(router: &Router) {
    eventually("orders are taken again", async || {
        (get(router, "/readyz").await.status == 200 && post(router, "/orders", &[], ORDER).await.status == 202)
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_9_a_recreated_log_acknowledges_nothing() {
    let world = World::new().await;
    world.pass(Position { partition: 0, offset: 0 }).await;
    let router = world.router(&[]).await;
    for _ in 0..3 {
        assert_eq!(post(&router, "/orders", &[], ORDER).await.status, 202);
    }
    let expected = world.identity().topic_id;
    world.recreate().await;
    // At once, before any look is due: what the new topic takes is not passed for accepted.
    for _ in 0..3 {
        let answer = post(&router, "/orders", &[], ORDER).await;
        assert_eq!(answer.status, 503, "{answer:?}");
    }
    let found = world.identity().topic_id;
    refused(&world, &router, &[&world.topic, "was recreated", &expected, &found]).await;

    // Tables that are made anew from that topic are another ledger, which the service may serve.
    sqlx::query("UPDATE positions SET topic_id = ?, next_offset = 0")
        .bind(&found)
        .execute(&world.sql)
        .await
        .expect("positions");
    taken_again(&router).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_9_an_added_partition_gets_no_order() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    assert_eq!(post(&router, "/orders", &[], ORDER).await.status, 202);
    let more = NewPartitions::new(&world.topic, 5);
    let grown = world.admin().create_partitions([&more], &AdminOptions::new()).await.expect("Kafka answers");
    assert!(grown.iter().all(Result::is_ok), "{grown:?}");
    let mut accepted = 0;
    for n in 0..40 {
        let product = format!("bar-{n}");
        let order = format!(r#"{{"userId":"alice","productId":"{product}","quantity":3,"unitPrice":250}}"#);
        let answer = post(&router, "/orders", &[], &order).await;
        if answer.status == 202 {
            assert_eq!(answer.position().partition, partition_of(product.as_bytes(), PARTITIONS));
            accepted += 1;
        } else {
            assert_eq!((answer.status, &*answer.problem()), (503, "unavailable"));
        }
    }
    refused(&world, &router, &[&world.topic, "another number of partitions", "expected 4, found 5"]).await;
    assert_eq!(world.end_of(4), 0);
    assert_eq!(world.records(), accepted + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_9_a_log_that_begins_to_lose_records_gets_none() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    assert_eq!(post(&router, "/orders", &[], ORDER).await.status, 202);
    for (setting, value, expected) in [("cleanup.policy", "compact", "delete"), ("retention.ms", "86400000", "-1")] {
        world.configure(&[(setting, value)]).await;
        let says = format!("has the wrong {setting}: expected {expected}, found {value}");
        refused(&world, &router, &[&world.topic, &says]).await;
        world.configure(&[]).await;
        taken_again(&router).await;
    }
}
