//! What `ledger order` does where a service loses answers, is in doubt, or ends a stream: a server that plays such a service, byte by byte.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::thread::JoinHandle;
use std::time::Instant;

use serde_json::{Value, json};

use crate::setting::{LIMIT, PAUSE, code, free_address, stderr};

const ORDER: &str = "018f0000-0000-7000-8000-000000000001";

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    line: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

fn asked(stream: &TcpStream) -> Asked {
    let mut reader = BufReader::new(stream);
    let text = |reader: &mut BufReader<&TcpStream>| {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    };
    let line = text(&mut reader);
    let mut headers = Vec::new();
    loop {
        let header = text(&mut reader);
        let Some((name, value)) = header.split_once(": ") else { break };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let mut asked = Asked { line, headers, body: String::new() };
    let length = asked.header("content-length").map_or(0, |length| length.parse().expect("a length"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    asked.body = String::from_utf8(body).expect("text");
    asked
}

/// The next connection; whoever does not come any more fails the test, and does not hold it.
fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).expect("a listener");
    let started = Instant::now();
    loop {
        if let Ok((stream, _)) = listener.accept() {
            return stream;
        }
        assert!(started.elapsed() < LIMIT, "nobody connects any more");
        std::thread::sleep(PAUSE);
    }
}

/// Answers one connection after the other as the script says; gives what was asked.
fn play(script: Vec<String>) -> (String, JoinHandle<Vec<Asked>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let played = std::thread::spawn(move || {
        let mut seen = Vec::new();
        for answer in script {
            let mut stream = accept(&listener);
            seen.push(asked(&stream));
            // Empty: the answer is lost.
            stream.write_all(answer.as_bytes()).expect("it is read");
        }
        seen
    });
    (url, played)
}

fn answer(status: &str, kind: &str, more: &str, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n{more}\r\n{body}",
        body.len()
    )
}

fn json_answer(status: &str, body: &Value) -> String {
    answer(status, "application/json", "", body)
}

fn problem(status: &str, word: &str, more: &str) -> String {
    let document =
        json!({ "type": format!("/problems/{word}"), "title": "A title", "status": 503, "detail": "because" });
    answer(status, "application/problem+json", more, &document)
}

fn stream(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n{text}")
}

fn ledger(url: &str, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ledger"));
    command.args(args).env("LEDGER_URL", url).env("LEDGER_CONFIG", "").output().expect("the binary runs")
}

const PLACE: &[&str] = &["order", "place", "--user", "ann", "--product", "bar", "--quantity", "1", "--unit-price", "5"];

#[test]
fn a_lost_answer_and_a_doubt_are_asked_again_under_the_same_key() {
    let placed = json!({ "orderId": ORDER, "status": "confirmed", "position": "0:1" });
    let (url, played) = play(vec![
        String::new(),
        problem("503 Service Unavailable", "unknown-outcome", "Retry-After: 1\r\n"),
        "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
        json_answer("201 Created", &placed),
    ]);
    let begun = Instant::now();
    let output = ledger(&url, PLACE);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let seen = played.join().expect("it was played");
    let keys: Vec<_> = seen.iter().map(|asked| asked.header("idempotency-key").expect("always a key")).collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert!(seen.iter().all(|asked| asked.body == seen[0].body && asked.line == "POST /orders HTTP/1.1"), "{seen:?}");
    assert_eq!(seen[0].header("prefer"), Some("wait=5"));
    assert!(begun.elapsed().as_millis() >= 1000, "Retry-After counts");
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&found["orderId"], &found["idempotencyKey"]), (&json!(ORDER), &json!(keys[0])));
}

#[test]
fn a_doubt_that_stays_names_the_key_that_makes_a_repeat_safe() {
    let lost = || vec![String::new()];
    let once = |key: &[&'static str]| [PLACE, &["--retry-seconds", "0"], key].concat();
    let (url, played) = play(lost());
    let output = ledger(&url, &once(&["--idempotency-key", "k-1"]));
    played.join().expect("it was played");
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(
        stderr(&output)
            .contains("it is not known whether the request was accepted; sent again with `--idempotency-key 'k-1'`"),
        "{}",
        stderr(&output)
    );

    let (url, played) = play(vec![problem("503 Service Unavailable", "unavailable", "")]);
    let output = ledger(&url, &once(&[]));
    played.join().expect("it was played");
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("A title (503, unavailable): because") && !stderr(&output).contains("not known"),
        "{}",
        stderr(&output)
    );

    // A refusal also speaks for the attempt that was lost before it.
    let (url, played) = play(vec![String::new(), problem("422 Unprocessable Content", "invalid-field", "")]);
    let output = ledger(&url, PLACE);
    played.join().expect("it was played");
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    assert!(!stderr(&output).contains("not known"), "{}", stderr(&output));

    // Nothing was sent where nobody listens.
    let output = ledger(&format!("http://{}", free_address()), &once(&[]));
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("no answer from http://127.0.0.1:") && !stderr(&output).contains("not known"),
        "{}",
        stderr(&output)
    );

    // Somebody else's server.
    let (url, played) = play(vec!["HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n\x1b[31m<html>".to_owned()]);
    let output = ledger(&url, &["order", "get", ORDER]);
    played.join().expect("it was played");
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("expected JSON of an order service") && !stderr(&output).contains('\u{1b}'),
        "{}",
        stderr(&output)
    );
}

fn standing(status: &str) -> String {
    let order =
        json!({ "orderId": ORDER, "userId": "ann", "status": status, "totalPrice": 5, "position": "0:1", "lines": [] });
    json_answer("200 OK", &order)
}

#[test]
fn a_watch_goes_on_behind_the_last_whole_event() {
    let (url, played) = play(vec![
        stream(": hello\n\nid: a1\nevent: OrderHeld\ndata: {}\n\nid: half\nevent: OrderConfirmed\ndata: {"),
        standing("pending"),
        standing("held"),
        // A service that stops, then one that has lost the place.
        problem("503 Service Unavailable", "unavailable", ""),
        stream("event: reset\ndata: {}\nid: b7\n\n"),
        standing("held"),
        standing("held"),
        stream("retry: 10\n: heartbeat\n\n"),
        standing("confirmed"),
    ]);
    let output = ledger(&url, &["order", "watch", ORDER, "--after", "0:1", "--output", "table"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    // The same state is told once.
    assert_eq!(String::from_utf8_lossy(&output.stdout), "pending\nheld\nconfirmed\n");
    assert!(stderr(&output).contains("the stream cannot go on where it ended"), "{}", stderr(&output));
    let seen = played.join().expect("it was played");
    let streams: Vec<_> = seen.iter().filter(|asked| asked.line.contains("/events")).collect();
    assert!(streams.iter().all(|asked| asked.line == format!("GET /events?order={ORDER} HTTP/1.1")), "{streams:?}");
    let resumed: Vec<_> = streams.iter().map(|asked| asked.header("last-event-id")).collect();
    assert_eq!(resumed, [None, Some("a1"), Some("a1"), Some("b7")]);
    let read = seen.iter().find(|asked| asked.line.starts_with("GET /orders/")).expect("it is read");
    assert_eq!(read.line, format!("GET /orders/{ORDER}?after=0%3A1 HTTP/1.1"));
}

#[test]
fn stock_is_watched_from_where_it_stands() {
    let level = |available: i64| json!({ "productId": "bar", "available": available, "held": 0, "position": "0:1" });
    let (url, played) = play(vec![
        stream(&format!(
            "id: 1\nevent: stock\ndata: {}\n\nevent: stock\ndata: no JSON\n\nevent: dropped\ndata: {{}}\n\n\
             event: stock\ndata: {{\"productId\":\"a/b\",\"outcome\":\"OrderHeld\"}}\n\nevent: stock\ndata: {}\n\n",
            level(4),
            level(3)
        )),
        json_answer("200 OK", &level(5)),
        // What is left after an order of several lines is asked for.
        json_answer("200 OK", &json!({ "productId": "a/b", "available": 9, "held": 2, "position": "0:1" })),
    ]);
    let output = ledger(&url, &["stock", "watch", "bar", "--count", "4", "--output", "table"]);
    let seen = played.join().expect("it was played");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let bar = |available: i64| format!("bar: available {available}, held 0, position 0:1\n");
    let expected = [bar(5), bar(4), "a/b: available 9, held 2, position 0:1\n".to_owned(), bar(3)].concat();
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    assert!(stderr(&output).contains("an event that is no JSON is left out"), "{}", stderr(&output));
    assert!(stderr(&output).contains("cut this reader off for being slow"), "{}", stderr(&output));
    assert_eq!(seen[2].line, "GET /stock/a%2Fb HTTP/1.1");
}
