//! One client that does everything wrong, and another one that must not notice.
//!
//! It must never judge what the first one is answered, only that it is let go. What is listed here is what the gateway's
//! template and the services set limits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::client::Client;
use e2e::ledger::Ledger;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{audit_at_rest, order, run};

/// Longest that a request of the good client may take. Both share two cores with everything else.
const SERVED_WITHIN: Duration = Duration::from_secs(10);
/// The gateway's and the services' limits are ten seconds each; an answer and a lingering close come on top.
const LET_GO_WITHIN: Duration = Duration::from_secs(25);

const BODY_OF_60_KB: usize = 60_000;
/// Rounds of ten connections at once, with pauses: what is tested is what a client leaves behind, not how much two cores can do.
const CONNECTIONS_PER_ROUND: usize = 10;
const PAUSE: Duration = Duration::from_millis(250);

fn post(path: &str, content_type: &str, length: usize, more: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n{more}\r\n")
}

/// Bodies that are refused before they are read, on connections that are used again where they can be.
async fn refused_bodies(address: &str, stop: &AtomicBool) -> Result<u64> {
    let body = vec![b'x'; BODY_OF_60_KB];
    let (mut sent, mut connections) = (0, 0_usize);
    while !stop.load(Ordering::Relaxed) {
        if connections % CONNECTIONS_PER_ROUND == 0 {
            sleep(PAUSE).await;
        }
        connections += 1;
        let mut stream = TcpStream::connect(address).await?;
        for path in ["/orders", "/nowhere", "/users/u/orders"] {
            let request = post(path, "text/plain", body.len(), "");
            let exchange = async {
                stream.write_all(request.as_bytes()).await?;
                stream.write_all(&body).await?;
                stream.read(&mut [0; 4096]).await
            };
            sent += 1;
            // Whatever it is answered; where the connection ended, the next one is opened.
            if !matches!(timeout(LET_GO_WITHIN, exchange).await?, Ok(read) if read > 0) {
                break;
            }
        }
    }
    Ok(sent)
}

/// Begins requests and breaks them off: in the header, in the body, after the request.
async fn broken_off(address: &str, stop: &AtomicBool) -> Result<u64> {
    let half_body = post("/orders", "application/json", 1000, "") + "{\"userId\":";
    let unanswered = post("/orders", "application/json", 2, "Prefer: wait=5\r\n") + "{}";
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        for text in ["POST /orders HT", half_body.as_str(), unanswered.as_str(), "\0\0 no HTTP \r\n\r\n"] {
            let mut stream = TcpStream::connect(address).await?;
            stream.write_all(text.as_bytes()).await?;
            sent += 1;
        }
        sleep(PAUSE / 10).await;
    }
    Ok(sent)
}

/// Sends `first`, then `drop_by_drop` a byte at a time, reads nothing, and answers how long the other side went along.
async fn held(address: &str, first: &[u8], drop_by_drop: &[u8], reads: bool) -> Result<Duration> {
    let mut stream = TcpStream::connect(address).await?;
    let begin = Instant::now();
    stream.write_all(first).await?;
    let mut drops = drop_by_drop.iter().cycle();
    let mut ended = vec![0; 1024];
    while begin.elapsed() < LET_GO_WITHIN {
        if let Some(drop) = drops.next()
            && stream.write_all(&[*drop]).await.is_err()
        {
            break;
        }
        // A client that does not read notices by its own writing.
        if reads && matches!(timeout(Duration::from_millis(500), stream.read(&mut ended)).await, Ok(Ok(0) | Err(_))) {
            break;
        }
        sleep(Duration::from_millis(200)).await;
    }
    Ok(begin.elapsed())
}

/// One request after the other, until `stop`; every one must be served.
async fn served(gateway: Client, user: String, stop: Arc<AtomicBool>) -> Result<u64> {
    let mut orders = 0;
    while !stop.load(Ordering::Relaxed) {
        let placed = timeout(SERVED_WITHIN, gateway.post("/orders", &[], &order(&user, "p", 1))).await;
        let placed = placed.context("an order took too long")??;
        ensure!(placed.status == 202, "an order was answered {placed:?}");
        orders += 1;
        for path in ["/stock/p", "/healthz"] {
            let answer = timeout(SERVED_WITHIN, gateway.get(path)).await.with_context(|| format!("{path} hung"))??;
            ensure!(answer.status == 200, "{path} was answered {answer:?}");
        }
    }
    Ok(orders)
}

#[test]
fn one_client_does_everything_wrong_and_the_other_is_served() -> Result<()> {
    run(async {
        let ledger = Ledger::start("strangers").await?;
        let (gateway, a, _) = ledger.clients()?;
        a.receive("p", 1_000_000).await?;
        let address = ledger.gateway.address.to_string();
        let stop = Arc::new(AtomicBool::new(false));

        let good: Vec<_> =
            (0..4).map(|number| tokio::spawn(served(gateway.clone(), format!("u{number}"), stop.clone()))).collect();
        // Many connections that do nothing, for as long as the test lasts.
        let mut idle = Vec::new();
        for _ in 0..200 {
            idle.push(TcpStream::connect(&address).await?);
        }
        let wrong = Arc::new(AtomicU64::new(0));
        let mut busy = JoinSet::new();
        for number in 0..10 {
            let (address, stop, wrong) = (address.clone(), stop.clone(), wrong.clone());
            busy.spawn(async move {
                let sent =
                    if number < 8 { refused_bodies(&address, &stop).await } else { broken_off(&address, &stop).await };
                wrong.fetch_add(sent?, Ordering::Relaxed);
                anyhow::Ok(())
            });
        }
        // Those that hold on to something, each kind ten times.
        let slow_body = post("/orders", "application/json", BODY_OF_60_KB, "").into_bytes();
        let slow_wrong_body = post("/orders", "text/plain", BODY_OF_60_KB, "").into_bytes();
        let unread = "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000).into_bytes();
        let half_header = b"GET /stock HTTP/1.1\r\nHost: x\r\nX-Slow: ".to_vec();
        let kinds: [(&'static str, Vec<u8>, bool); 4] = [
            ("a slow body", slow_body, true),
            ("a slow body of the wrong type", slow_wrong_body, true),
            ("answers that are not read", unread, false),
            ("a header without an end", half_header, true),
        ];
        let mut holding = JoinSet::new();
        for (kind, first, reads) in kinds {
            for _ in 0..10 {
                let (address, first) = (address.clone(), first.clone());
                holding.spawn(async move { anyhow::Ok((kind, held(&address, &first, b"x", reads).await?)) });
            }
        }
        while let Some(held) = holding.join_next().await {
            let (kind, took) = held??;
            assert!(took < LET_GO_WITHIN, "{kind} was held for {took:?}");
        }
        stop.store(true, Ordering::Relaxed);
        while let Some(ended) = busy.join_next().await {
            ended??;
        }
        let mut orders = 0;
        for client in good {
            orders += client.await??;
        }
        let wrong = wrong.load(Ordering::Relaxed);
        assert!(wrong > 100 && orders > 20, "{wrong} requests were wrong, {orders} orders were placed");
        drop(idle);
        // What was acknowledged is there, and nothing else is.
        let report = audit_at_rest(&ledger).await?;
        assert_eq!(u64::try_from(report.confirmed_count)?, orders);
        ledger.finish().await
    })
}
