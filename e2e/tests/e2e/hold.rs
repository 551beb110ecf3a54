//! Goods that are held while somebody pays: confirmed in time they are sold, else they go back by themselves, and the log decides which.
//!
//! It must never sleep for a hold: it looks until the order says so.

use anyhow::{Result, ensure};
use e2e::ledger::Ledger;
use serde_json::{Value, json};

use super::basket::{basket, shelf};
use super::{audit_at_rest, run, until};

const WAIT: (&str, &str) = ("prefer", "wait=20");

fn held(lines: &[(&str, i64)], seconds: i64) -> Value {
    let mut body = basket("ann", lines);
    body["hold"] = json!({ "expiresInSeconds": seconds });
    body
}

#[test]
fn a_hold_is_confirmed_and_the_goods_are_sold() -> Result<()> {
    run(async {
        let ledger = Ledger::start("hold").await?;
        let (gateway, a, b) = ledger.clients()?;
        for product in ["tea", "milk"] {
            a.receive(product, 10).await?;
        }
        for lines in [&[("tea", 2), ("milk", 3)][..], &[("tea", 1)]] {
            let (tea, milk) = (shelf([&a, &b], "tea").await?, shelf([&a, &b], "milk").await?);
            let placed = gateway.post("/orders", &[WAIT], &held(lines, 3_600)).await?;
            assert_eq!((placed.status, placed.text("status")), (201, "held"), "{placed:?}");
            assert!(placed.text("expiresAt").ends_with('Z'), "{placed:?}");
            let path = format!("/orders/{}", placed.text("orderId"));
            let pieces =
                |product: &str| lines.iter().find(|(name, _)| *name == product).map_or(0, |(_, pieces)| *pieces);
            assert_eq!(shelf([&a, &b], "tea").await?, (tea.0 - pieces("tea"), pieces("tea")));
            // Held, and yet nobody else's.
            let all = b.post("/orders", &[WAIT], &basket("bob", &[("tea", tea.0)])).await?;
            assert_eq!((all.status, all.problem()), (409, "out-of-stock"), "{all:?}");

            let confirmed = b.post(&format!("{path}/confirm"), &[WAIT], &json!({})).await?;
            assert_eq!((confirmed.status, confirmed.text("status")), (200, "confirmed"), "{confirmed:?}");
            let again = a.post(&format!("{path}/confirm"), &[WAIT], &json!({})).await?;
            assert_eq!((again.status, again.text("status")), (200, "confirmed"), "{again:?}");
            // The other partition hears of it a moment later.
            until(&b, "/stock/milk", |answer| answer.body["held"] == 0).await?;
            assert_eq!(shelf([&a, &b], "tea").await?, (tea.0 - pieces("tea"), 0));
            assert_eq!(shelf([&a, &b], "milk").await?, (milk.0 - pieces("milk"), 0));
        }
        let report = audit_at_rest(&ledger).await?;
        assert_eq!((report.confirmed_count, report.rejected_count), (2, 2));
        ledger.finish().await
    })
}

#[test]
fn a_hold_that_nobody_confirms_expires_and_cannot_be_confirmed_any_more() -> Result<()> {
    run(async {
        let ledger = Ledger::start("expiry").await?;
        let (gateway, a, b) = ledger.clients()?;
        for product in ["tea", "milk"] {
            a.receive(product, 10).await?;
        }
        let mut ids = Vec::new();
        for lines in [&[("tea", 2), ("milk", 3)][..], &[("tea", 1)]] {
            let placed = gateway.post("/orders", &[WAIT], &held(lines, 2)).await?;
            // A machine that is busy for two seconds shows it when it is over already.
            ensure!(placed.status == 201 || placed.problem() == "expired", "{placed:?}");
            ids.push(placed.text("orderId").to_owned());
        }
        for id in &ids {
            let path = format!("/orders/{id}");
            let over = until(&b, &path, |answer| answer.text("status") == "cancelled").await?;
            assert_eq!(over.text("reason"), "expired", "{over:?}");
            let late = a.post(&format!("{path}/confirm"), &[WAIT], &json!({})).await?;
            assert_eq!(
                (late.status, late.problem(), late.text("orderStatus")),
                (409, "not-held", "cancelled"),
                "{late:?}"
            );
            // It is cancelled, so it can be cancelled again, and nothing comes of it.
            let cancelled = a.post(&format!("{path}/cancel"), &[WAIT], &json!({})).await?;
            assert_eq!((cancelled.status, cancelled.text("status")), (200, "cancelled"), "{cancelled:?}");
        }
        let report = audit_at_rest(&ledger).await?;
        assert_eq!(shelf([&a, &b], "tea").await?, (10, 0));
        assert_eq!(shelf([&a, &b], "milk").await?, (10, 0));
        assert_eq!((report.cancelled_count, report.confirmed_count), (2, 0));
        ledger.finish().await
    })
}

/// The projector is away while the hold ends: what was confirmed before is confirmed, whatever the clocks say afterwards.
#[test]
fn a_confirmation_in_time_beats_an_expiry_that_comes_late() -> Result<()> {
    run(async {
        let mut ledger = Ledger::start("intime").await?;
        let (_, a, b) = ledger.clients()?;
        a.receive("tea", 10).await?;
        let placed = a.post("/orders", &[WAIT], &held(&[("tea", 4)], 3)).await?;
        ensure!(placed.status == 201, "{placed:?}");
        ledger.projector.process.kill()?;
        let path = format!("/orders/{}", placed.text("orderId"));
        let taken = b.post(&format!("{path}/confirm"), &[], &json!({})).await?;
        assert_eq!(taken.status, 202, "{taken:?}");
        // Beyond its end, by the clock of the database.
        let pool = ledger.database().await?;
        let begin = std::time::Instant::now();
        while sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM open_orders WHERE due_at > UTC_TIMESTAMP(6)")
            .fetch_one(&pool)
            .await?
            > 0
        {
            ensure!(begin.elapsed().as_secs() < 30, "the hold does not end");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        ledger.projector.restart()?;
        ledger.projector.wait_ready()?;
        let shown = until(&a, &path, |answer| answer.text("status") != "held").await?;
        assert_eq!(shown.text("status"), "confirmed", "{shown:?}");
        audit_at_rest(&ledger).await?;
        assert_eq!(shelf([&a, &b], "tea").await?, (6, 0));
        ledger.finish().await
    })
}
