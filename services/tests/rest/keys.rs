//! A key decides the id: one key is one order, whatever else a request states.

use ledger_schema::domain::{IdempotencyKey, OrderId, UserId};
use uuid::Uuid;

use crate::world::{ORDER, OrderLine, World, post};

fn with_id(order_id: impl std::fmt::Display) -> String {
    ORDER.replace("250", &format!("250,\"orderId\":\"{order_id}\""))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_another_order_id_is_no_order() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    let key = [("idempotency-key", "basket-17")];
    let by_key =
        OrderId::from_key(&UserId::parse("alice").expect("valid"), &IdempotencyKey::parse("basket-17").expect("valid"));
    for _ in 0..3 {
        let stated = Uuid::now_v7();
        let answer = post(&router, "/orders", &key, &with_id(stated)).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "idempotency-conflict"));
        assert_eq!(answer.fields(), ["orderId"]);
        let json = answer.json();
        let message = json["errors"][0]["message"].as_str().expect("a message");
        assert!(message.contains(&by_key.to_string()) && message.contains(&stated.to_string()), "{message}");
    }
    assert_eq!(world.records(), 0, "never a second order, not even a first");
    // Left out, or the same in another spelling: the order of the key.
    for body in [ORDER.to_owned(), with_id(by_key), with_id(by_key.to_string().to_uppercase())] {
        let answer = post(&router, "/orders", &key, &body).await;
        assert_eq!((answer.status, &answer.json()["orderId"]), (202, &by_key.to_string().into()));
    }
    // In the path as in the body.
    let of_path = with_id(Uuid::now_v7()).replace("\"userId\":\"alice\",", "");
    assert_eq!(post(&router, "/users/alice/orders", &key, &of_path).await.status, 422);
}

/// One key is one order: whatever the retries say, there is the first order, or 422.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_one_order_whatever_the_retries_say() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    let key = [("idempotency-key", "basket-17")];
    let first = post(&router, "/orders", &key, ORDER).await;
    let (position, order_id) = (first.position(), first.json()["orderId"].as_str().expect("an id").to_owned());
    let id = order_id.parse().expect("a UUID");
    world.decide(&OrderLine { order_id: id, position, ..OrderLine::default() }).await;
    world.pass(position).await;
    let lines = r#"{"userId":"alice","lines":[{"productId":"chocolate","quantity":3,"unitPrice":250},{"productId":"tea","quantity":1,"unitPrice":1}]}"#;
    for (body, status) in [
        (ORDER.to_owned(), 202),
        // Written in another way, it is the same order.
        (r#"{"userId":"alice","lines":[{"productId":"chocolate","quantity":3,"unitPrice":250}]}"#.to_owned(), 202),
        (ORDER.replace("250}", "250,\"totalPrice\":750}"), 202),
        (with_id(&order_id), 202),
        (with_id(Uuid::now_v7()), 422),
        (with_id(Uuid::now_v7()), 422),
        (lines.to_owned(), 422),
        // Of another home partition.
        (ORDER.replace("chocolate", "tea"), 422),
        (ORDER.replace("250}", "250,\"currency\":\"EUR\"}"), 422),
        (ORDER.replace("250}", "250,\"hold\":{\"expiresInSeconds\":60}}"), 422),
    ] {
        for headers in [vec![key[0]], vec![key[0], ("prefer", "wait=1")]] {
            let answer = post(&router, "/orders", &headers, &body).await;
            let created = if headers.len() == 2 && status == 202 { 201 } else { status };
            assert_eq!(answer.status, created, "{body}: {answer:?}");
            match status {
                202 => assert_eq!(answer.json()["orderId"], order_id.as_str()),
                _ => assert_eq!(answer.problem(), "idempotency-conflict"),
            }
        }
    }
    assert_eq!(world.records(), 1, "never a second order");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_taken_literally() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    let mut ids = Vec::new();
    for key in ["abc", "\"abc\"", "ABC", "a  bc", "a bc"] {
        let answer = post(&router, "/orders", &[("idempotency-key", key)], ORDER).await;
        assert_eq!(answer.status, 202);
        ids.push(answer.json()["orderId"].as_str().expect("an id").to_owned());
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 5, "no two of these are one key");
}
