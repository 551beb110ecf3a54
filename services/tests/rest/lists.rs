//! Reads of the projection: orders by id and by user, stock; pages that neither lose nor repeat an item.

use ledger_schema::Position;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{OrderLine, World, get};

#[tokio::test(flavor = "multi_thread")]
async fn an_order_by_its_id() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    let order_id = Uuid::now_v7();
    let line = OrderLine { order_id, position: Position { partition: 1, offset: 41 }, ..OrderLine::default() };
    world.decide(&line).await;
    let expected = json!({
        "orderId": order_id.to_string(), "userId": "alice", "productId": "chocolate", "quantity": 3, "unitPrice": 250,
        "totalPrice": 750, "status": "confirmed", "position": "1:41", "placedAt": "2026-11-23T10:00:00.123456Z",
        "lines": [{
            "lineNo": 1, "productId": "chocolate", "quantity": 3, "unitPrice": 250, "totalPrice": 750, "status": "reserved",
        }],
    });
    assert_eq!(get(&router, &format!("/orders/{order_id}")).await.json(), expected);

    // Two services took the id for two products at the same time: both stand, and the named one is the main one.
    let position = Position { partition: 3, offset: 7 };
    world.decide(&OrderLine { product_id: "tea", position, reason: Some("out-of-stock"), ..line }).await;
    world.pass(position).await;
    let first = get(&router, &format!("/orders/{order_id}")).await.json();
    assert_eq!((&first["productId"], &first["others"][0]["productId"]), (&"chocolate".into(), &"tea".into()));
    assert_eq!((first["lines"].as_array().map(Vec::len), first["others"].as_array().map(Vec::len)), (Some(1), Some(1)));
    let named = get(&router, &format!("/orders/{order_id}?after=3:7")).await.json();
    assert_eq!((&named["productId"], &named["reason"]), (&"tea".into(), &"out-of-stock".into()));
}

/// Every item of a list, page by page.
async fn walk(router: &axum::Router, uri: &str, limit: usize) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(router, &format!("{uri}?limit={limit}{cursor}")).await.json();
        let found = page["items"].as_array().expect("items").clone();
        assert!(found.len() <= limit);
        items.extend(found);
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_a_user_newest_first() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    let mut expected = Vec::new();
    for n in 0..12_i64 {
        // Several share a time, and two an id: the cursor must tell them apart.
        let listed_at = format!("2026-11-23 10:00:0{}.000000", n / 4);
        // The services' clocks say the opposite.
        let placed_at = format!("2026-11-23 10:00:{}.000000", 30 - n);
        let order_id = Uuid::from_u128(if n < 2 { 1 } else { 100 - u128::from(n.unsigned_abs()) });
        // In two partitions: of one, two orders of the same time keep the log's order.
        let position = Position { partition: i32::try_from(n % 2).expect("small"), offset: n };
        let reason = (n == 5).then_some("out-of-stock");
        let (placed_at, at) = (placed_at.as_str(), Some(listed_at.as_str()));
        world.decide(&OrderLine { order_id, position, reason, placed_at, listed_at: at, ..OrderLine::default() }).await;
        expected.push((listed_at, position.partition, position.offset, order_id.to_string()));
    }
    world.decide(&OrderLine { user_id: "alice2", order_id: Uuid::max(), ..OrderLine::default() }).await;
    expected.sort();
    expected.reverse();
    let expected: Vec<_> = expected.into_iter().map(|(_, partition, _, id)| (id, partition)).collect();
    for limit in [1, 2, 5, 12, 200] {
        let found: Vec<_> = walk(&router, "/users/alice/orders", limit)
            .await
            .iter()
            .map(|item| {
                let position: Position = item["position"].as_str().expect("text").parse().expect("a position");
                (item["orderId"].as_str().expect("an id").to_owned(), position.partition)
            })
            .collect();
        assert_eq!(found, expected, "limit {limit}");
    }
    let empty = get(&router, "/users/nobody/orders").await.json();
    assert_eq!(empty, json!({"items": [], "nextCursor": null}));
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_by_the_bytes_of_its_ids() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    let mut expected = ["a", "B", "aa", "é", "チョコ", "A", "a/b", "𝄞"];
    for (offset, product_id) in (0..).zip(expected) {
        world.stock(product_id, offset, Position { partition: 1, offset }).await;
    }
    expected.sort_unstable();
    for limit in [1, 3, 8, 200] {
        let items = walk(&router, "/stock", limit).await;
        let found: Vec<_> = items.iter().map(|item| item["productId"].as_str().expect("an id")).collect();
        assert_eq!(found, expected, "limit {limit}");
    }
    let answer = get(&router, "/stock/%E3%83%81%E3%83%A7%E3%82%B3").await;
    assert_eq!(answer.json(), json!({"productId": "チョコ", "available": 4, "held": 0, "position": "1:4"}));
    assert_eq!(get(&router, "/stock/b").await.status, 404, "ids are compared by bytes");
}
