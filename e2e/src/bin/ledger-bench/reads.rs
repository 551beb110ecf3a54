//! `GET /stock/{id}` straight at a service, by readers that ask again as soon as they are answered; with another build of `ledger` in
//! `LEDGER_BENCH_OTHER`, the `order-service` beside it in turn, over the same tables.
//!
//! The reader is as plain as can be: it shares the cores with what it measures. It must never count an answer that is no 200.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::ledger::{Ledger, Part};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::import::OTHER;
use crate::processor::cpu_ticks;
use crate::visible::percentile;

const READERS: u32 = 32;
const PRODUCT_COUNT: u32 = 1_000;
const ROUNDS: usize = 3;
const WARM_UP: Duration = Duration::from_secs(5);
const MEASURED: Duration = Duration::from_secs(8);

/// What one build did, over all rounds.
#[derive(Default)]
struct Measured {
    per_second: Vec<f64>,
    /// Of the service's process.
    cpu_micros: Vec<f64>,
    times: Vec<Duration>,
}

pub(crate) async fn run() -> Result<Value> {
    let mut ledger = Ledger::start("benchreads").await?;
    let (gateway, _, _) = ledger.clients()?;
    for nth in 0..PRODUCT_COUNT {
        gateway.receive(&format!("product-{nth}"), 10).await?;
    }
    let other = std::env::var(OTHER).ok();
    if let Some(other) = &other {
        let service = Path::new(other).with_file_name("order-service");
        ensure!(service.is_file(), "{OTHER}: there is no `order-service` beside that `ledger`");
        ledger.service_b.process.terminate(Duration::from_secs(15))?;
        ledger.service_b.restart_as(service, &[])?;
        ledger.service_b.wait_ready()?;
    }
    let builds = [("this", Some(&ledger.service_a)), ("other", other.as_ref().map(|_| &ledger.service_b))];
    let builds: Vec<(&str, &Part)> = builds.into_iter().filter_map(|(name, part)| Some((name, part?))).collect();
    for (_, service) in &builds {
        read(service.address, WARM_UP).await?;
    }
    let mut measured: BTreeMap<&str, Measured> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for (build, service) in &builds {
            let (begin, before) = (Instant::now(), cpu_ticks(service.process.pid())?);
            let times = read(service.address, MEASURED).await?;
            let (took, ticks) = (begin.elapsed(), cpu_ticks(service.process.pid())? - before);
            let reads = f64::from(u32::try_from(times.len())?);
            let build = measured.entry(build).or_default();
            build.per_second.push(reads / took.as_secs_f64());
            build.cpu_micros.push(f64::from(i32::try_from(ticks)?) * 10_000.0 / reads);
            build.times.extend(times);
        }
    }
    ledger.finish().await?;
    Ok(Value::Object(figures(measured)))
}

fn figures(mut measured: BTreeMap<&str, Measured>) -> Map<String, Value> {
    let mut figures = Map::new();
    figures.insert("readers".to_owned(), json!(READERS));
    let mut rates = BTreeMap::new();
    for (name, build) in &mut measured {
        let rate = median(&mut build.per_second);
        figures.insert(format!("{name} build, GET /stock/{{id}} per second"), json!(rate.round()));
        figures.insert(format!("{name} build, median ms"), json!(percentile(&mut build.times, 50)));
        figures.insert(format!("{name} build, p99 ms"), json!(percentile(&mut build.times, 99)));
        let cpu = median(&mut build.cpu_micros).round();
        figures.insert(format!("{name} build, the service's processor time, us each"), json!(cpu));
        rates.insert(*name, rate);
    }
    if let (Some(this), Some(other)) = (rates.get("this"), rates.get("other")) {
        figures.insert("this / other, per second".to_owned(), json!((this / other * 100.0).round() / 100.0));
    }
    figures
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// How long each read took.
async fn read(address: SocketAddr, duration: Duration) -> Result<Vec<Duration>> {
    let end = Instant::now() + duration;
    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        readers.spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (mut times, mut answer) = (Vec::new(), vec![0; 16 * 1024]);
            for nth in 0.. {
                let begin = Instant::now();
                if begin >= end {
                    break;
                }
                // Apart by a number that shares no factor with the count: every reader meets every product.
                let product = (reader * 31 + nth * 7) % PRODUCT_COUNT;
                let request = format!("GET /stock/product-{product} HTTP/1.1\r\nHost: {address}\r\n\r\n");
                stream.write_all(request.as_bytes()).await?;
                one_answer(&mut stream, &mut answer).await?;
                times.push(begin.elapsed());
            }
            Ok(times)
        });
    }
    let all: Result<Vec<Vec<Duration>>> = readers.join_all().await.into_iter().collect();
    Ok(all?.concat())
}

/// Reads one answer with a stated length to its end.
async fn one_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<()> {
    let mut filled = 0;
    let body = loop {
        let count = stream.read(&mut buffer[filled..]).await?;
        ensure!(count > 0, "the service closed a reader's connection");
        filled += count;
        if let Some(at) = buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let head = std::str::from_utf8(&buffer[..body])?;
    ensure!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then_some(value)
    });
    let end = body + length.context("an answer without a length")?.trim().parse::<usize>()?;
    ensure!(end <= buffer.len(), "an answer of {end} bytes");
    if end > filled {
        stream.read_exact(&mut buffer[filled..end]).await?;
    }
    Ok(())
}
