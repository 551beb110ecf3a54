//! One client that sends too much is told so, while another is served.

use axum::body::Body;
use axum::http::Request;

use super::world::{Issuer, Stored, get_as};
use crate::socket::{run, talk};
use crate::world::{World, call, get};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_sends_too_much_takes_nothing_from_another() {
    let (world, issuer) = (World::new().await, Issuer::new());
    let flags = [&issuer.flags()[..], &["--client-rate", "1", "--client-burst", "5"]].concat();
    let router = world.router(&flags).await;
    let greedy = world.key("reader", None, Stored::Good).await.reveal();
    let modest = world.key("reader", None, Stored::Good).await.reveal();
    let mut refused = 0;
    for number in 0..100 {
        let answer = get_as(&router, "/stock", &greedy).await;
        if number < 5 {
            assert_eq!(answer.status, 200, "the burst");
        }
        if answer.status == 429 {
            assert_eq!((answer.problem().as_str(), answer.header("retry-after")), ("too-many-requests", "1"));
            refused += 1;
        }
    }
    assert!(refused > 50, "{refused}");
    for _ in 0..3 {
        assert_eq!(get_as(&router, "/stock", &modest).await.status, 200);
    }
    // Wrong credentials are counted, too, by whoever sends them; probes are not.
    let mut guesses = Vec::new();
    for _ in 0..20 {
        let guess = ledger_auth::ApiKey::generate().expect("random").reveal();
        guesses.push(get_as(&router, "/stock", &guess).await.status);
        assert_eq!(get(&router, "/readyz").await.status, 200);
    }
    assert!(guesses.starts_with(&[401, 401]) && guesses.ends_with(&[429, 429]), "{guesses:?}");
    let metrics = String::from_utf8(get_as(&router, "/metrics", &modest).await.bytes).expect("text");
    assert!(metrics.contains("order_service_http_requests_total{route=\"/stock\",status=\"429\"}"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_addresses_are_counted_and_a_trusted_gateway_says_whose() {
    let world = World::new().await;
    let flags = ["--client-rate", "1", "--client-burst", "3", "--trusted-proxies", "127.0.0.0/8"];
    let running = run(&world, &flags).await;
    let ask = async |client: &str| {
        let request = format!(
            "GET /stock HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 203.0.113.1, {client}\r\nconnection: close\r\n\r\n"
        );
        talk(running.address, &[request.as_bytes()]).await
    };
    let mut answers = Vec::new();
    for _ in 0..10 {
        answers.push(ask("198.51.100.1").await[9..12].to_owned());
    }
    assert!(answers.starts_with(&["200".to_owned(), "200".to_owned(), "200".to_owned()]), "{answers:?}");
    assert!(answers.contains(&"429".to_owned()), "{answers:?}");
    assert!(ask("198.51.100.2").await.starts_with("HTTP/1.1 200 "), "another one is served");
    world.stop.cancel();
    running.ended.await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_limited_unless_it_is_asked_for() {
    let world = World::new().await;
    let router = world.router(&[]).await;
    for _ in 0..500 {
        let request = Request::get("/stock").body(Body::empty()).expect("a request");
        assert_eq!(call(&router, request).await.status, 200);
    }
}
