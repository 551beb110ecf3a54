//! Orders of several products, which live in different partitions: all lines or none, whoever asks and however many ask at once.
//!
//! It must never name a partition: where a product lives is the ledger's. Read `hold` and `cancel` for what comes afterwards.

use std::sync::Arc;

use anyhow::{Result, ensure};
use e2e::client::{Answer, Client};
use e2e::ledger::Ledger;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{audit_at_rest, run, until};

const WAIT: (&str, &str) = ("prefer", "wait=20");

/// An order of these products and pieces, at 100 each.
pub(crate) fn basket(user: &str, lines: &[(&str, i64)]) -> Value {
    let line =
        |(product, quantity): &(&str, i64)| json!({ "productId": product, "quantity": quantity, "unitPrice": 100 });
    json!({ "userId": user, "lines": lines.iter().map(line).collect::<Vec<_>>() })
}

/// What can be sold and what is held, which both services must show alike.
pub(crate) async fn shelf(services: [&Client; 2], product: &str) -> Result<(i64, i64)> {
    let path = format!("/stock/{product}");
    let (a, b) = (services[0].get(&path).await?, services[1].get(&path).await?);
    ensure!(a.status == 200 && a.body == b.body, "{path}: {a:?}, then {b:?}");
    match (a.body["available"].as_i64(), a.body["held"].as_i64()) {
        (Some(available), Some(held)) => Ok((available, held)),
        _ => anyhow::bail!("{path}: {a:?}"),
    }
}

/// Each line's status and reason.
fn lines(order: &Answer) -> Vec<(String, String)> {
    let word = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    order.body["lines"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|line| (word(line, "status"), word(line, "reason")))
        .collect()
}

#[test]
fn a_basket_is_taken_whole_or_not_at_all() -> Result<()> {
    run(async {
        let ledger = Ledger::start("basket").await?;
        let (gateway, a, b) = ledger.clients()?;
        // tea, milk and bread live in three of eight partitions.
        for (product, pieces) in [("tea", 10), ("milk", 10), ("bread", 3)] {
            a.receive(product, pieces).await?;
        }
        let wanted = [("tea", 2), ("milk", 3), ("bread", 1)];
        let mut body = basket("ann", &wanted);
        body["currency"] = json!("EUR");
        body["totalPrice"] = json!(600);
        let headers = [WAIT, ("idempotency-key", "basket-1")];
        let placed = gateway.post("/orders", &headers, &body).await?;
        assert_eq!((placed.status, placed.text("status")), (201, "confirmed"), "{placed:?}");
        let path = format!("/orders/{}", placed.text("orderId"));
        let shown = b.get(&path).await?;
        assert_eq!((shown.text("status"), shown.text("currency")), ("confirmed", "EUR"), "{shown:?}");
        assert_eq!(shown.body["totalPrice"], 600);
        assert_eq!(lines(&shown), vec![("reserved".to_owned(), String::new()); 3]);
        assert_eq!(shelf([&a, &b], "tea").await?, (8, 0));
        // The other partitions hear of the confirmation a moment later.
        until(&a, "/stock/milk", |answer| answer.body["held"] == 0).await?;
        assert_eq!(shelf([&a, &b], "milk").await?, (7, 0));

        // Again, over another service, is the same order; and another currency is another order under one key.
        let again = b.post("/orders", &headers, &body).await?;
        assert_eq!((again.status, again.text("orderId")), (201, placed.text("orderId")), "{again:?}");
        body["currency"] = json!("CHF");
        let other = a.post("/orders", &headers, &body).await?;
        assert_eq!((other.status, other.problem()), (422, "idempotency-conflict"), "{other:?}");

        // One line that is not to be had: nobody has lost anything.
        let refused = a.post("/orders", &[WAIT], &basket("bob", &[("tea", 1), ("milk", 1), ("bread", 5)])).await?;
        assert_eq!((refused.status, refused.problem()), (409, "out-of-stock"), "{refused:?}");
        assert_eq!(refused.body["lines"][0]["lineNo"], 3, "{refused:?}");
        let shown = b.get(&format!("/orders/{}", refused.text("orderId"))).await?;
        assert_eq!((shown.text("status"), shown.text("reason")), ("rejected", "out-of-stock"), "{shown:?}");
        assert_eq!(lines(&shown)[2], ("rejected".to_owned(), "out-of-stock".to_owned()));
        assert_eq!(lines(&shown)[0], ("released".to_owned(), "line-rejected".to_owned()));
        let report = audit_at_rest(&ledger).await?;
        for (product, left) in [("tea", (8, 0)), ("milk", (7, 0)), ("bread", (2, 0))] {
            assert_eq!(shelf([&a, &b], product).await?, left, "{product}");
        }
        assert_eq!((report.confirmed_count, report.rejected_count, report.several_count), (1, 1, 2));
        ledger.finish().await
    })
}

/// Each wants a different pair of three products in a different order, so that each home waits for the others.
#[test]
fn many_baskets_at_once_sell_what_there_is() -> Result<()> {
    const CLIENTS: usize = 24;
    const EACH: usize = 6;
    const RECEIVED: i64 = 60;
    const PRODUCTS: [&str; 3] = ["tea", "milk", "bread"];
    run(async {
        let ledger = Ledger::start("baskets").await?;
        let (gateway, a, b) = ledger.clients()?;
        for product in PRODUCTS {
            a.receive(product, RECEIVED).await?;
        }
        let gateway = Arc::new(gateway);
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let gateway = Arc::clone(&gateway);
            clients.spawn(async move {
                let mut sold = [0; 3];
                for nth in 0..EACH {
                    let (one, other) = (nth % 3, (nth + 1 + client % 2) % 3);
                    let body = basket(&format!("client-{client}"), &[(PRODUCTS[one], 1), (PRODUCTS[other], 1)]);
                    let answer = gateway.post("/orders", &[WAIT], &body).await?;
                    ensure!(matches!(answer.status, 201 | 409), "{answer:?}");
                    if answer.status == 201 {
                        sold[one] += 1;
                        sold[other] += 1;
                    }
                }
                anyhow::Ok(sold)
            });
        }
        let mut sold = [0; 3];
        for client in clients.join_all().await {
            for (sum, more) in sold.iter_mut().zip(client?) {
                *sum += more;
            }
        }
        let report = audit_at_rest(&ledger).await?;
        for (product, sold) in PRODUCTS.iter().zip(sold) {
            assert_eq!(shelf([&a, &b], product).await?, (RECEIVED - sold, 0), "{product}");
        }
        assert_eq!(report.confirmed_count + report.rejected_count, CLIENTS * EACH);
        assert!(report.rejected_count > 0, "there was not enough for all: {report:?}");
        ledger.finish().await
    })
}
