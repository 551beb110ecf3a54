//! The service's connections: what its clients do to them, in every route. The limits themselves are tested in `schema/http`.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::socket::{run, talk};
use crate::world::{ORDER, World, eventually};

/// One request after another on one connection; each answer has a length that is stated.
async fn ask(stream: &mut TcpStream, request: &[u8]) -> String {
    stream.write_all(request).await.expect("sent");
    let mut answer = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&answer).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
            if body.len() >= length.parse::<usize>().expect("a number") {
                return text;
            }
        }
        let read = stream.read_buf(&mut answer).await.expect("read");
        assert!(read > 0, "the connection ended: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_answer_costs_no_connection() {
    let world = World::new().await;
    let running = run(&world, &[]).await;
    let mut stream = TcpStream::connect(running.address).await.expect("connected");
    for length in [60_000, 2_000_000] {
        for (request, status) in [
            ("POST /orders HTTP/1.1\r\ncontent-type: text/plain", 415),
            ("POST /orders HTTP/1.1\r\ncontent-type: application/json\r\nidempotency-key:", 400),
            ("POST /orders?x=1 HTTP/1.1\r\ncontent-type: application/json", 400),
            ("POST /stock/a%20b/receipts HTTP/1.1\r\ncontent-type: application/json", 400),
            ("POST /nowhere HTTP/1.1\r\ncontent-type: application/json", 404),
            ("DELETE /orders HTTP/1.1\r\ncontent-type: application/json", 405),
            ("GET /stock HTTP/1.1\r\ncontent-type: text/plain", 200),
            ("POST /orders HTTP/1.1\r\ncontent-type: application/json", if length > 65_536 { 413 } else { 400 }),
        ] {
            let mut request = format!("{request}\r\nhost: x\r\ncontent-length: {length}\r\n\r\n").into_bytes();
            request.resize(request.len() + length, b' ');
            let answer = ask(&mut stream, &request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
            assert!(!answer.contains("connection: close"), "{answer}");
        }
    }
    let good = format!(
        "POST /orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{ORDER}",
        ORDER.len()
    );
    assert!(ask(&mut stream, good.as_bytes()).await.starts_with("HTTP/1.1 202 "), "and so the next one is served");
    assert_eq!(world.records(), 1);
    world.stop.cancel();
    running.ended.await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_to_no_route_is_a_problem_too_and_counted() {
    let world = World::new().await;
    let running = run(&world, &[]).await;
    let long = "x".repeat(500_000);
    let many: String = (0..101).map(|n| format!("h{n}: x\r\n")).collect();
    for (request, status, word, expected) in [
        ("GET /stock HTTP/1.1\r\n\r\n".to_owned(), 400, "bad-request", 1),
        ("GET /stock HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n".to_owned(), 400, "bad-request", 2),
        ("GET /st ock HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), 400, "bad-request", 3),
        (format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", &long[..65_600]), 414, "uri-too-long", 1),
        (format!("GET /stock HTTP/1.1\r\nhost: x\r\nlong: {long}\r\n\r\n"), 431, "headers-too-large", 1),
        (format!("GET /stock HTTP/1.1\r\nhost: x\r\n{many}\r\n"), 431, "headers-too-large", 2),
    ] {
        let request = request.replace("HTTP/1.1\r\n", "HTTP/1.1\r\nconnection: close\r\n");
        let answer = talk(running.address, &[request.as_bytes()]).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:.80}: {answer}");
        for part in ["application/problem+json", "x-order-service: a", "x-request-id: a-", "cache-control: no-store"] {
            assert!(answer.contains(part), "{part} in {answer}");
        }
        assert!(answer.contains(&format!("\"type\":\"/problems/{word}\"")), "{answer}");
        let metrics = talk(running.address, &[b"GET /metrics HTTP/1.0\r\n\r\n"]).await;
        let line = format!("order_service_http_requests_total{{route=\"none\",status=\"{status}\"}} {expected}");
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
    world.stop.cancel();
    running.ended.await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_that_are_not_served_name_those_that_are() {
    let world = World::new().await;
    let running = run(&world, &[]).await;
    for (method, path, allow) in [
        ("TRACE", "/orders", "POST"),
        ("TRACE", "/healthz", "GET,HEAD"),
        ("POST", "/healthz", "GET,HEAD"),
        ("QUERY", "/metrics", "GET,HEAD"),
        ("DELETE", "/readyz", "GET,HEAD"),
        ("PUT", "/openapi.json", "GET,HEAD"),
        ("POST", "/docs/", "GET,HEAD"),
    ] {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = talk(running.address, &[request.as_bytes()]).await;
        assert!(answer.starts_with("HTTP/1.1 405 "), "{method} {path}: {answer}");
        assert!(answer.contains(&format!("allow: {allow}\r\n")), "{method} {path}: {answer}");
        assert!(answer.contains("/problems/method-not-allowed"), "{method} {path}: {answer}");
    }
    let head = talk(running.address, &[b"HEAD /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"]).await;
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    world.stop.cancel();
    running.ended.await.expect("it ends");
}

/// Waits go on while the service drains, on connections that are told to be the last.
#[tokio::test(flavor = "multi_thread")]
async fn a_wait_goes_on_while_the_service_drains() {
    let world = World::new().await;
    let running = run(&world, &["--max-wait-seconds", "30", "--drain-ms", "5000"]).await;
    let address = running.address;
    let order = format!(
        "POST /orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nprefer: wait=30\r\ncontent-length: {}\r\n\r\n{ORDER}",
        ORDER.len()
    );
    let request = order.clone();
    let waiting = tokio::spawn(async move { talk(address, &[request.as_bytes()]).await });
    eventually("the append", async || (world.records() == 1).then_some(())).await;
    world.stop.cancel();
    // In the drain: a client that comes now is served as ever, and waits as well.
    let later = tokio::spawn(async move { talk(address, &[order.as_bytes()]).await });
    eventually("the second append", async || (world.records() == 2).then_some(())).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished() && !later.is_finished(), "the drain ends no wait");
    let partition = ledger_schema::partitioner::partition_of(b"chocolate", crate::world::PARTITIONS);
    for offset in 0..2 {
        let position = ledger_schema::Position { partition, offset };
        let order_id = decode_id(&world, position);
        let row = crate::world::OrderLine { order_id, position, ..Default::default() };
        world.decide(&row).await;
        world.pass(position).await;
        world.publish(&row.outcome());
    }
    for answer in [waiting.await.expect("no panic"), later.await.expect("no panic")] {
        assert!(answer.starts_with("HTTP/1.1 201 ") && answer.contains("connection: close"), "{answer}");
    }
    running.ended.await.expect("it ends");
}

fn decode_id(world: &World, position: ledger_schema::Position) -> uuid::Uuid {
    let record = world.record(position);
    match ledger_schema::wire::decode(rdkafka::Message::payload(&record)) {
        Ok(ledger_schema::wire::Event::OrderPlaced(order)) => order.order_id().as_uuid(),
        other => panic!("an order, found {other:?}"),
    }
}
