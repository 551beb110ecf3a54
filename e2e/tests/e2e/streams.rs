//! A stream of outcomes through the gateway while the services that feed it die: each outcome once.
//!
//! It must never look at the topic: what a client gets is what counts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::client::{Client, builder};
use e2e::ledger::Ledger;
use serde_json::Value;
use tokio::sync::mpsc;

use super::{audit_at_rest, order, run};

const ORDERS: usize = 60;
const PRODUCTS: usize = 12;
const LIMIT: Duration = Duration::from_secs(60);

/// Reads a stream for as long as somebody wants its events, and comes back by its last id whenever it ends.
async fn follow(address: String, events: mpsc::UnboundedSender<(String, Value)>) -> Result<()> {
    let http = builder()?.build()?;
    let mut last_id = String::new();
    loop {
        // A request that nobody answers, or refuses for now, is sent again.
        let request = http.get(&address).header("last-event-id", &last_id);
        if let Ok(mut response) = request.send().await
            && response.status() == 200
        {
            let mut text = String::new();
            while let Ok(Some(bytes)) = response.chunk().await {
                text.push_str(std::str::from_utf8(&bytes)?);
                while let Some((block, rest)) = text.split_once("\n\n") {
                    let line = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
                    if let Some(id) = line("id: ") {
                        id.clone_into(&mut last_id);
                    }
                    if let (Some(event), Some(data)) = (line("event: "), line("data: "))
                        && events.send((event.to_owned(), serde_json::from_str(data)?)).is_err()
                    {
                        return Ok(());
                    }
                    text = rest.to_owned();
                }
            }
        }
        if events.is_closed() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Sends an order until it is taken; the key makes it one order.
async fn place(gateway: &Client, number: usize) -> Result<String> {
    let (body, key) = (order("reader", &format!("p{}", number % PRODUCTS), 1), format!("stream-{number}"));
    let begin = Instant::now();
    loop {
        let answer = gateway.post("/orders", &[("idempotency-key", &key)], &body).await;
        if let Ok(answer) = &answer
            && answer.status == 202
        {
            return Ok(answer.text("orderId").to_owned());
        }
        ensure!(begin.elapsed() < LIMIT, "order {number}: {answer:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn a_stream_through_the_gateway_outlives_its_services_with_neither_gap_nor_double() -> Result<()> {
    run(async {
        let mut ledger = Ledger::start("streams").await?;
        let (gateway, ..) = ledger.clients()?;
        for product in 0..PRODUCTS {
            gateway.receive(&format!("p{product}"), 100).await?;
        }
        let (sender, mut events) = mpsc::unbounded_channel();
        let address = format!("http://{}/events?user=reader&type=OrderConfirmed", ledger.gateway.address);
        let reader = tokio::spawn(follow(address, sender));
        // The stream begins with now: it is there once an order of before is seen on it.
        let mut probes = 0;
        while events.is_empty() {
            place(&gateway, ORDERS + probes).await?;
            probes += 1;
            ensure!(probes < 600, "nothing comes through the gateway");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let mut expected = BTreeMap::new();
        for number in 0..ORDERS {
            match number {
                15 => ledger.service_a.process.kill()?,
                25 => ledger.service_a.restart()?,
                30 => ledger.service_a.wait_ready()?,
                35 => ledger.service_b.process.kill()?,
                45 => ledger.service_b.restart()?,
                50 => ledger.service_b.wait_ready()?,
                _ => {}
            }
            expected.insert(place(&gateway, number).await?, 0);
        }
        let begin = Instant::now();
        while expected.values().any(|seen| *seen == 0) {
            let left = LIMIT.saturating_sub(begin.elapsed());
            let Ok(Some((event, data))) = tokio::time::timeout(left, events.recv()).await else { break };
            ensure!(event == "OrderConfirmed", "{event}: {data}");
            if let Some(seen) = data["order_id"].as_str().and_then(|id| expected.get_mut(id)) {
                *seen += 1;
            }
        }
        ensure!(expected.values().all(|seen| *seen == 1), "each once, found {expected:?}");
        events.close();
        // The reader notices with its next event or its next connection.
        place(&gateway, 10_000).await?;
        tokio::time::timeout(LIMIT, reader).await???;
        audit_at_rest(&ledger).await?;
        ledger.finish().await
    })
}
