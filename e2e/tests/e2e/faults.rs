//! Processes die; nothing is lost or doubled.
//!
//! It must never take long: `e2e/src/bin/ledger-chaos/` is the long one.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::client::Client;
use e2e::ledger::Ledger;

use super::{audit_at_rest, order, run};

const ORDER_COUNT: usize = 400;

/// Places one order and retries it under its key until it is acknowledged.
async fn place(client: &Client, nth: usize) -> Result<String> {
    let key = format!("order-{nth}");
    for _ in 0..200 {
        let headers = [("idempotency-key", key.as_str())];
        match client.post("/orders", &headers, &order("u", &format!("p{}", nth % 7), 1)).await {
            Ok(answer) if answer.status == 202 => return Ok(answer.text("orderId").to_owned()),
            Ok(answer) => ensure!(answer.status == 503, "{answer:?}"),
            // The connection broke: unknown, so the same key again.
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("order {nth} was never acknowledged")
}

#[test]
fn kill_9_of_services_and_projector_loses_and_doubles_nothing() -> Result<()> {
    run(async {
        let mut ledger = Ledger::start("faults").await?;
        let (gateway, a, b) = ledger.clients()?;
        for product in 0..7 {
            a.receive(&format!("p{product}"), 40).await?;
        }
        let gateway = Arc::new(gateway);
        let load = tokio::spawn({
            let gateway = Arc::clone(&gateway);
            async move {
                let mut placed = Vec::new();
                for nth in 0..ORDER_COUNT {
                    placed.push(place(&gateway, nth).await?);
                }
                anyhow::Ok(placed)
            }
        });
        let mut kills = 0;
        while !load.is_finished() {
            for part in [&mut ledger.projector, &mut ledger.service_a, &mut ledger.service_b] {
                part.process.kill()?;
                part.restart()?;
                kills += 1;
                // The next is killed once this one serves, so that the load goes on in between.
                part.wait_ready()?;
            }
        }
        let placed = load.await??;
        assert!(kills >= 3, "{kills} kills");
        let report = audit_at_rest(&ledger).await?;
        assert_eq!(report.confirmed_count + report.rejected_count, ORDER_COUNT, "every order once: {report:?}");
        assert_eq!(report.confirmed_count, 7 * 40, "sold = received");
        for order_id in placed.iter().step_by(37) {
            let path = format!("/orders/{order_id}");
            assert_eq!(a.get(&path).await?.body, b.get(&path).await?.body);
        }
        ledger.finish().await
    })
}
