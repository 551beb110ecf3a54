//! Fifty clients fight for the last bars, through the gateway, with retries over both services.
//!
//! It must never depend on who gets the last one.

use std::sync::Arc;

use anyhow::{Result, ensure};
use e2e::client::Client;
use e2e::ledger::Ledger;
use tokio::task::JoinSet;

use super::{audit_at_rest, order, run, until};

const CLIENT_COUNT: i64 = 50;
const ORDERS_PER_CLIENT: i64 = 6;
/// Fewer than are ordered.
const RECEIVED: i64 = 200;

/// One client's orders: each under a key, every third one sent twice, so that the retry meets the other service.
async fn buy(gateway: Arc<Client>, client: i64) -> Result<Vec<(String, String)>> {
    let mut answered = Vec::new();
    for nth in 0..ORDERS_PER_CLIENT {
        let key = format!("{client}-{nth}");
        let mut headers = vec![("idempotency-key", key.as_str())];
        if nth % 2 == 0 {
            headers.push(("prefer", "wait=20"));
        }
        let body = order(&format!("client-{client}"), "last-bars", 1);
        let answer = gateway.post("/orders", &headers, &body).await?;
        ensure!([201, 202, 409].contains(&answer.status), "{answer:?}");
        if nth % 3 == 0 {
            let retried = gateway.post("/orders", &headers, &body).await?;
            ensure!(retried.text("orderId") == answer.text("orderId"), "{answer:?} then {retried:?}");
            if answer.status != 202 {
                ensure!(retried.status == answer.status, "{answer:?} then {retried:?}");
            }
        }
        answered.push((answer.text("orderId").to_owned(), answer.text("position").to_owned()));
    }
    Ok(answered)
}

#[test]
fn sold_is_received_and_both_services_answer_alike() -> Result<()> {
    run(async {
        let ledger = Ledger::start("fight").await?;
        let (gateway, a, b) = ledger.clients()?;
        a.receive("last-bars", RECEIVED / 2).await?;
        let gateway = Arc::new(gateway);
        let mut clients = JoinSet::new();
        for client in 0..CLIENT_COUNT {
            clients.spawn(buy(Arc::clone(&gateway), client));
        }
        b.receive("last-bars", RECEIVED / 2).await?;
        let mut answered = Vec::new();
        for orders in clients.join_all().await {
            answered.extend(orders?);
        }
        assert_eq!(answered.len(), usize::try_from(CLIENT_COUNT * ORDERS_PER_CLIENT)?);
        // Sellers may have run dry before the second receipt: what is left is sold to one more.
        let left = until(&a, "/stock/last-bars", |answer| answer.status == 200).await?;
        let left = left.body["available"].as_i64().unwrap_or(-1);
        assert!(left >= 0, "never below zero");
        if left > 0 {
            let rest = a.post("/orders", &[("prefer", "wait=20")], &order("last", "last-bars", left)).await?;
            assert_eq!(rest.status, 201);
            answered.push((rest.text("orderId").to_owned(), rest.text("position").to_owned()));
        }

        let mut sold = 0;
        for (order_id, position) in &answered {
            let path = format!("/orders/{order_id}?after={position}");
            let (from_a, from_b) = (a.get(&path).await?, b.get(&path).await?);
            assert_eq!(from_a.status, 200, "{from_a:?}");
            assert_eq!(from_a.body, from_b.body, "both services answer alike");
            if from_a.text("status") == "confirmed" {
                sold += from_a.body["quantity"].as_i64().unwrap_or(0);
            }
        }
        assert_eq!(sold, RECEIVED, "sold = received");
        for service in [&a, &b] {
            assert_eq!(service.get("/stock/last-bars").await?.body["available"], 0);
        }
        let report = audit_at_rest(&ledger).await?;
        assert_eq!(report.confirmed_count + report.rejected_count, answered.len());
        assert_eq!(report.parked_count, 0);
        ledger.finish().await
    })
}
