//! What orders of several lines, holds and cancellation cost: the fold of single-line orders beside another build (`against`), a wait
//! for three lines in three partitions beside a wait for one (`waits`), and a hundred thousand open holds (`holds`).
//!
//! It must never compare figures of two runs. Read `main` for how they are shown.

mod against;
mod holds;
mod waits;

use anyhow::Result;
use serde_json::{Map, Value};

pub(crate) async fn run(orders: i64) -> Result<Value> {
    let mut figures = Map::new();
    figures.append(&mut against::run(orders).await?);
    figures.append(&mut waits::run().await?);
    figures.append(&mut holds::run().await?);
    Ok(Value::Object(figures))
}
