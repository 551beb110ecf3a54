//! The gateway with real nginx before services of a few lines: who gets which request, and what a
//! client sees when nginx itself has to answer. It must never need a ledger. Read `service` for the services.
#![expect(clippy::unwrap_used, reason = "a test says where it failed by panicking there")]

mod service;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xtask::http::{Answer, HttpClient};
use xtask::process::OwnedProcess;
use xtask::state_dir::{TemporaryFolder, temporary_folder};
use xtask::{gateway, ports};

use crate::service::{Behaviour, Service};

/// A running gateway and its folder.
struct Gateway {
    base: String,
    address: SocketAddr,
    _process: OwnedProcess,
    _folder: TemporaryFolder,
}

impl Gateway {
    fn before(upstreams: &[SocketAddr]) -> Self {
        let folder = temporary_folder("gateway-test").unwrap();
        let address = ports::free_address().unwrap();
        let process = gateway::start(address, upstreams, folder.path()).unwrap();
        Self { base: format!("http://{address}"), address, _process: process, _folder: folder }
    }

    fn get(&self, path: &str) -> Answer {
        client().get(&format!("{}{path}", self.base)).unwrap()
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        client().post(&format!("{}{path}", self.base), &[], body).unwrap()
    }

    /// Sends bytes as they are and answers the status line, the headers and the body.
    fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

fn client() -> HttpClient {
    HttpClient::new(Duration::from_secs(30))
}

fn nobody() -> SocketAddr {
    ports::free_address().unwrap()
}

#[track_caller]
fn assert_problem(answer: &Answer, status: u16, word: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    let problem = answer.json().unwrap();
    assert_eq!(problem["type"], format!("/problems/{word}"));
    assert_eq!(problem["status"], status);
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
    assert_eq!(answer.header("x-order-service"), Some("gateway"));
    assert!(answer.header("x-request-id").is_some_and(|id| !id.is_empty()), "{answer:?}");
}

#[track_caller]
fn assert_raw_problem(answer: &str, status: u16, word: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(answer.contains("\r\nContent-Type: application/problem+json\r\n"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let problem: Value = serde_json::from_str(body).unwrap();
    assert_eq!(problem["type"], format!("/problems/{word}"));
    assert_eq!(problem["status"], status);
    assert!(answer.contains("\r\nX-Order-Service: gateway\r\n"), "{answer}");
    assert!(answer.contains("\r\nX-Request-Id: "), "{answer}");
    assert_eq!(answer.contains("\r\nAllow: "), status == 405, "{answer}");
}

#[test]
fn requests_go_round_starting_with_the_first_and_readiness_takes_no_turn() {
    let (a, b) = (Service::start("a", Behaviour::Answer), Service::start("b", Behaviour::Answer));
    let gateway = Gateway::before(&[a.address, b.address]);
    assert_eq!(gateway.get("/readyz").status, 200);
    let served: Vec<String> = (0..6)
        .map(|_| {
            gateway.get("/readyz");
            gateway.post("/orders", &json!({})).header("x-order-service").unwrap().to_owned()
        })
        .collect();
    assert_eq!(served, ["a", "b", "a", "b", "a", "b"]);
}

#[test]
fn connections_to_the_services_are_used_again() {
    let service = Service::start("a", Behaviour::Answer);
    let gateway = Gateway::before(&[service.address]);
    for _ in 0..20 {
        assert_eq!(gateway.get("/stock").status, 200);
    }
    let connections = service.connections.load(Ordering::Relaxed);
    assert!(connections <= 2, "one for each of nginx's workers, not {connections}");
}

/// Sends a request for a stream and reads until its first event.
fn open_stream(gateway: &Gateway) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(b"GET /events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 7\r\n\r\n").unwrap();
    let (mut answer, mut part) = (String::new(), [0; 1024]);
    while !answer.contains("data: 1\n\n") {
        let read = stream.read(&mut part).unwrap();
        assert!(read > 0, "the stream ended: {answer}");
        answer.push_str(std::str::from_utf8(&part[..read]).unwrap());
    }
    (stream, answer)
}

#[test]
fn an_event_passes_at_once_and_a_client_that_leaves_is_gone() {
    let service = Service::start("a", Behaviour::Answer);
    let gateway = Gateway::before(&[service.address]);
    let (stream, answer) = open_stream(&gateway);
    assert!(answer.contains("\r\nX-Order-Service: a\r\n"), "{answer}");
    assert_eq!(service.left.load(Ordering::Relaxed), 0);
    drop(stream);
    let begin = Instant::now();
    while service.left.load(Ordering::Relaxed) == 0 {
        assert!(begin.elapsed() < Duration::from_secs(10), "the gateway keeps a stream that nobody reads");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_stream_that_one_service_does_not_take_goes_to_the_next() {
    let (full, other) = (Service::start("a", Behaviour::NotReady), Service::start("b", Behaviour::Answer));
    let gateway = Gateway::before(&[full.address, other.address]);
    for _ in 0..3 {
        let (_stream, answer) = open_stream(&gateway);
        assert!(answer.contains("\r\nX-Order-Service: b\r\n"), "{answer}");
    }
    assert!(!full.seen().is_empty());
}

#[test]
fn the_address_passes_unchanged_and_so_do_a_services_own_errors() {
    let service = Service::start("a", Behaviour::Answer);
    let gateway = Gateway::before(&[service.address]);
    let path = "/orders//x%2Fy/../z%20?after=3:17&q=%C3%A4;b";
    assert_eq!(gateway.get(path).status, 200);
    assert_eq!(service.seen(), [format!("GET {path} HTTP/1.1")]);
    for (path, status) in [("/missing", 404), ("/broken", 502)] {
        let answer = gateway.get(path);
        assert_eq!((answer.status, answer.body.as_str()), (status, r#"{"type":"/problems/own"}"#));
        assert_eq!(answer.header("x-order-service"), Some("a"));
        assert_eq!(answer.header("retry-after"), None);
    }
}

#[test]
fn who_calls_is_passed_on_and_so_is_that_it_is_not_let_in() {
    let service = Service::start("a", Behaviour::Answer);
    let gateway = Gateway::before(&[service.address]);
    for (path, status) in [("/stock", 200), ("/asks", 401), ("/forbids", 403), ("/limits", 429)] {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer a.b.c\r\n\r\n");
        let answer = gateway.raw(request.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains("\r\nX-Order-Service: a\r\n"), "{answer}");
        assert_eq!(answer.contains("/problems/own"), status != 200, "{answer}");
        assert_eq!(answer.contains("\r\nWWW-Authenticate: Bearer realm=\"ledger\"\r\n"), status == 401, "{answer}");
        assert_eq!(answer.contains("\r\nRetry-After: 7\r\n"), status == 429, "{answer}");
    }
    assert_eq!(service.authorizations(), ["Bearer a.b.c"; 4]);
}

#[test]
fn a_body_of_64_kib_passes_and_one_byte_more_does_not() {
    let service = Service::start("a", Behaviour::Answer);
    let gateway = Gateway::before(&[service.address]);
    let text_of = |length: usize| Value::String("x".repeat(length - 2));
    let answer = gateway.post("/orders", &text_of(65536));
    assert_eq!((answer.status, answer.body.as_str()), (200, "65536"));
    assert_problem(&gateway.post("/orders", &text_of(65537)), 413, "body-too-large");
    let mut chunked =
        b"POST /orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n11000\r\n"
            .to_vec();
    chunked.extend_from_slice(&[b'x'; 0x11000]);
    chunked.extend_from_slice(b"\r\n0\r\n\r\n");
    assert_raw_problem(&gateway.raw(&chunked), 413, "body-too-large");
    assert_eq!(service.seen().len(), 1);
}

#[test]
fn what_nginx_refuses_is_a_problem_too() {
    let service = Service::start("a", Behaviour::Answer);
    let gateway = Gateway::before(&[service.address]);
    let long = "x".repeat(40_000);
    let close = "Host: x\r\nConnection: close\r\n";
    let table = [
        (format!("GET /%zz HTTP/1.1\r\n{close}\r\n"), 400, "bad-request"),
        (format!("GET /../.. HTTP/1.1\r\n{close}\r\n"), 400, "bad-request"),
        ("this is not http\r\n\r\n".to_owned(), 400, "bad-request"),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400, "bad-request"),
        (format!("POST / HTTP/1.1\r\n{close}Content-Length: many\r\n\r\n"), 400, "bad-request"),
        (format!("TRACE / HTTP/1.1\r\n{close}\r\n"), 405, "method-not-allowed"),
        (format!("CONNECT x:1 HTTP/1.1\r\n{close}\r\n"), 400, "bad-request"),
        ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n".to_owned(), 400, "bad-request"),
        (format!("GET /stock/\u{e9} HTTP/1.1\r\n{close}\r\n"), 400, "bad-request"),
        (format!("GET /{long} HTTP/1.1\r\n{close}\r\n"), 414, "uri-too-long"),
        (format!("GET / HTTP/1.1\r\n{close}X-Long: {long}\r\n\r\n"), 431, "headers-too-large"),
        (format!("POST / HTTP/1.1\r\n{close}Transfer-Encoding: odd\r\n\r\n"), 501, "not-implemented"),
        (format!("GET / HTTP/7.0\r\n{close}\r\n"), 501, "not-implemented"),
        (format!("GET /_gateway/no-answer HTTP/1.1\r\n{close}\r\n"), 404, "not-found"),
        (format!("GET /_gateway/ HTTP/1.1\r\n{close}\r\n"), 404, "not-found"),
    ];
    for (request, status, word) in table {
        assert_raw_problem(&gateway.raw(request.as_bytes()), status, word);
    }
    assert_eq!(service.seen(), Vec::<String>::new());
}

#[test]
fn no_service_at_all_is_503_with_retry_after() {
    let gateway = Gateway::before(&[nobody(), nobody()]);
    for _ in 0..3 {
        let answer = gateway.get("/stock");
        assert_problem(&answer, 503, "unavailable");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    assert_problem(&gateway.get("/readyz"), 503, "unavailable");
    assert_eq!(gateway.get("/healthz").status, 200);
}

#[test]
fn a_post_moves_on_only_where_it_was_certainly_not_sent() {
    let good = Service::start("b", Behaviour::Answer);
    let gateway = Gateway::before(&[nobody(), good.address]);
    let answer = gateway.post("/orders", &json!({"quantity": 1}));
    assert_eq!((answer.status, answer.header("x-order-service")), (200, Some("b")));

    let (dying, other) = (Service::start("a", Behaviour::Die), Service::start("b", Behaviour::Answer));
    let gateway = Gateway::before(&[dying.address, other.address]);
    let answer = gateway.post("/orders", &json!({"quantity": 1}));
    assert_problem(&answer, 503, "unknown-outcome");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(dying.seen().len(), 1);
    assert_eq!(other.seen(), Vec::<String>::new(), "an order may not be sent twice");
}

/// Confirming and cancelling need no body.
#[test]
fn a_post_without_a_body_passes() {
    let service = Service::start("a", Behaviour::Answer);
    let gateway = Gateway::before(&[service.address]);
    for (path, length) in [
        ("/orders/77a436fd-64f9-4d35-999b-a957195f5d23/confirm?after=1:41", ""),
        ("/orders/77a436fd-64f9-4d35-999b-a957195f5d23/cancel", "Content-Length: 0\r\n"),
    ] {
        let answer =
            gateway.raw(format!("POST {path} HTTP/1.1\r\nHost: x\r\n{length}Connection: close\r\n\r\n").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_eq!(service.seen().last().map(String::as_str), Some(&*format!("POST {path} HTTP/1.1")));
    }
}

#[test]
fn a_get_moves_on_from_a_service_that_dies() {
    let (dying, other) = (Service::start("a", Behaviour::Die), Service::start("b", Behaviour::Answer));
    let gateway = Gateway::before(&[dying.address, other.address]);
    for _ in 0..4 {
        assert_eq!(gateway.get("/stock").header("x-order-service"), Some("b"));
    }
}

#[test]
fn ready_when_one_is() {
    let (not_ready, ready) = (Service::start("a", Behaviour::NotReady), Service::start("b", Behaviour::Answer));
    let gateway = Gateway::before(&[not_ready.address, ready.address]);
    for _ in 0..4 {
        assert_eq!(gateway.get("/readyz").status, 200);
    }
    let gateway = Gateway::before(&[not_ready.address]);
    assert_eq!(gateway.get("/readyz").status, 503);
}

#[test]
fn it_has_metrics_of_its_own() {
    let gateway = Gateway::before(&[nobody()]);
    let answer = gateway.get("/metrics");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let sample = answer.body.lines().find(|line| line.contains("state=\"active\"")).unwrap();
    let (name, value) = sample.rsplit_once(' ').unwrap();
    assert_eq!(name, "ledger_gateway_connections{state=\"active\"}");
    assert!(value.parse::<u32>().unwrap() >= 1);
}

/// "Nothing was appended" is only said where that is known: nothing was sent, or the request could not append.
#[test]
fn unavailable_is_what_was_not_sent_or_only_reads() {
    let (one, other) = (Service::start("a", Behaviour::Die), Service::start("b", Behaviour::Die));
    let gateway = Gateway::before(&[one.address, other.address]);
    assert_problem(&gateway.get("/stock"), 503, "unavailable");
    // A digit in the address is not one in the count of bytes, nor is a word in it a method.
    assert_problem(&gateway.get("/orders/1?POST%20=1"), 503, "unavailable");
    assert_problem(&gateway.post("/orders", &json!({"quantity": 1})), 503, "unknown-outcome");
    let gateway = Gateway::before(&[nobody(), nobody()]);
    assert_problem(&gateway.post("/users/u1/orders", &json!({"quantity": 1})), 503, "unavailable");
    // One service that cannot be reached, and one that got it.
    let gateway = Gateway::before(&[nobody(), one.address]);
    assert_problem(&gateway.post("/orders", &json!({"quantity": 1})), 503, "unknown-outcome");
}

#[test]
fn its_own_addresses_are_for_reading() {
    let service = Service::start("a", Behaviour::Answer);
    let gateway = Gateway::before(&[service.address]);
    for path in ["/healthz", "/readyz", "/metrics"] {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "QUERY", "TRACE"] {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            let answer = gateway.raw(request.as_bytes());
            assert_raw_problem(&answer, 405, "method-not-allowed");
            assert!(answer.contains("\r\nAllow: GET, HEAD\r\n"), "{answer}");
        }
        let head = gateway.raw(format!("HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes());
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    }
}

#[test]
fn a_request_has_one_id_everywhere() {
    let service = Service::start("a", Behaviour::Answer);
    let gateway = Gateway::before(&[service.address]);
    let with = |id: &str, path: &str| {
        gateway.raw(
            format!("GET {path} HTTP/1.1\r\nHost: x\r\nX-Request-Id: {id}\r\nConnection: close\r\n\r\n").as_bytes(),
        )
    };
    assert!(with("basket-17", "/healthz").contains("\r\nX-Request-Id: basket-17\r\n"));
    let long = "x".repeat(129);
    for id in ["", "two words", "caf\u{e9}", &long] {
        let answer = with(id, "/healthz");
        let own = answer.split("\r\nX-Request-Id: ").nth(1).unwrap().split("\r\n").next().unwrap();
        assert_eq!((own.len(), own.bytes().all(|byte| byte.is_ascii_hexdigit())), (32, true), "{answer}");
    }
    with("basket-18", "/stock");
    assert_eq!(service.request_ids().last().map(String::as_str), Some("basket-18"));
    with("two words", "/stock");
    let made = service.request_ids().pop().unwrap();
    assert_eq!(made.len(), 32, "the service gets the one that the gateway would say: {made}");
}

/// Services that break off the connections of refused requests, as any server may. nginx must not count that against them.
#[test]
fn one_clients_mistakes_leave_no_service_out() {
    let (a, b) = (Service::start("a", Behaviour::Answer), Service::start("b", Behaviour::Answer));
    let gateway = Gateway::before(&[a.address, b.address]);
    let body = "x".repeat(60_000);
    let refused = format!(
        "POST /refused HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let (stop, address) = (Arc::new(AtomicBool::new(false)), gateway.address);
    let mistaken: Vec<_> = (0..8)
        .map(|_| {
            let (stop, refused) = (Arc::clone(&stop), refused.clone());
            thread::spawn(move || {
                let mut sent = 0;
                while !stop.load(Ordering::Relaxed) {
                    let mut stream = TcpStream::connect(address).unwrap();
                    // Either side may break off.
                    let _ = stream.write_all(refused.as_bytes());
                    let _ = stream.read_to_end(&mut Vec::new());
                    sent += 1;
                }
                sent
            })
        })
        .collect();
    let begin = Instant::now();
    let mut served = [0, 0];
    while begin.elapsed() < Duration::from_secs(2) {
        let answer = gateway.get("/stock");
        assert_eq!(answer.status, 200, "{answer:?}");
        served[usize::from(answer.header("x-order-service") == Some("b"))] += 1;
        assert_eq!(gateway.get("/readyz").status, 200);
    }
    stop.store(true, Ordering::Relaxed);
    let sent: u32 = mistaken.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert!(sent > 100 && served.iter().all(|count| *count > 20), "{sent} refused, {served:?} served");
}

#[test]
fn a_dead_service_costs_nothing_that_a_client_notices() {
    let good = Service::start("b", Behaviour::Answer);
    let gateway = Gateway::before(&[nobody(), good.address]);
    let begin = Instant::now();
    for _ in 0..100 {
        let answer = gateway.post("/orders", &json!({"quantity": 1}));
        assert_eq!((answer.status, answer.header("x-order-service")), (200, Some("b")));
    }
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    assert_eq!(good.seen().len(), 100, "each was sent once");
}

#[test]
fn a_client_that_closes_its_half_is_answered() {
    let service = Service::start("a", Behaviour::Answer);
    let gateway = Gateway::before(&[service.address]);
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    stream.write_all(b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n2"), "{answer}");
}
