//! The story of the README: two services, one truth.
//!
//! It must never differ from what the README promises. Read it first.

use anyhow::Result;
use e2e::ledger::Ledger;
use serde_json::json;

use super::{audit_at_rest, order, run};

#[test]
fn two_services_agree_on_the_chocolate() -> Result<()> {
    run(async {
        let ledger = Ledger::start("chocolate").await?;
        let (_, a, b) = ledger.clients()?;
        let wait = [("prefer", "wait=20")];
        assert_eq!(a.get("/stock/chocolate").await?.status, 404);
        let unknown = a.post("/orders", &wait, &order("ann", "chocolate", 1)).await?;
        assert_eq!((unknown.status, unknown.problem()), (409, "unknown-product"));

        assert_eq!(a.receive("chocolate", 10).await?.service.as_deref(), Some("a"));
        let sold = a.post("/orders", &wait, &order("ann", "chocolate", 3)).await?;
        assert_eq!((sold.status, sold.text("status"), sold.service.as_deref()), (201, "confirmed", Some("a")));
        for service in [&a, &b] {
            assert_eq!(service.get("/stock/chocolate").await?.body["available"], 7);
        }

        let refused = b.post("/orders", &wait, &order("bob", "chocolate", 8)).await?;
        assert_eq!((refused.status, refused.problem(), refused.service.as_deref()), (409, "out-of-stock", Some("b")));
        assert_eq!(refused.content_type.as_deref(), Some("application/problem+json"));
        for service in [&a, &b] {
            assert_eq!(service.get("/stock/chocolate").await?.body["available"], 7);
            let bobs = service.get("/users/bob/orders").await?;
            assert_eq!(bobs.body["items"][0]["status"], "rejected");
            assert_eq!(bobs.body["items"][0]["reason"], "out-of-stock");
        }

        let counted =
            b.post("/stock/chocolate/adjustments", &wait, &json!({ "delta": -8, "reason": "melted" })).await?;
        assert_eq!((counted.status, counted.problem()), (409, "below-zero"));
        let counted =
            b.post("/stock/chocolate/adjustments", &wait, &json!({ "delta": -2, "reason": "melted" })).await?;
        assert_eq!((counted.status, counted.text("status")), (201, "confirmed"));
        assert_eq!(a.get("/stock/chocolate").await?.body["available"], 5);

        let report = audit_at_rest(&ledger).await?;
        assert_eq!((report.confirmed_count, report.rejected_count, report.parked_count), (1, 2, 0));
        ledger.finish().await
    })
}

/// The samples have no `userId`: it is in the path.
#[test]
fn the_sample_orders_go_through_the_gateway() -> Result<()> {
    run(async {
        let ledger = Ledger::start("samples").await?;
        let (gateway, a, b) = ledger.clients()?;
        a.receive("CATALOG-001", 7).await?;
        a.receive("CATALOG-002", 5).await?;
        let samples = [
            json!({ "productId": "CATALOG-001", "quantity": 7, "unitPrice": 11000 }),
            json!({ "productId": "CATALOG-002", "quantity": 4, "unitPrice": 71000 }),
            json!({ "productId": "CATALOG-002", "quantity": 1, "unitPrice": 6000, "totalPrice": 6000,
                    "orderId": "77a436fd-64f9-4d35-999b-a957195f5d23" }),
        ];
        let mut served_by = Vec::new();
        for sample in &samples {
            let answer = gateway.post("/users/u1/orders", &[("prefer", "wait=20")], sample).await?;
            assert_eq!((answer.status, answer.text("status")), (201, "confirmed"), "{answer:?}");
            served_by.push(answer.service.unwrap_or_default());
        }
        assert_eq!(served_by, ["a", "b", "a"]);
        let third = b.get("/orders/77a436fd-64f9-4d35-999b-a957195f5d23").await?;
        assert_eq!((third.status, third.body["totalPrice"].as_i64()), (200, Some(6000)));
        let again = b.post("/users/u1/orders", &[("prefer", "wait=20")], &samples[2]).await?;
        assert_eq!((again.status, again.text("orderId")), (201, "77a436fd-64f9-4d35-999b-a957195f5d23"));
        let items = a.get("/users/u1/orders?limit=2").await?;
        assert_eq!(items.body["items"].as_array().map(Vec::len), Some(2));
        let cursor = items.text("nextCursor").to_owned();
        let rest = b.get(&format!("/users/u1/orders?limit=2&cursor={cursor}")).await?;
        assert_eq!(rest.body["items"].as_array().map(Vec::len), Some(1));
        assert!(rest.body["nextCursor"].is_null());
        audit_at_rest(&ledger).await?;
        ledger.finish().await
    })
}
