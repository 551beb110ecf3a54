//! Bad orders of several lines over REST, and events between partitions that nobody had to send: named, refused, parked or counted, and
//! nothing is left of them.
//!
//! It must never list what is good. Read `bad_input` for orders of one line.

use anyhow::Result;
use e2e::auditor::topic::read_all;
use e2e::ledger::Ledger;
use serde_json::{Value, json};

use super::bad_input::append;
use super::basket::{basket, shelf};
use super::{audit_with_strangers, run};

#[test]
fn bad_baskets_name_the_line_and_append_nothing() -> Result<()> {
    run(async {
        let ledger = Ledger::start("badbaskets").await?;
        let (gateway, _, _) = ledger.clients()?;
        let with = |change: &dyn Fn(&mut Value)| {
            let mut body = basket("u", &[("tea", 1), ("milk", 2)]);
            change(&mut body);
            body
        };
        let many: Vec<Value> =
            (0..101).map(|nth| json!({ "productId": format!("p{nth}"), "quantity": 1, "unitPrice": 1 })).collect();
        let dear = json!({ "productId": "dear", "quantity": 1, "unitPrice": 9_007_199_254_740_991_i64 });
        let cases: [(Value, &str, Option<i64>); 15] = [
            (with(&|body| body["lines"] = json!([])), "lines", None),
            (with(&|body| body["lines"] = json!(many)), "lines", None),
            (with(&|body| body["lines"] = json!(7)), "lines", None),
            (with(&|body| body["productId"] = json!("tea")), "productId", None),
            (with(&|body| body["lines"][1]["productId"] = json!("tea")), "productId", Some(2)),
            (with(&|body| body["lines"][1]["quantity"] = json!(0)), "quantity", Some(2)),
            (with(&|body| body["lines"][0]["unitPrice"] = json!("1")), "unitPrice", Some(1)),
            (with(&|body| body["lines"][1]["colour"] = json!("red")), "colour", Some(2)),
            (with(&|body| body["lines"][1]["totalPrice"] = json!(201)), "totalPrice", Some(2)),
            (with(&|body| body["totalPrice"] = json!(301)), "totalPrice", None),
            (with(&|body| body["lines"][1] = dear.clone()), "totalPrice", Some(2)),
            (with(&|body| body["currency"] = json!("eur")), "currency", None),
            (with(&|body| body["currency"] = json!("ZZZ")), "currency", None),
            (with(&|body| body["hold"] = json!({ "expiresInSeconds": 0 })), "expiresInSeconds", None),
            (with(&|body| body["hold"] = json!({ "expiresInSeconds": 86_401 })), "expiresInSeconds", None),
        ];
        for (body, field, line_no) in cases {
            let answer = gateway.post("/orders", &[], &body).await?;
            assert_eq!((answer.status, answer.problem()), (422, "invalid-field"), "{field}: {answer:?}");
            let errors = answer.body["errors"].as_array().cloned().unwrap_or_default();
            let is_named = errors.iter().any(|error| {
                error["field"].as_str().is_some_and(|name| name.contains(field)) && error["lineNo"].as_i64() == line_no
            });
            assert!(is_named, "{field} in line {line_no:?}: {errors:?}");
        }
        let (brokers, topic) = (ledger.servers.brokers.clone(), ledger.topic("orders"));
        let log = tokio::task::spawn_blocking(move || read_all(&brokers, &topic)).await??;
        assert_eq!(log.record_count(), 0, "nothing was appended");
        ledger.finish().await
    })
}

/// One key is one order, also when each try names another id.
#[test]
fn one_key_is_one_order_whatever_id_the_body_names() -> Result<()> {
    run(async {
        let ledger = Ledger::start("onekey").await?;
        let (_, a, b) = ledger.clients()?;
        a.receive("tea", 10).await?;
        let headers = [("idempotency-key", "once"), ("prefer", "wait=20")];
        let mut body = basket("ann", &[("tea", 2)]);
        let first = a.post("/orders", &headers, &body).await?;
        assert_eq!(first.status, 201, "{first:?}");
        for nth in 1..=3 {
            body["orderId"] = json!(format!("00000000-0000-4000-8000-{nth:012}"));
            let other = b.post("/orders", &headers, &body).await?;
            assert_eq!((other.status, other.problem()), (422, "idempotency-conflict"), "{other:?}");
        }
        body["orderId"] = json!(first.text("orderId"));
        let same = b.post("/orders", &headers, &body).await?;
        assert_eq!((same.status, same.text("orderId")), (201, first.text("orderId")), "{same:?}");
        let report = super::audit_at_rest(&ledger).await?;
        assert_eq!((report.confirmed_count, shelf([&a, &b], "tea").await?), (1, (8, 0)));
        ledger.finish().await
    })
}

/// What other writers may put on the topic: of an order that is there, of one that is not, twice, too early, from the wrong partition.
#[test]
fn events_that_nobody_had_to_send_leave_nothing_behind() -> Result<()> {
    run(async {
        let ledger = Ledger::start("badevents").await?;
        let (_, a, b) = ledger.clients()?;
        let partition = |answer: &e2e::client::Answer| -> Result<i32> {
            Ok(answer.text("position").split(':').next().unwrap_or_default().parse()?)
        };
        let tea = partition(&a.receive("tea", 10).await?)?;
        let milk = partition(&a.receive("milk", 10).await?)?;
        assert_ne!(tea, milk, "they live in two of eight partitions");
        let placed = a.post("/orders", &[("prefer", "wait=20")], &basket("ann", &[("tea", 2), ("milk", 3)])).await?;
        assert_eq!(placed.status, 201, "{placed:?}");
        let (there, nowhere) = (placed.text("orderId").to_owned(), "00000000-0000-4000-8000-000000000001".to_owned());
        let told = |kind: &str, cause: i32, order: &str, line_no: i64, quantity: i64| {
            json!({ "type": kind, "version": 1, "cause": format!("{cause}-0-0"), "order_id": order, "line_no": line_no,
                "home_product_id": "tea", "product_id": "milk", "quantity": quantity })
        };
        let reserved = |mut event: Value| {
            event["status"] = json!("reserved");
            event
        };
        let asked = |kind: &str, order: &str| json!({ "type": kind, "version": 1, "order_id": order, "product_id": "tea", "occurred_at": "2026-11-23T10:00:00Z" });
        let repeated = told("LineConfirmed", tea, &there, 2, 3);
        for (key, event) in [
            // Of nothing: parked, or reserved and given back at once.
            ("milk", told("LineReleased", tea, &nowhere, 2, 1)),
            ("milk", told("LineRequested", tea, &nowhere, 2, 4)),
            ("tea", reserved(told("LineDecided", milk, &nowhere, 5, 1))),
            ("tea", asked("OrderCancelRequested", &nowhere)),
            ("tea", asked("HoldExpired", &there)),
            // Of an order that is there, but not so.
            ("milk", told("LineReleased", tea, &there, 3, 3)),
            ("milk", told("LineReleased", tea, &there, 2, 4)),
            ("milk", told("LineReleased", milk, &there, 2, 3)),
            ("milk", told("LineRequested", tea, &there, 2, 9)),
            ("tea", reserved(told("LineDecided", milk, &there, 2, 3))),
            // Twice: done before.
            ("milk", repeated.clone()),
            ("milk", repeated),
        ] {
            let home = if key == "tea" { tea } else { milk };
            append(&ledger, Some(key.as_bytes()), Some(event.to_string().as_bytes()), home).await?;
        }
        let report = audit_with_strangers(&ledger).await?;
        assert_eq!(report.confirmed_count, 1, "{report:?}");
        assert_eq!((shelf([&a, &b], "tea").await?, shelf([&a, &b], "milk").await?), ((8, 0), (7, 0)));
        assert!(report.parked_count >= 6 && report.groundless.len() >= 8, "{report:#?}");
        // The next order is as any.
        let next = b.post("/orders", &[("prefer", "wait=20")], &basket("bob", &[("milk", 7), ("tea", 8)])).await?;
        assert_eq!(next.status, 201, "{next:?}");
        audit_with_strangers(&ledger).await?;
        ledger.finish().await
    })
}
