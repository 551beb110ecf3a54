//! What is no request, or too long: an answer in words, counted, which arrives.

use std::sync::atomic::Ordering;

use crate::world::{LIMITS, Server};

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_to_no_route_is_answered_in_words() {
    let server = Server::start(LIMITS).await;
    let host = "host: x\r\n";
    let many: String = (0..101).map(|n| format!("h{n}: x\r\n")).collect();
    let long = |length: usize| format!("long: {}\r\n", "x".repeat(length));
    let path = |length: usize| "x".repeat(length);
    let requests: Vec<(Vec<u8>, u16, &str)> = vec![
        // By the rules of this crate.
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), 400, "bad-request: a request of HTTP/1.1 has a Host"),
        (b"GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n".to_vec(), 400, "bad-request: Host stands more than once"),
        (b"GET / HTTP/1.0\r\nhost: a\r\nhost: b\r\n\r\n".to_vec(), 400, "bad-request: Host stands more than once"),
        (b"GET / HTTP/1.1\r\nhost: a b\r\n\r\n".to_vec(), 400, "bad-request: Host is no name"),
        (format!("GET /{} HTTP/1.1\r\n{host}\r\n", path(8192)).into_bytes(), 414, "uri-too-long: "),
        (format!("GET / HTTP/1.1\r\n{host}{}\r\n", long(50_000)).into_bytes(), 431, "headers-too-large: "),
        // By hyper, which says only a status.
        (format!("GET /{} HTTP/1.1\r\n{host}\r\n", path(66_000)).into_bytes(), 414, "uri-too-long: "),
        (format!("GET / HTTP/1.1\r\n{host}{}\r\n", long(500_000)).into_bytes(), 431, "headers-too-large: "),
        (format!("GET / HTTP/1.1\r\n{host}{many}\r\n").into_bytes(), 431, "headers-too-large: "),
        (b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(), 400, "bad-request: the request is not valid"),
        (b"nonsense\r\n\r\n".to_vec(), 400, "bad-request: the request is not valid"),
        (b"GET / HTTP/1.1\r\nhost: x\r\nno colon\r\n\r\n".to_vec(), 400, "bad-request: the request is not valid"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n".to_vec(), 400, "bad-request: the request is not"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n".to_vec(), 400, "bad-request: the request is"),
    ];
    let count = requests.len();
    for (request, status, words) in requests {
        let shown = String::from_utf8_lossy(&request[..request.len().min(80)]).into_owned();
        let mut client = server.connect().await;
        client.try_send(&request).await;
        let answer = client.answer().await;
        assert_eq!(answer.status(), status, "{shown}: {answer:?}");
        assert!(answer.body.starts_with(words), "{shown}: {answer:?}");
        let head = answer.head.to_lowercase();
        assert!(head.contains("\r\nx-ours: yes") && head.contains("\r\ndate: "), "{shown}: {answer:?}");
    }
    assert_eq!(server.refused.load(Ordering::Relaxed), count, "each was counted once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_a_request_comes_through() {
    let server = Server::start(LIMITS).await;
    for request in [
        "GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHOST: [::1]:8080\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nhost:\r\n\r\n".to_owned(),
        "GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n".to_owned(),
        "GET http://x/ HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nhost: x\r\nlong: {}\r\n\r\n", "x".repeat(32_000)),
    ] {
        let mut client = server.connect().await;
        client.send(request.as_bytes()).await;
        let answer = client.answer().await;
        assert_eq!((answer.status(), answer.body.as_str()), (200, "here"), "{request:.60}");
    }
    assert_eq!(server.refused.load(Ordering::Relaxed), 0);
}

/// A second request that is none, behind one that is answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_goes_wrong_later_is_told_so() {
    let server = Server::start(LIMITS).await;
    let mut client = server.connect().await;
    client.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(client.answer().await.status(), 200);
    client.send(b"GET /\x7f\x01 HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!((answer.status(), answer.closes()), (400, true));
    assert!(answer.body.starts_with("bad-request: "), "{answer:?}");
    assert!(client.is_closed().await);
}
