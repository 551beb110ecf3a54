//! Clients that order and look without a break while something is done to the tables: each order is retried until it is
//! acknowledged, and nobody is shown a state that is older than one that was shown before. It must never know what is
//! done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::client::Client;
use e2e::ledger::Ledger;
use serde_json::json;
use tokio::task::JoinHandle;

use super::basket::basket;
use super::order;

const CLIENT_COUNT: usize = 6;
const PRODUCT_COUNT: usize = 9;
const LIMIT: Duration = Duration::from_secs(60);

/// What a look may be answered while tables are exchanged: the newest state, or not yet.
pub(crate) const NEVER_OLDER: &[u16] = &[200, 503];
/// And while the database is gone, with everything that said what had been shown.
pub(crate) const ALSO_LOST: &[u16] = &[200, 404, 503];

pub(crate) struct Shop {
    common: Arc<Common>,
    clients: Vec<JoinHandle<Result<usize>>>,
}

struct Common {
    gateway: Client,
    /// Statuses that a look may have.
    answers: &'static [u16],
    stop: AtomicBool,
    /// Longest answer to a look and to an order, in microseconds.
    longest: [AtomicU64; 2],
    /// By product, the newest position that somebody was shown.
    shown: [AtomicI64; PRODUCT_COUNT],
}

impl Shop {
    /// `answers` are the statuses that a look at a stock may have.
    pub(crate) async fn open(ledger: &Ledger, answers: &'static [u16]) -> Result<Self> {
        let (gateway, service_a, _) = ledger.clients()?;
        for product in 0..PRODUCT_COUNT {
            service_a.receive(&format!("p{product}"), 200).await?;
        }
        let common = Arc::new(Common {
            gateway,
            answers,
            stop: AtomicBool::new(false),
            longest: [AtomicU64::new(0), AtomicU64::new(0)],
            shown: std::array::from_fn(|_| AtomicI64::new(-1)),
        });
        let clients = (0..CLIENT_COUNT).map(|number| tokio::spawn(Arc::clone(&common).serve(number))).collect();
        Ok(Self { common, clients })
    }

    /// How many orders were acknowledged. `name` is for the line that says how long anybody waited: it is shown, not
    /// judged.
    pub(crate) async fn close(self, name: &str) -> Result<usize> {
        self.common.stop.store(true, Ordering::Release);
        let mut placed = 0;
        for client in self.clients {
            placed += client.await??;
        }
        let [look, order] = self.common.longest.each_ref().map(|longest| longest.load(Ordering::Relaxed) / 1_000);
        eprintln!("{name}: {placed} orders; longest wait for a look {look} ms, for an order {order} ms");
        Ok(placed)
    }
}

impl Common {
    async fn serve(self: Arc<Self>, number: usize) -> Result<usize> {
        let mut placed = 0;
        while !self.stop.load(Ordering::Acquire) {
            let product = (number + placed) % PRODUCT_COUNT;
            self.place(number, placed, product).await?;
            self.look(product).await?;
            placed += 1;
        }
        Ok(placed)
    }

    /// One order under a key, until it is acknowledged. A third of them waits for its decision; a quarter is of three products; a fifth is held,
    /// and nobody confirms it.
    async fn place(&self, number: usize, nth: usize, product: usize) -> Result<()> {
        let key = format!("client-{number}-order-{nth}");
        let mut body = order(&format!("u{number}"), &format!("p{product}"), 1);
        if nth % 4 == 3 {
            let line = |more: usize| (format!("p{}", (product + more) % PRODUCT_COUNT), 1);
            let lines = [line(0), line(2), line(5)];
            body =
                basket(&format!("u{number}"), &lines.each_ref().map(|(product, pieces)| (product.as_str(), *pieces)));
        }
        if nth % 5 == 4 {
            body["hold"] = json!({ "expiresInSeconds": 2 });
        }
        let mut headers = vec![("idempotency-key", key.as_str())];
        if nth.is_multiple_of(3) {
            headers.push(("prefer", "wait=5"));
        }
        let begin = Instant::now();
        loop {
            let sent = Instant::now();
            match self.gateway.post("/orders", &headers, &body).await {
                Ok(answer) if matches!(answer.status, 201 | 202 | 409) => {
                    note(&self.longest[1], sent);
                    return Ok(());
                }
                Ok(answer) => ensure!(answer.status == 503, "{answer:?}"),
                // The connection broke: unknown, so the same key again.
                Err(_) => {}
            }
            ensure!(begin.elapsed() < LIMIT, "{key} was never acknowledged");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What is shown now was decided no earlier than what anybody was shown before the question, whichever service
    /// answers.
    async fn look(&self, product: usize) -> Result<()> {
        let shown = &self.shown[product];
        let (sent, before) = (Instant::now(), shown.load(Ordering::Acquire));
        let answer = self.gateway.get(&format!("/stock/p{product}")).await?;
        note(&self.longest[0], sent);
        ensure!(self.answers.contains(&answer.status), "{answer:?}");
        if answer.status == 200 && self.answers == NEVER_OLDER {
            let (_, offset) = answer.text("position").split_once(':').context("a stock without a position")?;
            let offset = offset.parse()?;
            ensure!(offset >= before, "p{product} was shown as of offset {before}, and now {answer:?}");
            shown.fetch_max(offset, Ordering::AcqRel);
        }
        Ok(())
    }
}

fn note(longest: &AtomicU64, begin: Instant) {
    let took = u64::try_from(begin.elapsed().as_micros()).expect("a test takes less than 584,000 years");
    longest.fetch_max(took, Ordering::Relaxed);
}
