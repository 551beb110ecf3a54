//! The load: clients that send through the gateway, repeat every request under its key until the answer is definite,
//! and remember the answers. It must never decide what is right; that is `verdict`'s. Read `request` for what they
//! send.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::client::Client;
use e2e::ledger::Ledger;
use reqwest::Method;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::asks::{Ask, Said};
use crate::garbage::Garbage;
use crate::orders::{self, Then};
use crate::random::Random;
use crate::reply::{Exchange, Reply, Status, definite};
use crate::request::{self, Request};

/// Longer than any single fault lasts.
pub(crate) const RETRY_LIMIT: Duration = Duration::from_secs(120);

/// Counts and complaints of all clients.
#[derive(Debug, Default)]
pub(crate) struct Ledgerbook {
    pub(crate) exchanges: Vec<Exchange>,
    /// What was wanted of orders afterwards.
    pub(crate) asks: Vec<Ask>,
    pub(crate) counts: BTreeMap<String, u64>,
    /// Answers that are wrong by themselves.
    pub(crate) complaints: Vec<String>,
}

/// What all clients share.
pub(crate) struct Shop {
    pub(crate) gateway: Client,
    services: [Client; 2],
    garbage: Garbage,
    book: Mutex<Ledgerbook>,
    seed: u64,
    order_count: usize,
    next: AtomicUsize,
    /// Every order has its answer.
    closed: AtomicBool,
    /// Odd while the database may have forgotten what it had answered; one more at each begin and end of such a time.
    forgetful: AtomicU64,
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
            forgetful: AtomicU64::new(0),
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

    /// Does what makes the database forget, and brings it back to where it stood: answers of that time are compared with none of before.
    pub(crate) fn while_forgetful<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.forgetful.fetch_add(1, Ordering::SeqCst);
        let done = work();
        self.forgetful.fetch_add(1, Ordering::SeqCst);
        done
    }

    /// What the services can know now. An answer counts only when it is the same before and after, and there: see [`Self::counts`].
    pub(crate) fn memory(&self) -> Option<u64> {
        Some(self.forgetful.load(Ordering::SeqCst)).filter(|times| times.is_multiple_of(2))
    }

    /// Whether an answer that was asked for then may be compared with what was answered before.
    pub(crate) fn counts(&self, memory: Option<u64>) -> bool {
        let counts = memory.is_some() && self.memory() == memory;
        if !counts {
            self.count("answers excused, since the database had lost commits");
        }
        counts
    }

    /// How many requests were answered as taken so far.
    pub(crate) fn taken_count(&self) -> u64 {
        let book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        ["201", "202"].iter().filter_map(|status| book.counts.get(&format!("answered {status}"))).sum()
    }

    /// Any order whose decision some client knows, and where it stood then.
    pub(crate) fn decided_order(&self, random: &mut Random) -> Option<(String, Status)> {
        let book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let count = u64::try_from(book.exchanges.len() + book.asks.len()).ok().filter(|count| *count > 0)?;
        let at = usize::try_from(random.below(count)).ok()?;
        match book.exchanges.get(at) {
            Some(Exchange { request, reply: Reply::Accepted { id, status: Some(status), .. }, .. }) => {
                request.is_order.then(|| (id.clone(), *status))
            }
            Some(_) => None,
            None => match &book.asks[at - book.exchanges.len()] {
                Ask { order_id, said: Said::Done(status) | Said::NotPossible(status), .. } => {
                    Some((order_id.clone(), *status))
                }
                _ => None,
            },
        }
    }

    pub(crate) fn keep_ask(&self, ask: Ask) {
        self.book.lock().unwrap_or_else(PoisonError::into_inner).asks.push(ask);
    }

    /// The gateway, mostly.
    pub(crate) fn any_service(&self, random: &mut Random) -> &Client {
        match random.below(4) {
            0 => &self.services[0],
            1 => &self.services[1],
            _ => &self.gateway,
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
        let order = orders::order(number, &mut random);
        let reply = self.send(&order.request, &mut random, 0).await;
        if random.percent(15) {
            self.repeat(&order.request, &reply, &mut random).await;
        }
        if random.percent(5) {
            self.contradict(&order.request, &reply, &mut random).await;
        }
        let expires = order.then == Then::Expire;
        self.keep_exchange(Exchange { request: order.request, expires, reply: reply.clone() });
        self.follow(order.then, &reply, &mut random).await;
    }

    /// One request more than the clients'; returns with its definite answer.
    pub(crate) async fn place(&self, request: Request) {
        let reply = self.send(&request, &mut Random::of(self.seed, u64::MAX - 2), 0).await;
        self.keep(request, reply);
    }

    pub(crate) fn keep(&self, request: Request, reply: Reply) {
        self.keep_exchange(Exchange { request, expires: false, reply });
    }

    fn keep_exchange(&self, exchange: Exchange) {
        self.book.lock().unwrap_or_else(PoisonError::into_inner).exchanges.push(exchange);
    }

    /// Sends it until the answer is definite, first through the gateway (turn 0) or a service, then everywhere.
    pub(crate) async fn send(&self, request: &Request, random: &mut Random, turn: usize) -> Reply {
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
}
