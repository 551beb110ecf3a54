//! A basket of two products that live in different partitions, goods that are held until nobody confirms them, and an order that is cancelled. Each
//! is checked, and at the end there is what was there before.
//!
//! It must never leave a hold open: a newcomer's next look would find it gone.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Player, SampleTable, USER, WAIT, expect_confirmed, summary};
use crate::http::Answer;

const PRODUCTS: [&str; 2] = ["chocolate", "CATALOG-001"];
/// As short as a hold can be, in seconds.
const HOLD_SECONDS: u32 = 1;
const EXPIRY_LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(50);

impl Player {
    /// 7 chocolate and no CATALOG-001 before and after it.
    pub(super) fn play_basket(&self) -> Result<SampleTable> {
        let header = ["what", "through", "answer", "chocolate", "CATALOG-001"];
        let mut table = SampleTable::new("A basket, a hold that nobody confirms, and a cancel", &header);
        for (product, quantity) in PRODUCTS.into_iter().zip([2, 1]) {
            self.receive(product, quantity, "sample-basket-receipt")?;
        }
        let basket = json!({"userId": USER, "currency": "EUR", "lines": [
            {"productId": PRODUCTS[0], "quantity": 2, "unitPrice": 250},
            {"productId": PRODUCTS[1], "quantity": 1, "unitPrice": 11000}]});
        let sold = self.place("sample-basket", &basket)?;
        expect_confirmed(&sold)?;
        self.add_basket_row(&mut table, "2 chocolate and 1 CATALOG-001, all or nothing", "gateway", &sold)?;

        let mut held = json!({"userId": USER, "productId": PRODUCTS[0], "quantity": 1, "unitPrice": 250});
        held["hold"] = json!({"expiresInSeconds": HOLD_SECONDS});
        let placed = self.place("sample-hold", &held)?;
        let status = placed.json()?["status"].clone();
        // Played again it is over already.
        let is_right = (placed.status == 201 && status == "held") || summary(&placed) == "409 expired";
        ensure!(is_right, "1 chocolate is not held: {} {}", placed.status, placed.body);
        self.add_basket_row(&mut table, "1 chocolate is held for a second", "gateway", &placed)?;
        let over = self.expired(&id_of(&placed)?)?;
        self.add_basket_row(&mut table, "nobody confirms it", "", &over)?;

        let order = json!({"userId": USER, "productId": PRODUCTS[0], "quantity": 3, "unitPrice": 250});
        let placed = self.place("sample-cancel", &order)?;
        let is_right = placed.status == 201 || summary(&placed) == "409 cancelled";
        ensure!(is_right, "3 chocolate are not confirmed: {} {}", placed.status, placed.body);
        self.add_basket_row(&mut table, "3 chocolate are ordered", "gateway", &placed)?;
        let url = format!("{}/orders/{}/cancel", self.service_b, id_of(&placed)?);
        let cancelled = self.client.post(&url, &[("prefer", WAIT)], &json!({"note": "changed my mind"}))?;
        let is_right = cancelled.status == 200 && cancelled.json()?["status"] == "cancelled";
        ensure!(is_right, "the order is not cancelled: {} {}", cancelled.status, cancelled.body);
        self.add_basket_row(&mut table, "and cancelled", "B", &cancelled)?;
        for (product, available) in PRODUCTS.into_iter().zip([7, 0]) {
            ensure!(self.shelf(product)? == (available, 0), "{product}: {available} are not left at the end");
        }
        Ok(table)
    }

    /// Through the gateway, under a key.
    fn place(&self, key: &str, order: &Value) -> Result<Answer> {
        let url = format!("{}/orders", self.gateway);
        self.client.post(&url, &[("prefer", WAIT), ("idempotency-key", key)], order)
    }

    /// The order once its hold is over.
    fn expired(&self, id: &str) -> Result<Answer> {
        let begin = Instant::now();
        loop {
            let answer = self.client.get(&format!("{}/orders/{id}", self.service_a))?;
            let order = answer.json()?;
            if order["status"] == "cancelled" {
                ensure!(order["reason"] == "expired", "the hold did not end by itself: {}", answer.body);
                return Ok(answer);
            }
            ensure!(begin.elapsed() < EXPIRY_LIMIT, "the hold does not end: {} {}", answer.status, answer.body);
            thread::sleep(POLL);
        }
    }

    fn add_basket_row(&self, table: &mut SampleTable, what: &str, through: &str, answer: &Answer) -> Result<()> {
        let [chocolate, catalog] = [self.shelf(PRODUCTS[0])?, self.shelf(PRODUCTS[1])?].map(shown);
        table.row([what, through, &summary(answer), &chocolate, &catalog]);
        Ok(())
    }

    /// What can be sold and what is held, which both services must say alike.
    fn shelf(&self, product: &str) -> Result<(i64, i64)> {
        let mut shelves = Vec::new();
        for base in [&self.service_a, &self.service_b] {
            let answer = self.client.get(&format!("{base}/stock/{product}"))?;
            let stock = answer.json()?;
            let (available, held) = (stock["available"].as_i64(), stock["held"].as_i64());
            let shelf = available.zip(held).filter(|_| answer.status == 200);
            shelves.push(
                shelf.ok_or_else(|| anyhow::anyhow!("{base} says of {product}: {} {}", answer.status, answer.body))?,
            );
        }
        // A hold may end between the two looks; then the later one is the newer.
        Ok(shelves[1])
    }
}

/// `7`, or `6 (1 held)`.
fn shown((available, held): (i64, i64)) -> String {
    if held == 0 { available.to_string() } else { format!("{available} ({held} held)") }
}

fn id_of(answer: &Answer) -> Result<String> {
    let body = answer.json()?;
    let id = body["orderId"].as_str().unwrap_or_default();
    ensure!(!id.is_empty(), "an answer without an order's id: {} {}", answer.status, answer.body);
    Ok(id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_shown_beside_what_can_be_sold() {
        assert_eq!([shown((7, 0)), shown((6, 1))], ["7", "6 (1 held)"]);
    }

    #[test]
    fn an_answer_without_an_id_is_none() {
        let answer = |body: Value| Answer { status: 202, headers: Vec::new(), body: body.to_string() };
        assert_eq!(id_of(&answer(json!({"orderId": "i"}))).unwrap(), "i");
        assert!(id_of(&answer(json!({"orderId": ""}))).is_err());
    }
}
