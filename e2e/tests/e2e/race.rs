//! One key, two bodies, two services, at the same time: neither service can know of the other, so the log decides.
//!
//! It must never depend on which of the two wins. Read `fight` for many clients.

use anyhow::{Result, ensure};
use e2e::client::{Answer, Client};
use e2e::ledger::Ledger;
use serde_json::Value;

use super::{audit_at_rest, order, run};

const RACE_COUNT: i64 = 20;

async fn at_once(services: [&Client; 2], key: &str, bodies: [&Value; 2]) -> Result<[Answer; 2]> {
    let headers = [("idempotency-key", key), ("prefer", "wait=20")];
    let (one, other) = tokio::join!(
        services[0].post("/orders", &headers, bodies[0]),
        services[1].post("/orders", &headers, bodies[1])
    );
    Ok([one?, other?])
}

#[test]
fn one_key_and_two_bodies_are_one_order() -> Result<()> {
    run(async {
        let ledger = Ledger::start("race").await?;
        let (_, a, b) = ledger.clients()?;
        a.receive("bars", 1_000).await?;
        for nth in 0..RACE_COUNT {
            let bodies = [order("u", "bars", 1), order("u", "bars", 2)];
            let answers = at_once([&a, &b], &format!("race-{nth}"), [&bodies[0], &bodies[1]]).await?;
            let (winner, loser) = if answers[0].status == 201 { (0, 1) } else { (1, 0) };
            let (won, lost) = (&answers[winner], &answers[loser]);
            ensure!(won.status == 201 && lost.status == 422, "{answers:#?}");
            ensure!(lost.problem() == "idempotency-conflict", "{lost:?}");
            let path = format!("/orders/{}", won.text("orderId"));
            for service in [&a, &b] {
                // Asked once: who was answered 201 finds the order at once, on every service.
                let shown = service.get(&path).await?;
                ensure!(shown.status == 200 && shown.body["others"].is_null(), "{shown:?}");
                ensure!(shown.body["quantity"] == bodies[winner]["quantity"], "{won:?}, then {shown:?}");
            }
        }
        let report = audit_at_rest(&ledger).await?;
        ensure!(report.confirmed_count == usize::try_from(RACE_COUNT)?, "{} orders", report.confirmed_count);
        ledger.finish().await
    })
}
