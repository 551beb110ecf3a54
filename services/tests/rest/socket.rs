//! The service on a real socket: bodies that are too long, clients that are slow, and a clean stop.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::outages::{BROKER, mocked};
use crate::world::{ORDER, World, eventually};

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) ended: JoinHandle<()>,
}

pub(crate) async fn run(world: &World, flags: &[&str]) -> Running {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address");
    drop(free);
    let listen = address.to_string();
    let service = world.start(&[flags, &["--listen", &listen]].concat()).await.expect("the service starts");
    let ended = tokio::spawn(async move { service.run().await.expect("it runs") });
    eventually("listening", async || TcpStream::connect(address).await.ok()).await;
    Running { address, ended }
}

/// Sends the pieces, then reads to the end of the connection.
pub(crate) async fn talk(address: SocketAddr, pieces: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    for piece in pieces {
        // The answer may come, and the connection end, before all is sent.
        if stream.write_all(piece).await.is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn long_and_slow_bodies() {
    let world = World::new().await;
    let running = run(&world, &["--body-timeout-seconds", "1", "--idle-timeout-seconds", "2"]).await;
    let head = "POST /orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(65_536));
    let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n");
    let many: Vec<&[u8]> =
        [chunked.as_bytes()].into_iter().chain([chunk.as_bytes(); 8]).chain([&b"0\r\n\r\n"[..]]).collect();
    let answer = talk(running.address, &many).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("/problems/body-too-large") && answer.contains("x-order-service: a"), "{answer}");
    let declared = format!("{head}content-length: 999999999999\r\nexpect: 100-continue\r\n\r\n");
    let answer = talk(running.address, &[declared.as_bytes()]).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "not invited to continue: {answer}");
    let slow = format!("{head}content-length: 100\r\n\r\n{{");
    let answer = talk(running.address, &[slow.as_bytes()]).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(world.records(), 0);
    world.stop.cancel();
    running.ended.await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_answers_what_is_in_flight() {
    let world = World::new().await;
    let running = run(&world, &["--max-wait-seconds", "60"]).await;
    let length = ORDER.len();
    let request = format!(
        "POST /orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nprefer: wait=60\r\ncontent-length: {length}\r\n\r\n{ORDER}"
    );
    let address = running.address;
    let waiting = tokio::spawn(async move { talk(address, &[request.as_bytes()]).await });
    eventually("the append", async || (world.records() == 1).then_some(())).await;
    world.stop.cancel();
    let answer = waiting.await.expect("no panic");
    assert!(answer.starts_with("HTTP/1.1 202 ") && answer.contains("\"status\":\"pending\""), "{answer}");
    running.ended.await.expect("it ends");
    assert!(TcpStream::connect(address).await.is_err(), "nothing is accepted any more");
}

/// In this order: not ready, nothing is accepted, what is in flight is acknowledged and answered, and only then the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_acknowledgements() {
    let (world, mock) = mocked().await;
    let running = run(&world, &["--drain-ms", "1000", "--delivery-timeout-ms", "30000"]).await;
    let address = running.address;
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let head = format!(
        "POST /orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         expect: 100-continue\r\nconnection: close\r\n\r\n",
        ORDER.len()
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    // Invited to continue: the request is being handled, and waits for its body.
    let mut go_on = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut go_on).await.expect("an answer");
    assert!(go_on.starts_with(b"HTTP/1.1 100 "), "{}", String::from_utf8_lossy(&go_on));
    // From here on the brokers take longer than the service continues to accept connections.
    mock.broker_round_trip_time(BROKER, Duration::from_secs(3)).expect("slow");
    world.stop.cancel();
    stream.write_all(ORDER.as_bytes()).await.expect("sent");
    let readiness = b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let ready = talk(address, &[readiness]).await;
    assert!(ready.starts_with("HTTP/1.1 503 ") && ready.contains("\"stopping\":true"), "still served: {ready}");
    eventually("no connection", async || TcpStream::connect(address).await.is_err().then_some(())).await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answered");
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    running.ended.await.expect("it ends");
}
