//! A receipt or an adjustment has an address: what became of it can be read, by the rule of every read.

use ledger_schema::Position;
use ledger_schema::partitioner::partition_of;
use uuid::Uuid;

use crate::world::{PARTITIONS, World, get, post};

fn chocolate(offset: i64) -> Position {
    Position { partition: partition_of(b"chocolate", PARTITIONS), offset }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_is_shown_at_its_location() {
    let world = World::new().await;
    let router = world.router(&["--max-wait-seconds", "1"]).await;
    let accepted = post(&router, "/stock/chocolate/adjustments", &[], r#"{"delta":-3,"reason":"three melted"}"#).await;
    assert_eq!(accepted.status, 202);
    let (id, at) = (accepted.json()["movementId"].as_str().expect("an id").to_owned(), accepted.position());
    let location = accepted.header("location").to_owned();
    assert_eq!(location, format!("/stock/chocolate/movements/{id}?after={at}"));
    let early = get(&router, &location).await;
    assert_eq!((early.status, early.problem().as_str()), (503, "not-yet-projected"));
    let without_after = location.split('?').next().expect("a path");
    assert_eq!(get(&router, without_after).await.status, 404);

    let row = ("chocolate", "adjustment", -3, Some("three melted"), Some("below-zero"));
    world.decide_movement(id.parse().expect("a UUID"), at, row).await;
    world.pass(at).await;
    for address in [&*location, without_after] {
        let shown = get(&router, address).await;
        assert_eq!((shown.status, shown.position()), (200, at), "{shown:?}");
        let expected = serde_json::json!({
            "movementId": id, "productId": "chocolate", "kind": "adjustment", "delta": -3, "status": "rejected",
            "reason": "below-zero", "note": "three melted", "position": at.to_string(),
            "occurredAt": "2026-11-23T10:00:00.000000Z",
        });
        assert_eq!(shown.json(), expected);
    }
    for (address, status, field) in [
        (format!("/stock/tea/movements/{id}"), 404, ""),
        (format!("/stock/chocolate/movements/{}", Uuid::now_v7()), 404, ""),
        ("/stock/chocolate/movements/7".to_owned(), 400, "movementId"),
        (format!("/stock/a%20b/movements/{id}"), 400, "productId"),
        (format!("/stock/chocolate/movements/{id}?before=0:0"), 400, "before"),
    ] {
        let answer = get(&router, &address).await;
        assert_eq!(answer.status, status, "{address}");
        assert_eq!(answer.fields(), if field.is_empty() { vec![] } else { vec![field.to_owned()] }, "{address}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_movement_never_goes_back() {
    let world = World::new().await;
    let router = world.router(&["--max-wait-seconds", "0"]).await;
    let id = Uuid::now_v7();
    world.decide_movement(id, chocolate(9), ("chocolate", "receipt", 10, None, None)).await;
    world.pass(chocolate(9)).await;
    let address = format!("/stock/chocolate/movements/{id}");
    let shown = get(&router, &address).await.json();
    assert_eq!((&shown["kind"], &shown["delta"], shown.get("note")), (&"receipt".into(), &10.into(), None));
    // Tables were swapped in that stand before it.
    world.set_position(chocolate(0).partition, 4).await;
    sqlx::query("DELETE FROM stock_movements").execute(&world.sql).await.expect("stock_movements");
    let answer = get(&router, &address).await;
    assert_eq!((answer.status, answer.problem().as_str()), (503, "projection-catching-up"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_new_has_a_name_that_can_be_seen() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    for (uri, body, status, field) in [
        ("/stock/%E3%85%A4/receipts", r#"{"quantity":1}"#, 400, "productId"),
        ("/stock/a%E2%A0%80/adjustments", r#"{"delta":1,"reason":"x"}"#, 400, "productId"),
        ("/stock/a/adjustments", r#"{"delta":1,"reason":" \u3000 "}"#, 422, "reason"),
        ("/orders", r#"{"userId":"a","productId":"\u3164","quantity":1,"unitPrice":1}"#, 422, "productId"),
        ("/orders", r#"{"userId":"\u2800","productId":"a","quantity":1,"unitPrice":1}"#, 422, "userId"),
        ("/users/%E2%A0%80/orders", r#"{"productId":"a","quantity":1,"unitPrice":1}"#, 400, "userId"),
    ] {
        let answer = post(&router, uri, &[], body).await;
        assert_eq!((answer.status, answer.fields()), (status, vec![field.to_owned()]), "{uri} {body}: {answer:?}");
    }
    assert_eq!(world.records(), 0);
    // What stands in the log under such a name can be read.
    let position = Position { partition: partition_of("\u{3164}".as_bytes(), PARTITIONS), offset: 0 };
    world.stock("\u{3164}", 7, position).await;
    world.pass(position).await;
    assert_eq!(get(&router, "/stock/%E3%85%A4").await.json()["available"], 7);
    // Dots alone would be places in a path.
    for dots in ["%2E", "%2E%2E"] {
        let answer = post(&router, &format!("/stock/{dots}/receipts"), &[], r#"{"quantity":1}"#).await;
        assert!(answer.header("location").starts_with(&format!("/stock/{dots}/movements/")), "{answer:?}");
    }
}
