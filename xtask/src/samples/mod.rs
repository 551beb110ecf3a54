//! The samples that `up` plays on an empty ledger: the chocolate that two services agree on, three orders through the gateway, and
//! [`basket`]. Each answer is checked: a newcomer must never see a wrong one called right.
//!
//! They go through REST as any client's requests. Every request has an idempotency key or an id of
//! its own, so playing them again changes nothing; a file marks samples that were begun, so that
//! those of an `up` that was killed are completed by the next.

mod basket;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::addresses::Addresses;
use crate::atomic_file::{self, Readers};
use crate::http::{Answer, HttpClient};
use crate::state_dir::StateDir;

const SAMPLE_ORDERS: &str = include_str!("../../samples/sample-orders.jsonl");
const USER: &str = "sample-user";

/// Longer than any wait that a service grants.
const ANSWER_LIMIT: Duration = Duration::from_secs(25);
const WAIT: &str = "wait=10";
/// The key of each product's first receipt.
const RECEIPT: &str = "sample-receipt";

/// What happened, for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleTable {
    /// What it is about.
    pub title: String,
    /// The columns.
    pub header: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

impl SampleTable {
    fn new(title: &str, header: &[&str]) -> Self {
        let header = header.iter().map(|&column| column.to_owned()).collect();
        Self { title: title.to_owned(), header, rows: Vec::new() }
    }

    fn row<const N: usize>(&mut self, cells: [&str; N]) {
        self.rows.push(cells.map(str::to_owned).to_vec());
    }
}

/// Plays the samples when the ledger is empty or when playing them was begun and not completed.
///
/// # Errors
/// When an answer is missing or is not the right one.
pub fn play_where_empty(state: &StateDir, addresses: &Addresses) -> Result<Vec<SampleTable>> {
    let begun = begun_file(state);
    let player = Player { is_again: begun.exists(), ..Player::new(addresses) };
    if !player.is_again {
        if !player.ledger_is_empty()? {
            return Ok(Vec::new());
        }
        atomic_file::write(&begun, b"", Readers::Everyone)?;
    }
    let tables = vec![player.play_chocolate()?, player.play_orders()?, player.play_basket()?];
    fs::remove_file(&begun)?;
    Ok(tables)
}

/// It lies with the data, and goes with it.
fn begun_file(state: &StateDir) -> PathBuf {
    state.data().join("samples-begun")
}

struct Player {
    client: HttpClient,
    service_a: String,
    service_b: String,
    gateway: String,
    projector: String,
    /// They were begun before: what is left may be what comes later in the story.
    is_again: bool,
}

impl Player {
    fn new(addresses: &Addresses) -> Self {
        Self {
            client: HttpClient::new(ANSWER_LIMIT),
            service_a: format!("http://{}", addresses.service_a),
            service_b: format!("http://{}", addresses.service_b),
            gateway: format!("http://{}", addresses.gateway),
            projector: format!("http://{}", addresses.projector),
            is_again: false,
        }
    }

    /// The log decides: an order for a product that never had stock leaves no stock either.
    fn ledger_is_empty(&self) -> Result<bool> {
        let answer = self.client.get(&format!("{}/status", self.projector))?;
        ensure!(answer.status == 200, "the projector's status answers {}: {}", answer.status, answer.body);
        log_is_empty(&answer.json()?)
    }

    fn play_chocolate(&self) -> Result<SampleTable> {
        let mut table = SampleTable::new(
            "Two services, one stock of chocolate",
            &["what", "through", "answer", "A says", "B says"],
        );
        let received = self.receive("chocolate", 10, RECEIPT)?;
        self.add_row(&mut table, "10 chocolate arrive", "A", &received, 10)?;
        let sold = self.order_chocolate(&self.service_a, 3)?;
        expect_confirmed(&sold)?;
        self.add_row(&mut table, "3 are ordered", "A", &sold, 7)?;
        let refused = self.order_chocolate(&self.service_b, 8)?;
        let kind = refused.json()?["type"].as_str().unwrap_or_default().to_owned();
        let right = refused.status == 409 && kind.ends_with("/out-of-stock");
        ensure!(right, "8 more chocolate are not refused as out of stock: {} {}", refused.status, refused.body);
        self.add_row(&mut table, "8 more are ordered", "B", &refused, 7)?;
        Ok(table)
    }

    /// Both services must say the same.
    fn add_row(
        &self,
        table: &mut SampleTable,
        what: &str,
        through: &str,
        answer: &Answer,
        available: i64,
    ) -> Result<()> {
        let says = |base: &str| -> Result<String> {
            let said = self.client.get(&format!("{base}/stock/chocolate"))?;
            let found = said.json()?["available"].as_i64();
            let right = said.status == 200 && (found == Some(available) || self.is_again && found.is_some());
            ensure!(right, "after `{what}` {base} says {} instead of {available}: {}", said.status, said.body);
            Ok(found.map_or(String::new(), |found| found.to_string()))
        };
        let (a, b) = (says(&self.service_a)?, says(&self.service_b)?);
        table.row([what, through, &summary(answer), &a, &b]);
        Ok(())
    }

    fn order_chocolate(&self, base: &str, quantity: u32) -> Result<Answer> {
        let order = json!({"userId": USER, "productId": "chocolate", "quantity": quantity, "unitPrice": 250});
        let key = format!("sample-chocolate-{quantity}");
        self.client.post(&format!("{base}/orders"), &[("prefer", WAIT), ("idempotency-key", &key)], &order)
    }

    fn receive(&self, product: &str, quantity: i64, key: &str) -> Result<Answer> {
        let url = format!("{}/stock/{product}/receipts", self.service_a);
        let headers = [("prefer", WAIT), ("idempotency-key", key)];
        let answer = self.client.post(&url, &headers, &json!({"quantity": quantity}))?;
        expect_confirmed(&answer)?;
        Ok(answer)
    }

    fn play_orders(&self) -> Result<SampleTable> {
        let orders = sample_orders()?;
        for (product, quantity) in needed(&orders) {
            self.receive(product, quantity, RECEIPT)?;
        }
        let mut table = SampleTable::new(
            "Three orders through the gateway",
            &["product", "quantity", "served by", "answer", "order"],
        );
        for (number, (order, expected)) in (1..).zip(orders.iter().zip(["a", "b", "a"])) {
            let key = format!("sample-order-{number}");
            let mut headers = vec![("prefer", WAIT)];
            if order.get("orderId").is_none() {
                headers.push(("idempotency-key", &key));
            }
            let answer = self.client.post(&format!("{}/users/{USER}/orders", self.gateway), &headers, order)?;
            expect_confirmed(&answer)?;
            let served_by = answer.header("x-order-service").unwrap_or("nobody that says so");
            ensure!(served_by == expected, "sample order {number} was served by {served_by}, not by {expected}");
            let id = answer.json()?["orderId"].as_str().unwrap_or_default().to_owned();
            let quantity = order["quantity"].to_string();
            let served_by = served_by.to_uppercase();
            table.row([order["productId"].as_str().unwrap_or_default(), &quantity, &served_by, &summary(&answer), &id]);
        }
        self.expect_in_one_table(&table)?;
        Ok(table)
    }

    /// The three orders, whoever served them, are in the one list of their user, at either service.
    fn expect_in_one_table(&self, table: &SampleTable) -> Result<()> {
        for base in [&self.service_a, &self.service_b] {
            let answer = self.client.get(&format!("{base}/users/{USER}/orders?limit=100"))?;
            for id in table.rows.iter().filter_map(|row| row.last()) {
                ensure!(answer.body.contains(id.as_str()), "order {id} is not in the list of {base}: {}", answer.body);
            }
        }
        Ok(())
    }
}

fn log_is_empty(status: &Value) -> Result<bool> {
    let partitions = status["partitions"].as_array().context("the projector's status has no partitions")?;
    Ok(partitions.iter().all(|partition| partition["endOffset"] == 0))
}

fn expect_confirmed(answer: &Answer) -> Result<()> {
    let status = answer.json()?["status"].clone();
    let right = answer.status == 201 && status == "confirmed";
    ensure!(right, "not confirmed: {} {}", answer.status, answer.body);
    Ok(())
}

/// The status code with the word that matters.
fn summary(answer: &Answer) -> String {
    let body = answer.json().unwrap_or_default();
    let word = match body["type"].as_str() {
        Some(kind) => kind.rsplit('/').next().unwrap_or(kind),
        None => body["status"].as_str().unwrap_or_default(),
    };
    format!("{} {word}", answer.status)
}

fn sample_orders() -> Result<Vec<Value>> {
    SAMPLE_ORDERS.lines().map(|line| serde_json::from_str(line).context("a sample order is not JSON")).collect()
}

/// What must be in stock for all of them to be confirmed, by product.
fn needed(orders: &[Value]) -> Vec<(&str, i64)> {
    let mut needed: Vec<(&str, i64)> = Vec::new();
    for order in orders {
        let (Some(product), Some(quantity)) = (order["productId"].as_str(), order["quantity"].as_i64()) else {
            continue;
        };
        match needed.iter_mut().find(|(name, _)| *name == product) {
            Some((_, sum)) => *sum += quantity,
            None => needed.push((product, quantity)),
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &Value) -> Answer {
        Answer { status, headers: Vec::new(), body: body.to_string() }
    }

    #[test]
    fn enough_arrives_for_the_sample_orders() {
        let orders = sample_orders().unwrap();
        assert_eq!(orders.len(), 3);
        assert_eq!(needed(&orders), [("CATALOG-001", 7), ("CATALOG-002", 5)]);
    }

    #[test]
    fn answers_are_summed_up_by_the_word_that_matters() {
        assert_eq!(summary(&answer(201, &json!({"status": "confirmed"}))), "201 confirmed");
        let problem = json!({"type": "/problems/out-of-stock", "status": 409});
        assert_eq!(summary(&answer(409, &problem)), "409 out-of-stock");
    }

    #[test]
    fn a_log_is_empty_when_all_its_partitions_are() {
        let log_of = |ends: [i64; 2]| json!({"partitions": ends.map(|end| json!({"endOffset": end}))});
        assert!(log_is_empty(&log_of([0, 0])).unwrap());
        assert!(!log_is_empty(&log_of([0, 3])).unwrap());
        assert!(log_is_empty(&json!({})).is_err());
    }

    #[test]
    fn a_pending_answer_is_not_a_confirmed_one() {
        assert!(expect_confirmed(&answer(201, &json!({"status": "confirmed"}))).is_ok());
        assert!(expect_confirmed(&answer(202, &json!({"status": "pending"}))).is_err());
    }
}
