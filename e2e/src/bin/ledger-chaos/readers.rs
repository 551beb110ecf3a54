//! Readers beside the clients: each reads stock and decided orders from one service after the other, and whatever it
//! was shown, or a client was answered, may never look older afterwards, on any service: not through a rebuild, a
//! rollback, a hand-over, or the death of any part. A service that cannot show it yet answers 503.
//!
//! It must never know the rules of the fold: an older state shows by its position, or by an order that is decided no
//! more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use e2e::client::{Answer, Client};
use e2e::ledger::Ledger;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::random::Random;
use crate::reply::Status;
use crate::request::{HOT, wide};
use crate::shop::Shop;

const READER_COUNT: u64 = 3;
/// The wide products that are read, besides the hot one.
const WIDE_COUNT: u64 = 12;
/// A reader is not a load test.
const PAUSE: Duration = Duration::from_millis(30);

/// Reads until the shop is closed.
///
/// # Errors
/// When a client cannot be made, or a reader panics.
pub(crate) async fn read(shop: Arc<Shop>, services: [Client; 2], seed: u64) -> Result<()> {
    let mut readers = JoinSet::new();
    for number in 0..READER_COUNT {
        let reader = Reader {
            services: services.clone(),
            shop: Arc::clone(&shop),
            random: Random::of(seed, u64::MAX - 100 - number),
            seen: BTreeMap::new(),
        };
        readers.spawn(reader.run());
    }
    while let Some(reader) = readers.join_next().await {
        reader?;
    }
    Ok(())
}

/// Both services, past the gateway: which one answers is then known.
///
/// # Errors
/// When a client cannot be made.
pub(crate) fn services(ledger: &Ledger) -> Result<[Client; 2]> {
    let (_, a, b) = ledger.clients()?;
    Ok([a, b])
}

struct Reader {
    services: [Client; 2],
    shop: Arc<Shop>,
    random: Random,
    /// By product: the newest stock that it was shown.
    seen: BTreeMap<String, Stock>,
}

/// What a service showed of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stock {
    partition: i32,
    /// Of the record that changed it last.
    offset: i64,
    available: i64,
    held: i64,
}

impl Reader {
    async fn run(mut self) {
        while !self.shop.is_closed() {
            for service in self.services.clone() {
                self.read_stock(&service).await;
                self.read_order(&service).await;
                sleep(PAUSE).await;
            }
        }
    }

    async fn read_stock(&mut self, service: &Client) {
        let product = match self.random.below(WIDE_COUNT + 1) {
            0 => HOT.to_owned(),
            nth => wide(nth),
        };
        let path = format!("/stock/{product}");
        let Some(answer) = self.get(service, &path).await else { return };
        let before = self.seen.get(&product);
        match stock(&answer) {
            Ok(now) => {
                if let Some(wrong) = before.and_then(|before| older(before, now.as_ref())) {
                    self.shop.complain(format!("{path}: {wrong}"));
                }
                if let Some(now) = now {
                    self.seen.insert(product, now);
                }
            }
            Err(why) => self.shop.complain(format!("{path}: {why}: {answer:?}")),
        }
    }

    /// One that some client was already answered about, so it is decided for everybody, and can only go on.
    async fn read_order(&mut self, service: &Client) {
        let Some((id, before)) = self.shop.decided_order(&mut self.random) else { return };
        let path = format!("/orders/{id}");
        let Some(answer) = self.get(service, &path).await else { return };
        let may_be = Status::of(answer.text("status")).is_some_and(|now| before.may_become(now));
        if answer.status != 200 || !may_be {
            self.shop.complain(format!("{path}: was {before:?}, and is now shown as {answer:?}"));
        }
    }

    /// `None`: no answer, or a service that cannot show it yet and says so.
    async fn get(&self, service: &Client, path: &str) -> Option<Answer> {
        let memory = self.shop.memory();
        let (answer, what) = match service.get(path).await {
            Ok(answer) if answer.status == 503 => (None, "reads refused for now (503)"),
            Ok(answer) => (Some(answer), "reads compared with what was shown before"),
            Err(_) => (None, "reads without an answer"),
        };
        if answer.is_some() && !self.shop.counts(memory) {
            return None;
        }
        self.shop.count(what);
        answer
    }
}

/// `Ok(None)`: a product that never had stock.
fn stock(answer: &Answer) -> Result<Option<Stock>, &'static str> {
    match answer.status {
        200 => {}
        404 => return Ok(None),
        _ => return Err("neither stock nor 503"),
    }
    let position = answer.text("position").split_once(':');
    let read = position.and_then(|(partition, offset)| {
        let available = answer.body["available"].as_i64()?;
        let held = answer.body["held"].as_i64()?;
        Some(Stock { partition: partition.parse().ok()?, offset: offset.parse().ok()?, available, held })
    });
    read.map(Some).ok_or("a stock that cannot be read")
}

/// What is wrong with being shown `now` after `before`.
fn older(before: &Stock, now: Option<&Stock>) -> Option<String> {
    let Some(now) = now else { return Some(format!("OLDER: {before:?} was shown, and now there is none")) };
    if now.partition != before.partition {
        return Some(format!("MOVED: {before:?} was shown, now {now:?}"));
    }
    let is_older = now.offset < before.offset;
    let is_other = now.offset == before.offset && (now.available, now.held) != (before.available, before.held);
    (is_older || is_other).then(|| format!("OLDER: {before:?} was shown, now {now:?}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn answer(status: u16, body: Value) -> Answer {
        Answer { status, service: None, location: None, retry_after: None, content_type: None, body }
    }

    #[test]
    fn an_older_stock_is_named_and_a_newer_one_is_not() {
        let at = |offset, available| Stock { partition: 3, offset, available, held: 1 };
        for (now, says) in [
            (Some(at(7, 4)), None),
            (Some(at(8, 9)), None),
            (Some(at(6, 5)), Some("OLDER")),
            (Some(at(7, 5)), Some("OLDER")),
            (Some(Stock { held: 2, ..at(7, 4) }), Some("OLDER")),
            (None, Some("OLDER")),
            (Some(Stock { partition: 4, ..at(8, 4) }), Some("MOVED")),
        ] {
            let wrong = older(&at(7, 4), now.as_ref());
            assert_eq!(wrong.as_deref().map(|wrong| &wrong[..5]), says, "{now:?}");
        }
    }

    #[test]
    fn a_stock_that_cannot_be_read_is_no_stock() {
        let good = answer(200, json!({ "productId": "p", "available": 4, "held": 2, "position": "3:7" }));
        assert_eq!(stock(&good), Ok(Some(Stock { partition: 3, offset: 7, available: 4, held: 2 })));
        assert_eq!(stock(&answer(404, Value::Null)), Ok(None));
        for (status, body) in [
            (200, json!({ "available": 4 })),
            (200, json!({ "available": 4, "position": "3:7" })),
            (200, json!({ "available": "4", "held": 0, "position": "3:7" })),
            (200, json!({ "available": 4, "held": 0, "position": "3" })),
            (500, Value::Null),
        ] {
            assert!(stock(&answer(status, body.clone())).is_err(), "{status} {body}");
        }
    }
}
