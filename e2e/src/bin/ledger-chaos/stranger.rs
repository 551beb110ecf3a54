//! Somebody else's transactions on the log: records whose producer has not decided yet, and then takes them back, or dies,
//! so that the broker takes them back in its place, or lets them stand. Orders behind them wait, which has to be said, and
//! are folded afterwards.
//!
//! It must never leave one open: the broker ends what is forgotten. Read `outages` for what else is waited out.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use serde_json::Value;
use sqlx::MySqlPool;

use crate::outages::positions;
use crate::pace::Pace;
use crate::progress::progress;
use crate::random::Random;
use crate::shop::Shop;
use crate::system::{System, block_on};

const CALL_LIMIT: Duration = Duration::from_secs(20);
/// How long it stays open at least.
const OPEN: Duration = Duration::from_secs(2);
/// After this the broker takes back what was forgotten; it looks for such every ten seconds.
const FORGOTTEN: Duration = Duration::from_secs(6);
/// Of a transaction that is ended by its producer: longer than anything here takes.
const REMEMBERED: Duration = Duration::from_secs(120);
const ORDERS_LIMIT: Duration = Duration::from_secs(40);
const PARTITION_COUNT: i32 = 8;

/// How it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    TakenBack,
    /// Its producer is gone without a word.
    Forgotten,
    /// Its records are bad ones, and parked.
    Kept,
}

/// One that is forgotten, and one that is ended one way or the other.
pub(crate) fn run(system: &mut System, shop: &Shop, pace: &Pace, random: &mut Random) -> Result<u64> {
    let ended = if random.percent(50) { End::TakenBack } else { End::Kept };
    let ends = [End::Forgotten, ended];
    for end in ends {
        one(system, shop, pace, random, end).with_context(|| format!("{end:?}"))?;
    }
    Ok(2)
}

fn one(system: &mut System, shop: &Shop, pace: &Pace, random: &mut Random, end: End) -> Result<()> {
    let pool = block_on(system.ledger.database())?;
    let (producer, first) = open(system, random, end)?;
    let begin = Instant::now();
    // One that is forgotten may be over before anybody has looked. An error of ours must not leave the other open.
    let is_told = if end == End::Forgotten { Ok(None) } else { blocked(system, pace, &pool, &first) };
    match end {
        End::TakenBack => producer.abort_transaction(CALL_LIMIT)?,
        End::Kept => producer.commit_transaction(CALL_LIMIT)?,
        End::Forgotten => drop(producer),
    }
    if let Some(wrong) = is_told? {
        shop.complain(format!("orders behind an open transaction: {wrong}"));
    }
    let passed = |_: &mut System| {
        positions(&pool).is_ok_and(|now| first.iter().all(|(partition, offset)| now.get(partition) > Some(offset)))
    };
    pace.wait_for_orders(system, "what stood behind the transaction is folded", ORDERS_LIMIT, passed)?;
    let took = begin.elapsed();
    ensure!(end != End::Forgotten || took >= FORGOTTEN / 2, "it was ended before it was forgotten");
    progress(&format!("     {} partitions, {end:?}: {:.1} s", first.len(), took.as_secs_f64()));
    Ok(())
}

/// Opens a transaction with a record in one partition or in each; answers where those stand.
fn open(system: &System, random: &mut Random, end: End) -> Result<(FutureProducer, Vec<(i32, i64)>)> {
    let topic = system.ledger.topic("orders");
    let timeout = if end == End::Forgotten { FORGOTTEN } else { REMEMBERED };
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &system.ledger.servers.brokers)
        .set("transactional.id", format!("stranger-{}", random.below(u64::MAX)))
        .set("transaction.timeout.ms", timeout.as_millis().to_string())
        .create()?;
    producer.init_transactions(CALL_LIMIT)?;
    producer.begin_transaction()?;
    let (all, one) = (random.percent(50), i32::try_from(random.below(8))?);
    let mut first = Vec::new();
    for partition in (0..PARTITION_COUNT).filter(|partition| all || *partition == one) {
        let record: FutureRecord<'_, (), str> =
            FutureRecord::to(&topic).partition(partition).payload("a stranger's record");
        let delivery = block_on(producer.send(record, CALL_LIMIT)).map_err(|(error, _)| error)?;
        first.push((partition, delivery.offset));
    }
    Ok((producer, first))
}

/// Waits until orders stand behind the open records; answers what is not told about it, or is folded nevertheless.
fn blocked(system: &mut System, pace: &Pace, pool: &MySqlPool, first: &[(i32, i64)]) -> Result<Option<String>> {
    let topic = system.ledger.topic("orders");
    // A reader of committed records alone is told where what is decided ends, and not where the log does.
    let log: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &system.ledger.servers.brokers)
        .set("isolation.level", "read_uncommitted")
        .create()?;
    let begin = Instant::now();
    let end = |partition| log.fetch_watermarks(&topic, partition, CALL_LIMIT).map(|(_, end)| end);
    pace.wait_for_orders(system, "orders behind an open transaction", ORDERS_LIMIT, |_| {
        let stand_behind = |&(partition, offset): &(i32, i64)| end(partition).is_ok_and(|end| end > offset + 1);
        begin.elapsed() >= OPEN && first.iter().all(stand_behind)
    })?;
    let now = positions(pool)?;
    for (partition, offset) in first {
        ensure!(now.get(partition) <= Some(offset), "partition {partition} was folded past an undecided record");
    }
    let (code, output) = block_on(system.ledger.run(&["status", "--output", "json"]))?;
    let status: Value = serde_json::from_str(&output).with_context(|| format!("`ledger status`: {code} {output}"))?;
    Ok(untold(&status, first))
}

/// What a status does not say of partitions in which orders wait.
fn untold(status: &Value, blocked: &[(i32, i64)]) -> Option<String> {
    let partitions = status["partitions"].as_array().map_or(&[][..], Vec::as_slice);
    blocked.iter().find_map(|(partition, offset)| {
        let found = partitions.iter().find(|found| found["partition"] == *partition)?;
        let says_lag = found["lag"].as_i64() > Some(0);
        let says_blocked = !found["blockedSince"].is_null();
        (!says_lag || !says_blocked).then(|| format!("partition {partition} from offset {offset} on: {found}"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_lag_without_a_reason_and_a_reason_without_a_lag_are_named() {
        let status = |lag: i64, since: Value| {
            json!({ "partitions": [
                { "partition": 0, "lag": 0, "blockedSince": null },
                { "partition": 3, "lag": lag, "blockedSince": since },
            ] })
        };
        assert_eq!(untold(&status(2, json!("2026-11-27T21:00:00Z")), &[(3, 7)]), None);
        for (lag, since) in [(0, json!("2026-11-27T21:00:00Z")), (2, Value::Null)] {
            let wrong = untold(&status(lag, since), &[(3, 7)]).unwrap();
            assert!(wrong.starts_with("partition 3 from offset 7 on: "), "{wrong}");
        }
        let old = json!({ "partitions": [{ "partition": 3, "lag": 2 }] });
        assert!(untold(&old, &[(3, 7)]).is_some(), "a status that does not know the word");
    }
}
