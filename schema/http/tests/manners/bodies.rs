//! Answers that did not wait for the body, and clients that close their half.

use tokio::io::AsyncWriteExt;

use crate::world::{Client, LIMITS, Server};

fn post(path: &str, length: usize) -> Vec<u8> {
    let mut request = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n").into_bytes();
    request.resize(request.len() + length, b'x');
    request
}

async fn is_alive(client: &mut Client) {
    client.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!((answer.status(), answer.body.as_str()), (200, "here"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_answer_reads_the_rest_and_the_connection_goes_on() {
    let server = Server::start(LIMITS).await;
    for length in [1, 60_000, 2 * 1024 * 1024] {
        let mut client = server.connect().await;
        for _ in 0..10 {
            client.send(&post("/early", length)).await;
            let answer = client.answer().await;
            assert_eq!((answer.status(), answer.closes()), (415, false), "{length} bytes");
            is_alive(&mut client).await;
        }
    }
    // In chunks; and at an address that is none.
    let mut client = server.connect().await;
    let chunk = format!("f000\r\n{}\r\n", "x".repeat(0xf000));
    client
        .send(
            format!("POST /none HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{chunk}0\r\n\r\n").as_bytes(),
        )
        .await;
    assert_eq!(client.answer().await.status(), 404);
    is_alive(&mut client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_beyond_the_limits_is_cut_off_after_an_answer_that_says_so() {
    let server = Server::start(LIMITS).await;
    // Too much: the answer arrives although the client has not stopped to send.
    let mut client = server.connect().await;
    client.send(b"POST /early HTTP/1.1\r\nhost: x\r\ncontent-length: 999999999999\r\n\r\n").await;
    let piece = vec![b'x'; 1024 * 1024];
    for _ in 0..20 {
        client.try_send(&piece).await;
    }
    let answer = client.answer().await;
    assert_eq!((answer.status(), answer.closes()), (415, true));
    // Too slow.
    let mut client = server.connect().await;
    client.send(b"POST /early HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nx").await;
    let answer = client.answer().await;
    assert_eq!((answer.status(), answer.closes()), (415, true));
    assert!(client.is_closed().await);
    // Never invited.
    let mut client = server.connect().await;
    client.send(b"POST /early HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 100\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!((answer.status(), answer.closes()), (415, true), "no 100, and nothing to wait for: {answer:?}");
    assert!(client.is_closed().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_closes_its_half_gets_its_answer() {
    let server = Server::start(LIMITS).await;
    for path in ["/echo", "/early"] {
        let mut client = server.connect().await;
        client.send(&post(path, 50_000)).await;
        client.stream.shutdown().await.expect("half-closed");
        let answer = client.answer().await;
        assert_eq!(answer.body, if path == "/echo" { "50000" } else { "early" });
        assert!(client.is_closed().await);
    }
}
