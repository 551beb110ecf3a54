//! From a POST with `Prefer: wait` to its 201, for one line and for three lines in three partitions, at the same even rate, in turn.
//!
//! It must never be measured apart: what counts is how many times longer three take than one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use e2e::client::Client;
use e2e::ledger::Ledger;
use serde_json::{Map, Value, json};

use crate::visible::percentile;
use crate::wait::load;

const ORDERS_PER_SECOND: u32 = 300;
/// Of each kind, as long as `wait` warms up: until then the broker's compiler takes a quarter of a core.
const WARM_UP: Duration = Duration::from_secs(60);
const MEASURED: Duration = Duration::from_secs(15);
const ROUNDS: usize = 3;
const PRODUCT_COUNT: u32 = 100;
const LINES: usize = 3;

pub(crate) async fn run() -> Result<Value> {
    let ledger = Ledger::start("benchlinewait").await?;
    let (gateway, _, _) = ledger.clients()?;
    let triples = Arc::new(triples(&gateway).await?);
    let gateway = Arc::new(gateway);
    let (mut one, mut three) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let duration = if round == 0 { WARM_UP } else { MEASURED };
        for (lines, times) in [(1, &mut one), (LINES, &mut three)] {
            let triples = Arc::clone(&triples);
            let body = move |nth: u32| body(&triples, nth, lines);
            let measured = load(&gateway, ORDERS_PER_SECOND, duration, body).await?;
            if round > 0 {
                times.extend(measured);
            }
        }
    }
    ledger.finish().await?;
    let mut figures = Map::new();
    figures.insert("POST with wait, orders/s".to_owned(), json!(ORDERS_PER_SECOND));
    let p99 = [percentile(&mut one, 99), percentile(&mut three, 99)];
    for (what, times, p99) in [("one line", &mut one, p99[0]), ("three lines in three partitions", &mut three, p99[1])]
    {
        figures.insert(format!("{what}, POST to 201, median ms"), json!(percentile(times, 50)));
        figures.insert(format!("{what}, POST to 201, p99 ms"), json!(p99));
    }
    figures.insert("three lines / one line, p99".to_owned(), json!((p99[1] / p99[0] * 100.0).round() / 100.0));
    Ok(Value::Object(figures))
}

/// Products that live in three partitions, for each order three.
async fn triples(gateway: &Client) -> Result<Vec<[String; LINES]>> {
    let mut by_partition: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for nth in 0..PRODUCT_COUNT {
        let product = format!("product-{nth}");
        let received = gateway.receive(&product, 10_000_000).await?;
        let (partition, _) = received.text("position").split_once(':').context("a receipt without a position")?;
        by_partition.entry(partition.to_owned()).or_default().push(product);
    }
    let partitions: Vec<Vec<String>> = by_partition.into_values().collect();
    let mut triples = Vec::new();
    for nth in 0..usize::try_from(PRODUCT_COUNT)? {
        let product = |at: usize| {
            let products = &partitions[(nth + at) % partitions.len()];
            products[nth / partitions.len() % products.len()].clone()
        };
        triples.push([product(0), product(1), product(2)]);
    }
    Ok(triples)
}

/// The first `lines` of a triple: so both kinds begin in the same partitions.
fn body(triples: &[[String; LINES]], nth: u32, lines: usize) -> Value {
    let triple = &triples[usize::try_from(nth).unwrap_or_default() % triples.len()];
    let line = |product: &String| json!({ "productId": product, "quantity": 1, "unitPrice": 1 });
    match lines {
        1 => json!({ "userId": format!("user-{nth}"), "productId": triple[0], "quantity": 1, "unitPrice": 1 }),
        _ => json!({ "userId": format!("user-{nth}"), "lines": triple[..lines].iter().map(line).collect::<Vec<_>>() }),
    }
}
