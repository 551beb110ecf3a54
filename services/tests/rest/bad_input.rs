//! Bad input gets a problem that names what is wrong, and nothing is appended.

use axum::body::Body;
use axum::http::Request;

use crate::world::{ORDER, World, call, get, post};

#[tokio::test(flavor = "multi_thread")]
async fn bad_bodies_append_nothing() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    let order = |from: &str, to: &str| ORDER.replace(from, to);
    for (uri, body, status, word, fields) in [
        ("/orders", String::new(), 400, "invalid-request", vec!["body"]),
        ("/orders", "{".to_owned(), 400, "invalid-request", vec!["body"]),
        ("/orders", format!("{ORDER}{ORDER}"), 400, "invalid-request", vec!["body"]),
        ("/orders", format!("[{ORDER}]"), 400, "invalid-request", vec!["body"]),
        ("/orders", order("{", r#"{"quantity":3,"#), 400, "invalid-request", vec!["quantity"]),
        ("/orders", "{}".to_owned(), 422, "invalid-field", vec!["userId", "productId", "quantity", "unitPrice"]),
        ("/orders", order(":3", ":0"), 422, "invalid-field", vec!["quantity"]),
        ("/orders", order(":3", ":-3"), 422, "invalid-field", vec!["quantity"]),
        ("/orders", order(":3", ":3.0"), 422, "invalid-field", vec!["quantity"]),
        ("/orders", order(":3", ":\"3\""), 422, "invalid-field", vec!["quantity"]),
        ("/orders", order(":3", ":99999999999999999999999999"), 422, "invalid-field", vec!["quantity"]),
        ("/orders", order("250", "9007199254740991"), 422, "invalid-field", vec!["totalPrice"]),
        ("/orders", order("250", "250,\"totalPrice\":751"), 422, "invalid-field", vec!["totalPrice"]),
        ("/orders", order("alice", ""), 422, "invalid-field", vec!["userId"]),
        ("/orders", order("chocolate", &"x".repeat(65)), 422, "invalid-field", vec!["productId"]),
        ("/orders", order("chocolate", "a\\u0007"), 422, "invalid-field", vec!["productId"]),
        ("/orders", order("250", "250,\"colour\":1"), 422, "invalid-field", vec!["colour"]),
        ("/orders", order("250", "250,\"orderId\":\"7\""), 422, "invalid-field", vec!["orderId"]),
        ("/users/alice/orders", ORDER.to_owned(), 422, "invalid-field", vec!["userId"]),
        ("/users/a%20b/orders", order("\"userId\":\"alice\",", ""), 400, "invalid-request", vec!["userId"]),
        ("/users/%ff/orders", order("\"userId\":\"alice\",", ""), 400, "invalid-request", vec!["userId"]),
        ("/stock/chocolate/receipts", "{\"quantity\":0}".to_owned(), 422, "invalid-field", vec!["quantity"]),
        ("/stock/a%00/receipts", "{\"quantity\":1}".to_owned(), 400, "invalid-request", vec!["productId"]),
        ("/stock/chocolate/adjustments", "{\"delta\":0}".to_owned(), 422, "invalid-field", vec!["delta", "reason"]),
        ("/orders?wait=1", ORDER.to_owned(), 400, "invalid-request", vec!["wait"]),
    ] {
        let answer = post(&router, uri, &[("prefer", "wait=1")], &body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (status, word), "{uri} {body}: {answer:?}");
        assert_eq!(answer.fields(), fields, "{uri} {body}");
    }
    assert_eq!(world.records(), 0);
}

/// What is wrong with lines, currency or hold is named, with the line.
#[tokio::test(flavor = "multi_thread")]
async fn bad_lines_append_nothing() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    const TEA: &str = r#"{"productId":"tea","quantity":2,"unitPrice":5}"#;
    const MILK: &str = r#"{"productId":"milk","quantity":1,"unitPrice":7}"#;
    let of = |lines: &str, more: &str| format!(r#"{{"userId":"alice","lines":[{lines}]{more}}}"#);
    let second = |from: &str, to: &str| of(&format!("{TEA},{}", MILK.replace(from, to)), "");
    let both = |more: &str| of(&format!("{TEA},{MILK}"), more);
    let one = |more: &str| ORDER.replace("250}", &format!("250,{more}}}"));
    let many = (0..101).map(|n| TEA.replace("tea", &format!("p{n}"))).collect::<Vec<_>>().join(",");
    for (body, status, field, line_no) in [
        (of("", ""), 422, "lines", None),
        (of(&many, ""), 422, "lines", None),
        (of(&format!("{TEA},{MILK},{TEA}"), ""), 422, "lines[2].productId", Some(3)),
        (both(r#","productId":"tea""#), 422, "productId", None),
        (both(r#","quantity":1"#), 422, "quantity", None),
        (both(r#","unitPrice":1"#), 422, "unitPrice", None),
        (both(r#","currency":"QQQ""#), 422, "currency", None),
        (one(r#""currency":"eur""#), 422, "currency", None),
        (both(r#","hold":{"expiresInSeconds":0}"#), 422, "hold.expiresInSeconds", None),
        (one(r#""hold":{"expiresInSeconds":86401}"#), 422, "hold.expiresInSeconds", None),
        (one(r#""hold":{"expiresInSeconds":1.5}"#), 422, "hold.expiresInSeconds", None),
        (one(r#""hold":{}"#), 422, "hold.expiresInSeconds", None),
        (one(r#""hold":{"expiresInSeconds":1,"x":1}"#), 422, "hold.x", None),
        (one(r#""hold":true"#), 422, "hold", None),
        (both(r#","totalPrice":18"#), 422, "totalPrice", None),
        (second("7", r#"7,"totalPrice":8"#), 422, "lines[1].totalPrice", Some(2)),
        (second(r#"1,"unitPrice":7"#, r#"2,"unitPrice":9007199254740991"#), 422, "lines[1].totalPrice", Some(2)),
        (second("7", "9007199254740991"), 422, "totalPrice", Some(2)),
        (second("1", "0"), 422, "lines[1].quantity", Some(2)),
        (second("1", "-1"), 422, "lines[1].quantity", Some(2)),
        (second("1", "\"1\""), 422, "lines[1].quantity", Some(2)),
        (second("1", "1e3"), 422, "lines[1].quantity", Some(2)),
        (second("milk", "mi lk"), 422, "lines[1].productId", Some(2)),
        (second("milk", "\\u3164"), 422, "lines[1].productId", Some(2)),
        (second("7", r#"7,"currency":"EUR""#), 422, "lines[1].currency", Some(2)),
        (second("7", r#"7,"lineNo":2"#), 422, "lines[1].lineNo", Some(2)),
        (second("7", r#"7,"unitPrice":8"#), 400, "lines[1].unitPrice", Some(2)),
        (of(&format!("{TEA},null"), ""), 422, "lines[1]", Some(2)),
        (r#"{"userId":"alice","lines":7}"#.to_owned(), 422, "lines", None),
    ] {
        for (uri, body) in
            [("/orders", body.clone()), ("/users/alice/orders", body.replace("\"userId\":\"alice\",", ""))]
        {
            let answer = post(&router, uri, &[("prefer", "wait=1"), ("idempotency-key", "k")], &body).await;
            let word = if status == 400 { "invalid-request" } else { "invalid-field" };
            assert_eq!((answer.status, answer.problem().as_str()), (status, word), "{uri} {body}: {answer:?}");
            assert_eq!(answer.fields(), [field], "{uri} {body}");
            let json = answer.json();
            assert_eq!(json["errors"][0]["lineNo"].as_i64(), line_no, "{body}: {json}");
            let names_line =
                |line_no: i64| json["detail"].as_str().expect("text").contains(&format!("(line {line_no})"));
            assert!(line_no.is_none_or(names_line), "{json}");
        }
    }
    assert_eq!(world.records(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_headers_append_nothing() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    let long = "k".repeat(256);
    for (headers, status, word) in [
        (vec![("content-type", "text/plain")], 415, "unsupported-media-type"),
        (vec![], 415, "unsupported-media-type"),
        (vec![("content-type", "application/json; charset=utf-16")], 415, "unsupported-media-type"),
        (vec![("content-type", "application/json"), ("idempotency-key", "")], 400, "invalid-request"),
        (vec![("content-type", "application/json"), ("idempotency-key", long.as_str())], 400, "invalid-request"),
        (
            vec![("content-type", "application/json"), ("idempotency-key", "a"), ("idempotency-key", "b")],
            400,
            "invalid-request",
        ),
    ] {
        let mut request = Request::post("/orders");
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        let answer = call(&router, request.body(Body::from(ORDER)).expect("a request")).await;
        assert_eq!((answer.status, answer.problem().as_str()), (status, word), "{headers:?}");
        if status == 400 {
            assert_eq!(answer.fields(), ["Idempotency-Key"]);
        }
    }
    assert_eq!(world.records(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_body_passes_and_one_byte_more_does_not() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    let padded = |length: usize| format!("{ORDER}{}", " ".repeat(length - ORDER.len()));
    let too_large = post(&router, "/orders", &[], &padded(65_537)).await;
    assert_eq!((too_large.status, too_large.problem().as_str()), (413, "body-too-large"));
    assert_eq!(world.records(), 0);
    assert_eq!(post(&router, "/orders", &[], &padded(65_536)).await.status, 202);
    assert_eq!(world.records(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_addresses() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    for (uri, status, field) in [
        ("/page", 404, ""),
        ("/orders/", 404, ""),
        ("/orders/77a436fd-64f9-4d35-999b-a957195f5d23", 404, ""),
        ("/orders/nonsense", 400, "orderId"),
        ("/orders/77a436fd-64f9-4d35-999b-a957195f5d23?after=x", 400, "after"),
        ("/orders/77a436fd-64f9-4d35-999b-a957195f5d23?after=4:0", 400, "after"),
        ("/orders/77a436fd-64f9-4d35-999b-a957195f5d23?before=0:0", 400, "before"),
        ("/users/alice/orders?limit=0", 400, "limit"),
        ("/users/alice/orders?limit=201", 400, "limit"),
        ("/users/alice/orders?limit=1&limit=1", 400, "limit"),
        ("/users/alice/orders?cursor=nonsense", 400, "cursor"),
        ("/users/alice/orders?cursor=", 400, "cursor"),
        ("/users/a%20b/orders", 400, "userId"),
        ("/stock?cursor=AW8", 400, "cursor"),
        ("/stock?after=0:0", 400, "after"),
        ("/stock/%e2%80%8b", 400, "productId"),
        ("/stock/chocolate?after=0:-1", 400, "after"),
        ("/stock/chocolate", 404, ""),
        ("/problems/nonsense", 404, ""),
        ("/docs/nonsense", 404, ""),
    ] {
        let answer = get(&router, uri).await;
        assert_eq!(answer.status, status, "{uri}: {answer:?}");
        assert_eq!(answer.problem(), if status == 404 { "not-found" } else { "invalid-request" }, "{uri}");
        assert_eq!(answer.fields(), if field.is_empty() { vec![] } else { vec![field.to_owned()] }, "{uri}");
    }
    for (method, uri, allow) in
        [("DELETE", "/orders", "POST"), ("PUT", "/stock/chocolate", "GET,HEAD"), ("POST", "/healthz", "GET,HEAD")]
    {
        let request = Request::builder().method(method).uri(uri).body(Body::empty()).expect("a request");
        let answer = call(&router, request).await;
        assert_eq!((answer.status, answer.problem().as_str()), (405, "method-not-allowed"), "{method} {uri}");
        assert_eq!(answer.header("allow"), allow);
    }
}
