//! The fault test: many clients place orders through the gateway while every part is killed, frozen and cut off in an
//! order that a seed decides; then everything must be folded and published, and an audit must find no difference.
//! `cargo xtask chaos` starts the servers and runs it. Exit 1 with the first differences.
//!
//! It must never decide by the rules of the fold: what is right is the auditor's (`e2e/src/auditor/`) to say.
//!
//! Reading order: [`request`] and [`orders`] (what is sent), [`reply`] (what comes of it), [`shop`] (the clients), [`insist`] (what they repeat), [`asks`] (what they want of
//! their orders), [`readers`], [`garbage`], [`system`] (parts and servers), [`proxy`] (cuts connections) and [`silence`], [`kinds`] (of faults), [`pace`]
//! (orders beside faults), [`faults`] (the schedule) with [`deaths`], [`commands`], [`rebuilds`], [`outages`], [`late`], [`lost_commits`], [`clocks`], [`stranger`]
//! and [`brokers`], [`undecided`] (soon after the last one every order is decided), [`verdict`] (were the answers true), [`scene`] (what is shown when a run failed).

mod asks;
mod brokers;
mod clocks;
mod commands;
mod deaths;
mod faults;
mod garbage;
mod insist;
mod kinds;
mod last_lines;
mod late;
mod lost_commits;
mod orders;
mod outages;
mod pace;
mod progress;
mod proxy;
mod random;
mod readers;
mod rebuilds;
mod reply;
mod request;
mod rest;
mod scene;
mod shop;
mod silence;
mod stranger;
mod system;
mod undecided;
mod verdict;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use e2e::auditor::{Evidence, gather};
use e2e::ledger::{Ledger, Place, Servers};
use tokio::task::JoinHandle;
use xtask::interrupt::Interrupt;
use xtask::jars::KafkaRelease;
use xtask::mariadb_release::MariaDbRelease;
use xtask::server::BrokerCount;
use xtask::wrong_clock::WrongClock;

use crate::kinds::FaultCounts;
use crate::pace::Pace;
use crate::progress::progress;
use crate::proxy::Scissors;
use crate::shop::{Ledgerbook, Shop};
use crate::system::System;
use crate::verdict::Verdict;

const SHOWN_DIFFERENCES: usize = 20;

#[derive(Debug, Parser)]
#[command(name = "ledger-chaos")]
struct Arguments {
    #[arg(long)]
    orders: usize,
    #[arg(long)]
    seed: u64,
    #[arg(long)]
    clients: usize,
    /// Of the servers that are up: how many brokers
    #[arg(long)]
    brokers: BrokerCount,
    /// Of the servers that are up: which MariaDB, where it is not the system's
    #[arg(long)]
    mariadb: Option<MariaDbRelease>,
    /// Of the servers that are up: which Kafka, where it is not the usual one
    #[arg(long)]
    kafka: Option<KafkaRelease>,
    /// The library that makes a process's clock wrong; without it all clocks are right
    #[arg(long)]
    wrong_clocks_by: Option<PathBuf>,
    /// Only faults whose name has this in it
    #[arg(long)]
    only: Option<String>,
}

impl Arguments {
    fn servers(&self) -> xtask::servers::Servers {
        xtask::servers::Servers::for_chaos().on(self.mariadb).on_kafka(self.kafka.clone()).with_brokers(self.brokers)
    }
}

/// All that is printed.
struct Outcome {
    took: Duration,
    faults: FaultCounts,
    ended_by_themselves: BTreeMap<String, u64>,
    found: Found,
}

/// What the audit read and says.
struct Found {
    book: Ledgerbook,
    evidence: Evidence,
    verdict: Verdict,
}

impl Found {
    /// The log against the tables and the topics; the answers against both; the answers by themselves.
    fn differences(&self) -> impl Iterator<Item = &String> {
        let Self { book, evidence, verdict } = self;
        [&evidence.report.differences, &verdict.differences, &book.complaints].into_iter().flatten()
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            progress(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool> {
    let interrupt = Interrupt::install()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = chaos(arguments, &interrupt) => outcome,
            () = interrupted(&interrupt) => bail!("interrupted"),
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(10));
    let outcome = outcome.with_context(|| format!("seed {}", arguments.seed))?;
    Ok(print(arguments, &outcome))
}

async fn interrupted(interrupt: &Interrupt) {
    while !interrupt.is_set() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn chaos(arguments: &Arguments, interrupt: &Interrupt) -> Result<Outcome> {
    let begin = Instant::now();
    let Arguments { orders, seed, clients, brokers, ref wrong_clocks_by, .. } = *arguments;
    progress(&format!("{orders} orders by {clients} clients, seed {seed}, brokers: {brokers}"));
    let (scissors, round) = (Arc::new(Scissors::default()), kinds::round(arguments)?);
    let servers = arguments.servers();
    let ledger = start(&scissors, servers.state().logs()).await?;
    let shop = Arc::new(Shop::new(&ledger, seed, orders)?);
    shop.open().await;
    let pace = Arc::new(Pace::of(orders, &round));
    let load = tokio::spawn(Arc::clone(&shop).serve(clients));
    let letting_in = tokio::spawn({
        let (pace, shop) = (Arc::clone(&pace), Arc::clone(&shop));
        async move { pace.let_in(&shop.gate).await }
    });
    let reading = tokio::spawn(readers::read(Arc::clone(&shop), readers::services(&ledger)?, seed));
    let clock = wrong_clocks_by.as_ref().map(|library| WrongClock::new(library, &servers.state().logs()));
    let mut system = System::new(ledger, servers, scissors, clock, interrupt.clone());
    let (faults, mut system) = tokio::task::spawn_blocking({
        let shop = Arc::clone(&shop);
        move || (faults::run(&mut system, &shop, &pace, &round, seed), system)
    })
    .await?;
    let outcome = match faults {
        Ok(faults) => settle(&mut system, &shop, letting_in, load, reading).await.map(|found| (faults, found)),
        Err(error) => Err(error),
    };
    let is_right = outcome.as_ref().is_ok_and(|(_, found)| found.differences().next().is_none());
    if !is_right && !interrupt.is_set() {
        scene::print(&system).await;
    }
    let (faults, found) = outcome?;
    let System { ledger, ended_by_themselves, .. } = system;
    ledger.finish().await?;
    Ok(Outcome { took: begin.elapsed(), faults, ended_by_themselves, found })
}

/// Waits until every order is answered, folded and published, and audits.
async fn settle(
    system: &mut System,
    shop: &Shop,
    letting_in: JoinHandle<()>,
    load: JoinHandle<Result<()>>,
    reading: JoinHandle<Result<()>>,
) -> Result<Found> {
    let pool = system.ledger.database().await?;
    // Orders still come in meanwhile, so an order that is stuck stands out.
    undecided::watch(&system.ledger, &pool, shop).await?;
    letting_in.await?;
    load.await??;
    shop.close();
    reading.await??;
    progress("every order has its answer; waiting until all is folded and published, and no order is open");
    rest::wait(system, &pool).await?;
    let evidence = gather(&system.ledger.servers.brokers, &system.ledger.topics(), &pool).await?;
    let book = shop.take_book();
    let mut verdict = verdict::of(&evidence, &book)?;
    let (_, a, b) = system.ledger.clients()?;
    verdict::compare_services([&a, &b], &book.exchanges, &mut verdict).await?;
    Ok(Found { book, evidence, verdict })
}

async fn start(scissors: &Arc<Scissors>, logs: PathBuf) -> Result<Ledger> {
    let servers = Servers::from_environment();
    let (_, host) = servers.admin_url.rsplit_once('@').context("the administrator's URL has no host")?;
    let proxy = proxy::start(host.trim_end_matches('/').parse()?, Arc::clone(scissors)).await?;
    Ledger::start_in(Place { servers, folder: Some(logs), projector_database: Some(proxy) }, "chaos").await
}

/// Answers whether all is right.
fn print(arguments: &Arguments, outcome: &Outcome) -> bool {
    let Outcome { took, faults, ended_by_themselves, found } = outcome;
    let report = &found.evidence.report;
    line(format!("seed {}, {} orders, {:.0} s", arguments.seed, arguments.orders, took.as_secs_f64()));
    table("clients", &found.book.counts);
    table("faults", faults);
    table("parts that ended though nobody killed them", ended_by_themselves);
    table(
        "log",
        &BTreeMap::from([
            ("records", report.record_count),
            ("orders confirmed", report.confirmed_count),
            ("orders rejected", report.rejected_count),
            ("orders cancelled or expired", report.cancelled_count),
            ("orders of several lines", report.several_count),
            ("what partitions told each other", report.told_count),
            ("duplicates without effect", report.duplicate_count),
            ("records that came too late", report.overruled_count),
            ("parked records", report.parked_count),
        ]),
    );
    table("checked", &found.verdict.checked);
    for difference in found.differences().take(SHOWN_DIFFERENCES) {
        line(format!("DIFFERENCE {difference}"));
    }
    let difference_count = found.differences().count();
    line(format!("{difference_count} differences"));
    difference_count == 0
}

fn table<K: Display, V: Display>(title: &str, figures: &BTreeMap<K, V>) {
    line(title);
    for (name, figure) in figures {
        line(format!("  {name:<52} {figure:>9}"));
    }
}

#[expect(clippy::print_stdout, reason = "the report is what the command is for")]
fn line(text: impl Display) {
    println!("{text}");
}
