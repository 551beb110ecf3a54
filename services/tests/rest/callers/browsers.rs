//! What browsers are told: whose pages may call, which names are answered to, and what a page may do.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};

use super::world::{Issuer, Stored, ask};
use crate::world::{Answer, World, get};

const SHOP: &str = "https://shop.test";

async fn preflight(router: &Router, origin: &str) -> Answer {
    let request = Request::builder()
        .method(Method::OPTIONS)
        .uri("/orders")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,idempotency-key")
        .body(Body::empty())
        .expect("a request");
    ask(router, request).await
}

async fn from(router: &Router, origin: &str, key: &str) -> Answer {
    let request = Request::get("/stock").header("origin", origin).header("authorization", format!("Bearer {key}"));
    ask(router, request.body(Body::empty()).expect("a request")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_elsewhere_are_let_in_by_name() {
    let (world, issuer) = (World::new().await, Issuer::new());
    let key = world.key("reader", None, Stored::Good).await.reveal();
    let closed = world.router(&issuer.flags()).await;
    assert_eq!(preflight(&closed, SHOP).await.status, 401);
    assert!(!from(&closed, SHOP, &key).await.headers.contains_key("access-control-allow-origin"));
    let flags = [&issuer.flags()[..], &["--cors-origins", "https://shop.test, https://other.test"]].concat();
    let open = world.router(&flags).await;
    let allowed = preflight(&open, SHOP).await;
    assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (200, SHOP));
    let headers = allowed.header("access-control-allow-headers").to_lowercase();
    for name in ["authorization", "content-type", "idempotency-key", "prefer", "last-event-id"] {
        assert!(headers.contains(name), "{name} in {headers}");
    }
    assert!(!allowed.headers.contains_key("access-control-allow-credentials"), "nothing that a browser adds by itself");
    assert!(!preflight(&open, "https://evil.test").await.headers.contains_key("access-control-allow-origin"));
    let answer = from(&open, SHOP, &key).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, SHOP));
    assert!(answer.header("access-control-expose-headers").to_lowercase().contains("retry-after"));
    assert!(!from(&open, "https://evil.test", &key).await.headers.contains_key("access-control-allow-origin"));
    assert!(answer.header("vary").to_lowercase().contains("origin"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_names_that_are_allowed_are_answered_to() {
    let world = World::new().await;
    let router = world.router(&["--allowed-hosts", "shop.test, 127.0.0.1:8081"]).await;
    let named = async |host: &str, uri: &str| {
        ask(&router, Request::get(uri).header("host", host).body(Body::empty()).expect("a request")).await
    };
    for host in ["shop.test", "SHOP.test:443", "127.0.0.1:8081"] {
        assert_eq!(named(host, "/stock").await.status, 200, "{host}");
    }
    for host in ["evil.test", "127.0.0.1:9", "shop.test.evil.test"] {
        for uri in ["/stock", "/", "/docs/", "/openapi.json"] {
            let answer = named(host, uri).await;
            assert_eq!((answer.status, answer.problem().as_str()), (400, "bad-request"), "{host} {uri}");
        }
        assert_eq!(named(host, "/readyz").await.status, 200, "probes come by whatever address");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_says_what_it_may_do() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    for (uri, may_style_inline) in
        [("/", false), ("/page/main.js", false), ("/docs/", true), ("/docs/swagger-ui-bundle.js", true)]
    {
        let answer = get(&router, uri).await;
        assert_eq!(answer.status, 200, "{uri}");
        let policy = answer.header("content-security-policy");
        for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(part), "{part} of {uri} in {policy}");
        }
        let scripts = policy.split(';').find(|part| part.trim().starts_with("script-src")).expect("scripts");
        assert!(!scripts.contains("unsafe"), "{uri}: no inline script: {policy}");
        assert_eq!(policy.contains("unsafe-inline"), may_style_inline, "{uri}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{uri}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{uri}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{uri}");
    }
}
