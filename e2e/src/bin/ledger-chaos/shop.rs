//! The load: clients that send through the gateway, repeat every request under its key until the answer is definite,
//! and remember the answers. It must never decide what is right; that is `verdict`'s. Read `request` for what they
//! send.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::client::Client;
use e2e::ledger::Ledger;
use reqwest::Method;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::garbage::Garbage;
use crate::random::Random;
use crate::reply::{Exchange, Reply, definite};
use crate::request::{self, Request};

/// Longer than any single fault lasts.
const RETRY_LIMIT: Duration = Duration::from_secs(120);

/// Counts and complaints of all clients.
#[derive(Debug, Default)]
pub(crate) struct Ledgerbook {
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) counts: BTreeMap<String, u64>,
    /// Answers that are wrong by themselves.
    pub(crate) complaints: Vec<String>,
}

/// What all clients share.
pub(crate) struct Shop {
    gateway: Client,
    services: [Client; 2],
    garbage: Garbage,
    book: Mutex<Ledgerbook>,
    seed: u64,
    order_count: usize,
    next: AtomicUsize,
    /// Every order has its answer.
    closed: AtomicBool,
    /// One permit for each order that may be begun.
    pub(crate) gate: Semaphore,
}

impl Shop {
    pub(crate) fn new(ledger: &Ledger, seed: u64, order_count: usize) -> Result<Self> {
        let (gateway, a, b) = ledger.clients()?;
        let garbage = Garbage::new(&ledger.servers.brokers, ledger.topic("orders"))?;
        Ok(Self {
            gateway,
            services: [a, b],
            garbage,
            book: Mutex::default(),
            seed,
            order_count,
            next: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            gate: Semaphore::new(0),
        })
    }

    pub(crate) fn take_book(&self) -> Ledgerbook {
        std::mem::take(&mut *self.book.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The readers may go home.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// How many requests were answered as taken so far.
    pub(crate) fn taken_count(&self) -> u64 {
        let book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        ["201", "202"].iter().filter_map(|status| book.counts.get(&format!("answered {status}"))).sum()
    }

    /// Any order whose decision some client knows, and whether it was confirmed.
    pub(crate) fn decided_order(&self, random: &mut Random) -> Option<(String, bool)> {
        let book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let at = random.below(u64::try_from(book.exchanges.len()).ok().filter(|count| *count > 0)?);
        let exchange = book.exchanges.get(usize::try_from(at).ok()?)?;
        match &exchange.reply {
            Reply::Accepted { id, confirmed: Some(confirmed), .. } if exchange.request.is_order => {
                Some((id.clone(), *confirmed))
            }
            _ => None,
        }
    }

    pub(crate) fn count(&self, what: impl Into<String>) {
        *self.book.lock().unwrap_or_else(PoisonError::into_inner).counts.entry(what.into()).or_default() += 1;
    }

    pub(crate) fn complain(&self, complaint: String) {
        self.book.lock().unwrap_or_else(PoisonError::into_inner).complaints.push(complaint);
    }

    /// Stock to sell.
    pub(crate) async fn open(&self) {
        let mut random = Random::of(self.seed, u64::MAX);
        for request in request::opening(self.order_count) {
            let reply = self.send(&request, &mut random, 0).await;
            self.keep(request, reply);
        }
    }

    /// All clients at once, until every order has its answer.
    pub(crate) async fn serve(self: Arc<Self>, client_count: usize) -> Result<()> {
        let mut clients = JoinSet::new();
        for _ in 0..client_count {
            let shop = Arc::clone(&self);
            clients.spawn(async move {
                loop {
                    let number = shop.next.fetch_add(1, Ordering::Relaxed);
                    if number >= shop.order_count {
                        return;
                    }
                    if let Ok(permit) = shop.gate.acquire().await {
                        permit.forget();
                    }
                    shop.visit(number).await;
                }
            });
        }
        while let Some(client) = clients.join_next().await {
            client?;
        }
        Ok(())
    }

    /// One order and what goes with it.
    async fn visit(&self, number: usize) {
        let mut random = Random::of(self.seed, u64::try_from(number).unwrap_or(u64::MAX));
        if random.percent(8) {
            let adjustment = request::adjustment(number, &mut random);
            let reply = self.send(&adjustment, &mut random, 0).await;
            self.keep(adjustment, reply);
        }
        if random.percent(3) {
            let receipt = request::receipt(&format!("new-{number}"), 1 + number % 50);
            let reply = self.send(&receipt, &mut random, 0).await;
            self.keep(receipt, reply);
        }
        if random.percent(4) {
            self.send_badly(&mut random).await;
        }
        if random.percent(4) {
            let sent = self.garbage.send(number, &mut random).await;
            self.count(if sent { "garbage records on the topic" } else { "garbage records without an answer" });
        }
        let order = request::order(number, &mut random);
        let reply = self.send(&order, &mut random, 0).await;
        if random.percent(15) {
            self.repeat(&order, &reply, &mut random).await;
        }
        if random.percent(5) {
            self.contradict(&order, &reply, &mut random).await;
        }
        self.keep(order, reply);
    }

    /// One request more than the clients'; returns with its definite answer.
    pub(crate) async fn place(&self, request: Request) {
        let reply = self.send(&request, &mut Random::of(self.seed, u64::MAX - 2), 0).await;
        self.keep(request, reply);
    }

    pub(crate) fn keep(&self, request: Request, reply: Reply) {
        self.book.lock().unwrap_or_else(PoisonError::into_inner).exchanges.push(Exchange { request, reply });
    }

    /// Sends it until the answer is definite, first through the gateway (turn 0) or a service, then everywhere.
    async fn send(&self, request: &Request, random: &mut Random, turn: usize) -> Reply {
        let (begin, body) = (Instant::now(), request.body.to_string());
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(request.key.as_deref().map(|key| ("idempotency-key", key)));
        headers.extend(request.waits.then_some(("prefer", "wait=5")));
        let mut last = String::new();
        for attempt in turn.. {
            let client = match attempt % 4 {
                1 => &self.services[0],
                3 => &self.services[1],
                _ => &self.gateway,
            };
            self.count(if attempt == turn { "requests" } else { "retries" });
            match client.send(Method::POST, &request.path, &headers, Some(body.clone().into_bytes())).await {
                Ok(answer) => {
                    self.count(format!("answered {}", answer.status));
                    if let Some(reply) = definite(&answer) {
                        return reply;
                    }
                    if answer.status == 500 || answer.status < 400 {
                        self.complain(format!("{} {} was answered {answer:?}", request.path, request.contents));
                    }
                    last = format!("{} {}", answer.status, answer.body);
                }
                Err(error) => {
                    self.count("no answer");
                    last = format!("{error:#}");
                }
            }
            if begin.elapsed() > RETRY_LIMIT {
                break;
            }
            sleep(Duration::from_millis(50 + random.below(250))).await;
        }
        self.count("given up");
        Reply::Unknown(last)
    }

    /// The same request once more, at one of the services: the same order, and no other decision.
    async fn repeat(&self, request: &Request, first: &Reply, random: &mut Random) {
        let turn = if random.percent(50) { 1 } else { 3 };
        let again = self.send(request, random, turn).await;
        let agree = match (first, &again) {
            (
                Reply::Accepted { id, confirmed, .. },
                Reply::Accepted { id: id_again, confirmed: confirmed_again, .. },
            ) => id == id_again && (confirmed.is_none() || confirmed_again.is_none() || confirmed == confirmed_again),
            (Reply::Unknown(_), _) | (_, Reply::Unknown(_)) => true,
            _ => false,
        };
        self.count("repeated after the answer");
        if !agree {
            self.complain(format!("{}: first {first:?}, then {again:?}", request.contents));
        }
    }

    /// Another body under the same key or id, once the first is decided: refused.
    async fn contradict(&self, request: &Request, first: &Reply, random: &mut Random) {
        if !matches!(first, Reply::Accepted { confirmed: Some(_), .. }) {
            return;
        }
        let mut other = request.clone();
        other.body["quantity"] = json!(4);
        let price = request.body["unitPrice"].as_i64().expect("an order has a unit price");
        other.body["totalPrice"] = json!(4 * price);
        other.contents = format!("{} with 4 pieces", request.contents);
        let reply = self.send(&other, random, 0).await;
        self.count("contradicted");
        // Also just after a rollback: until the older tables know the first order, services answer 503.
        if !matches!(&reply, Reply::Refused(what) if what == "422 idempotency-conflict")
            && !matches!(reply, Reply::Unknown(_))
        {
            self.complain(format!("{}: {reply:?} after {first:?}", other.contents));
        }
    }

    async fn send_badly(&self, random: &mut Random) {
        let count = u64::try_from(request::BAD.len()).unwrap_or(1);
        let (path, body, status) = request::BAD[usize::try_from(random.below(count)).unwrap_or(0)];
        for _ in 0..40 {
            let headers = [("content-type", "application/json")];
            let answer = self.gateway.send(Method::POST, path, &headers, Some(body.as_bytes().to_vec())).await;
            match answer {
                Ok(answer) if answer.status < 500 => {
                    self.count("bad requests refused");
                    if answer.status != status {
                        self.complain(format!("{path} {body}: {answer:?}, expected {status}"));
                    }
                    return;
                }
                Ok(answer) if answer.status == 500 => self.complain(format!("{path} {body}: {answer:?}")),
                _ => sleep(Duration::from_millis(200)).await,
            }
        }
        self.count("bad requests given up");
    }
}
