//! A customer orders and sees as itself alone, also where ids can be computed, raced for, or followed.

use axum::body::Body;
use http_body_util::BodyExt;
use ledger_schema::{IdempotencyKey, OrderId, Position, UserId};
use serde_json::json;
use tokio::time::timeout;
use tower::ServiceExt;
use uuid::Uuid;

use super::world::{Issuer, Stored, ask, get_as, order, post_as, request};
use crate::world::{OrderLine, PATIENCE, World};

fn at(partition: i32, offset: i64) -> Position {
    Position { partition, offset }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_others_are_as_none() {
    let (world, issuer) = (World::new().await, Issuer::new());
    let router = world.router(&issuer.flags()).await;
    let ann = world.key("customer", Some("ann"), Stored::Good).await.reveal();
    let bob = world.key("customer", Some("bob"), Stored::Good).await.reveal();
    // What a race left under one id: each sees its own, and nothing of the other.
    let order_id = Uuid::now_v7();
    for (partition, user_id) in [(0, "ann"), (1, "bob")] {
        let position = at(partition, 0);
        world.decide(&OrderLine { order_id, position, user_id, ..OrderLine::default() }).await;
        world.pass(position).await;
    }
    for (key, user) in [(&ann, "ann"), (&bob, "bob")] {
        let seen = get_as(&router, &format!("/orders/{order_id}"), key).await.json();
        assert_eq!((&seen["userId"], seen.get("others")), (&user.into(), None), "{seen}");
    }
    // An order that is not there and one of somebody else are told in the same words.
    let of_ann = world.order_of("ann", 5).await;
    let (nobodys, anns) = (Uuid::now_v7(), of_ann);
    for suffix in ["", "/confirm", "/cancel"] {
        let answers = [nobodys, anns].map(|id| (id, format!("/orders/{id}{suffix}")));
        let mut told = Vec::new();
        for (id, uri) in answers {
            let answer = if suffix.is_empty() {
                get_as(&router, &uri, &bob).await
            } else {
                post_as(&router, &uri, &bob, "").await
            };
            assert_eq!((answer.status, answer.problem().as_str()), (404, "not-found"));
            told.push(String::from_utf8_lossy(&answer.bytes).replace(&id.to_string(), "ID"));
        }
        assert_eq!(told[0], told[1], "{suffix}");
    }
    assert_eq!(world.records(), 0, "nothing was appended for a stranger");
    let none = [get_as(&router, "/users/ann/orders", &bob).await, get_as(&router, "/users/nobody/orders", &bob).await];
    assert!(none.iter().all(|answer| answer.status == 404) && none[0].bytes == none[1].bytes, "{none:?}");
    let own = get_as(&router, "/users/bob/orders", &bob).await.json();
    assert_eq!(own["items"].as_array().map(Vec::len), Some(1), "{own}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_keys_are_not_a_strangers_to_take() {
    let (world, issuer) = (World::new().await, Issuer::new());
    let router = world.router(&issuer.flags()).await;
    let ann = world.key("customer", Some("ann"), Stored::Good).await.reveal();
    let bob = world.key("customer", Some("bob"), Stored::Good).await.reveal();
    let operator = world.key("operator", None, Stored::Good).await.reveal();
    let key = IdempotencyKey::parse("basket-17").expect("a key");
    let next_of_ann = OrderId::from_key(&UserId::parse("ann").expect("a user"), &key).to_string();
    let stating = |user: &str, id: &str| {
        let mut body: serde_json::Value = serde_json::from_str(&order(user)).expect("JSON");
        body["orderId"] = json!(id);
        body.to_string()
    };
    // Bob could compute the id of Ann's next order, and take it first.
    let taken = post_as(&router, "/orders", &bob, &stating("bob", &next_of_ann)).await;
    assert_eq!((taken.status, taken.problem().as_str()), (403, "forbidden"));
    assert_eq!(world.records(), 0);
    // An id that nobody can guess is a customer's to state, and so is the one that its own key gives.
    let own = Uuid::new_v4().to_string();
    assert_eq!(post_as(&router, "/orders", &bob, &stating("bob", &own)).await.status, 202);
    let mut with_key = request(&axum::http::Method::POST, "/orders", Some(&ann), &stating("ann", &next_of_ann));
    with_key.headers_mut().insert("idempotency-key", axum::http::HeaderValue::from_static("basket-17"));
    assert_eq!(ask(&router, with_key).await.status, 202);
    assert_eq!(
        post_as(
            &router,
            "/orders",
            &operator,
            &stating("cy", &OrderId::from_key(&UserId::parse("cy").expect("a user"), &key).to_string())
        )
        .await
        .status,
        202
    );
    assert_eq!(world.records(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customers_stream_shows_its_own() {
    let (world, issuer) = (World::new().await, Issuer::new());
    let router = world.router(&issuer.flags()).await;
    let bob = world.key("customer", Some("bob"), Stored::Good).await.reveal();
    let reader = world.key("reader", None, Stored::Good).await.reveal();
    let open = async |credential: &str| -> Body {
        let request = request(&axum::http::Method::GET, "/events", Some(credential), "");
        let response = router.clone().oneshot(request).await.expect("infallible");
        assert_eq!(response.status(), 200);
        response.into_body()
    };
    let (mut of_bob, mut of_reader) = (open(&bob).await, open(&reader).await);
    for (offset, user_id) in (0..).zip(["ann", "ann", "bob"]) {
        let order = OrderLine { order_id: Uuid::now_v7(), position: at(0, offset), user_id, ..OrderLine::default() };
        world.publish(&order.outcome());
    }
    let (seen_by_bob, seen_by_reader) = (until(&mut of_bob, "\"bob\"").await, until(&mut of_reader, "\"bob\"").await);
    assert!(!seen_by_bob.contains("\"ann\""), "{seen_by_bob}");
    assert_eq!(seen_by_reader.matches("\"ann\"").count(), 2, "{seen_by_reader}");
}

/// What a stream says up to these words.
async fn until(body: &mut Body, words: &str) -> String {
    let mut text = String::new();
    while !text.contains(words) {
        let frame = timeout(PATIENCE, body.frame()).await.expect("in time").expect("no end").expect("no error");
        text.push_str(std::str::from_utf8(&frame.into_data().expect("data")).expect("whole characters"));
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_soon_and_its_stream_ends() {
    let (world, issuer) = (World::new().await, Issuer::new());
    let router = world.router(&issuer.flags()).await;
    let key = world.key("reader", None, Stored::Good).await;
    let credential = key.reveal();
    let request = request(&axum::http::Method::GET, "/events", Some(&credential), "");
    let mut stream = router.clone().oneshot(request).await.expect("infallible").into_body();
    assert_eq!(get_as(&router, "/stock", &credential).await.status, 200);
    sqlx::query("UPDATE api_keys SET revoked_at = UTC_TIMESTAMP(6) WHERE key_id = ?")
        .bind(key.id().as_str())
        .execute(&world.sql)
        .await
        .expect("revoked");
    let begun = tokio::time::Instant::now();
    let refused = crate::world::eventually("it is refused", async || {
        let answer = get_as(&router, "/stock", &credential).await;
        (answer.status == 401).then_some(answer)
    })
    .await;
    assert!(begun.elapsed() < ledger_auth::FRESH * 2, "{:?}", begun.elapsed());
    assert!(refused.json()["detail"].as_str().expect("a detail").contains("revoked"));
    let text = until(&mut stream, "does not hold any more").await;
    assert!(timeout(PATIENCE, stream.frame()).await.expect("in time").is_none(), "it ends: {text}");
    // Its use was written down, once.
    crate::world::eventually("the use is written", async || {
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM api_key_uses WHERE key_id = ?")
            .bind(key.id().as_str())
            .fetch_one(&world.sql)
            .await
            .expect("a count");
        (count == 1).then_some(())
    })
    .await;
}
