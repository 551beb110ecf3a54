//! What may be kept of an answer, and how long answers travel.

use axum::body::Body;
use axum::http::Request;
use serde_json::Value;

use crate::world::{ORDER, OrderLine, World, call, get, post};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_api_is_kept() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    for uri in ["/stock", "/stock/x", "/users/a/orders", "/orders/7", "/healthz", "/readyz", "/metrics", "/nowhere"] {
        assert_eq!(get(&router, uri).await.header("cache-control"), "no-store", "{uri}");
    }
    for body in [ORDER, "{"] {
        assert_eq!(post(&router, "/orders", &[], body).await.header("cache-control"), "no-store");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_told_apart_by_their_hash() {
    let world = World::new().await;
    let (router, other) = (world.router(&[]).await, world.router(&["--name", "a"]).await);
    for uri in ["/openapi.json", "/docs/", "/docs/swagger-ui-bundle.js", "/docs/swagger-initializer.js"] {
        let first = get(&router, uri).await;
        let etag = first.header("etag").to_owned();
        assert_eq!((first.status, first.header("cache-control")), (200, "no-cache"), "{uri}");
        assert_eq!(get(&other, uri).await.header("etag"), etag, "the same on every service");
        for held in [etag.clone(), format!("\"x\", {etag}"), etag.replace("W/", ""), "*".to_owned()] {
            let request = Request::get(uri).header("if-none-match", &held).body(Body::empty()).expect("a request");
            let again = call(&router, request).await;
            assert_eq!((again.status, again.bytes.len(), again.header("etag")), (304, 0, &*etag), "{uri} {held}");
        }
        let request = Request::get(uri).header("if-none-match", "W/\"old\"").body(Body::empty()).expect("a request");
        assert_eq!(call(&router, request).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_answers_are_compressed_for_whoever_takes_it() {
    let world = World::new().await;
    for n in 0..50 {
        let position = ledger_schema::Position { partition: 0, offset: n };
        let order_id = uuid::Uuid::now_v7();
        world.decide(&OrderLine { order_id, position, ..OrderLine::default() }).await;
    }
    world.pass(ledger_schema::Position { partition: 0, offset: 49 }).await;
    let router = world.router(&[]).await;
    let ask = async |uri: &str, encoding: &str| {
        let request = Request::get(uri).header("accept-encoding", encoding).body(Body::empty()).expect("a request");
        call(&router, request).await
    };
    for uri in ["/users/alice/orders", "/docs/swagger-ui-bundle.js", "/openapi.json"] {
        let plain = ask(uri, "identity").await;
        let short = ask(uri, "gzip").await;
        assert_eq!((plain.header("content-encoding"), short.header("content-encoding")), ("", "gzip"), "{uri}");
        assert!(short.header("vary").contains("accept-encoding"), "{uri}");
        assert!(short.bytes.len() * 2 < plain.bytes.len(), "{uri}: {} of {}", short.bytes.len(), plain.bytes.len());
        assert!(short.bytes.starts_with(b"\x1f\x8b"), "{uri}");
    }
    let one = ask("/stock/x", "gzip").await;
    assert_eq!((one.status, one.header("content-encoding")), (404, ""), "too short to be worth it");
    let items: Value = ask("/users/alice/orders", "identity").await.json();
    assert_eq!(items["items"].as_array().map(Vec::len), Some(50));
}
