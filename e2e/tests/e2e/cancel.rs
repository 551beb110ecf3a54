//! Cancelling: stock returns exactly once, however many cancel at once and whatever races with it.
//!
//! It must never depend on who wins a race: what was answered and what is shown have to agree.

use anyhow::{Result, ensure};
use e2e::ledger::Ledger;
use serde_json::json;

use super::basket::{basket, shelf};
use super::{audit_at_rest, run};

const WAIT: (&str, &str) = ("prefer", "wait=20");
const RACES: usize = 12;

#[test]
fn two_cancels_at_once_return_the_stock_once() -> Result<()> {
    run(async {
        let ledger = Ledger::start("cancel").await?;
        let (gateway, a, b) = ledger.clients()?;
        for product in ["tea", "milk"] {
            a.receive(product, 10).await?;
        }
        for nth in 0..RACES {
            let lines = [("tea", 2), ("milk", 3)];
            let lines = if nth % 2 == 0 { &lines[..] } else { &lines[..1] };
            let placed = gateway.post("/orders", &[WAIT], &basket("ann", lines)).await?;
            ensure!(placed.status == 201, "{placed:?}");
            let path = format!("/orders/{}/cancel", placed.text("orderId"));
            let note = json!({ "note": "changed my mind" });
            let (one, other) = tokio::join!(a.post(&path, &[WAIT], &note), b.post(&path, &[WAIT], &note));
            for answer in [one?, other?] {
                ensure!((answer.status, answer.text("status")) == (200, "cancelled"), "{answer:?}");
            }
        }
        let report = audit_at_rest(&ledger).await?;
        assert_eq!((shelf([&a, &b], "tea").await?, shelf([&a, &b], "milk").await?), ((10, 0), (10, 0)));
        assert_eq!((report.cancelled_count, report.confirmed_count), (RACES, 0));
        ledger.finish().await
    })
}

#[test]
fn a_cancel_that_races_with_a_confirmation_has_one_answer() -> Result<()> {
    run(async {
        let ledger = Ledger::start("cancelrace").await?;
        let (gateway, a, b) = ledger.clients()?;
        for product in ["tea", "milk"] {
            a.receive(product, 100).await?;
        }
        for _ in 0..RACES {
            let mut body = basket("ann", &[("tea", 2), ("milk", 3)]);
            body["hold"] = json!({ "expiresInSeconds": 600 });
            let placed = gateway.post("/orders", &[WAIT], &body).await?;
            ensure!(placed.text("status") == "held", "{placed:?}");
            let path = format!("/orders/{}", placed.text("orderId"));
            let (cancel, confirm) = (format!("{path}/cancel"), format!("{path}/confirm"));
            let (empty, wait) = (json!({}), [WAIT]);
            let (cancelled, confirmed) = tokio::join!(a.post(&cancel, &wait, &empty), b.post(&confirm, &wait, &empty));
            let (cancelled, confirmed) = (cancelled?, confirmed?);
            // Whichever came first on the log: the order ends cancelled, and a confirmation was before that, or is refused.
            ensure!((cancelled.status, cancelled.text("status")) == (200, "cancelled"), "{cancelled:?}");
            let is_true = (confirmed.status, confirmed.text("status")) == (200, "confirmed")
                || (confirmed.status, confirmed.problem(), confirmed.text("orderStatus"))
                    == (409, "not-held", "cancelled");
            ensure!(is_true, "{confirmed:?}");
            for service in [&a, &b] {
                let shown = service.get(&path).await?;
                ensure!((shown.text("status"), shown.text("reason")) == ("cancelled", "cancelled"), "{shown:?}");
            }
        }
        audit_at_rest(&ledger).await?;
        assert_eq!((shelf([&a, &b], "tea").await?, shelf([&a, &b], "milk").await?), ((100, 0), (100, 0)));
        ledger.finish().await
    })
}

#[test]
fn what_cannot_be_confirmed_or_cancelled_is_said() -> Result<()> {
    run(async {
        let ledger = Ledger::start("cannot").await?;
        let (_, a, b) = ledger.clients()?;
        a.receive("tea", 5).await?;
        let refused = a.post("/orders", &[WAIT], &basket("ann", &[("tea", 9), ("milk", 1)])).await?;
        assert_eq!(refused.status, 409, "{refused:?}");
        let sold = a.post("/orders", &[WAIT], &basket("ann", &[("tea", 1)])).await?;
        assert_eq!(sold.status, 201, "{sold:?}");
        let unknown = "00000000-0000-4000-8000-000000000099";
        for (id, call, expected) in [
            (refused.text("orderId"), "cancel", (409, "not-cancellable", "rejected")),
            (refused.text("orderId"), "confirm", (409, "not-held", "rejected")),
            (sold.text("orderId"), "confirm", (409, "not-held", "confirmed")),
            (unknown, "confirm", (404, "not-found", "")),
            (unknown, "cancel", (404, "not-found", "")),
        ] {
            let answer = b.post(&format!("/orders/{id}/{call}"), &[WAIT], &json!({})).await?;
            assert_eq!((answer.status, answer.problem(), answer.text("orderStatus")), expected, "{call}: {answer:?}");
        }
        let report = audit_at_rest(&ledger).await?;
        assert_eq!((report.overruled_count, report.parked_count), (0, 0), "nothing of it was appended: {report:?}");
        ledger.finish().await
    })
}
