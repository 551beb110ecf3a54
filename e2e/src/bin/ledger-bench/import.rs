//! `ledger import` of an old topic as a connector's converter writes it, into an empty ledger, and again once all is folded. With another
//! build of `ledger` in `LEDGER_BENCH_OTHER`, both in turn, on the same topic.
//!
//! It must never compare figures of two runs. Read `main` for how they are shown.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::ledger::Ledger;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{Producer, ThreadedProducer};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::fold::{PRODUCT_COUNT, send};
use crate::rebuild::{two, until, until_done};

/// The variable that names another build of `ledger`.
pub(crate) const OTHER: &str = "LEDGER_BENCH_OTHER";
const OLD_PARTITIONS: i32 = 4;
const ROUNDS: usize = 3;
const FILL_LIMIT: Duration = Duration::from_secs(300);
/// Far below what any machine imports, so that only something that hangs reaches it.
const SLOWEST_PER_SECOND: u64 = 5_000;
const SCHEMA: &str = r#"{"type":"struct","fields":[{"type":"string","optional":true,"field":"order_id"},{"type":"string","optional":true,"field":"user_id"},{"type":"string","optional":true,"field":"product_id"},{"type":"int32","optional":true,"field":"qty"},{"type":"int32","optional":true,"field":"unit_price"},{"type":"int32","optional":true,"field":"total_price"}],"optional":false,"name":"orders"}"#;

/// Times and the most memory of one build, by what was measured.
#[derive(Default)]
struct Measured {
    times: BTreeMap<&'static str, Vec<Duration>>,
    memory: u64,
}

pub(crate) async fn run(records: i64) -> Result<Value> {
    let limit = Duration::from_secs(60 + u64::try_from(records)? / SLOWEST_PER_SECOND);
    let mut ledger = Ledger::start("benchimport").await?;
    ledger.projector.process.terminate(Duration::from_secs(15))?;
    let topic = ledger.topic("old");
    let brokers = ledger.servers.brokers.clone();
    make(&brokers, &topic).await?;
    let name = topic.clone();
    tokio::task::spawn_blocking(move || fill(&brokers, &name, records)).await??;

    let other = std::env::var(OTHER).ok();
    let builds: Vec<(&str, &str)> = [("this", Some("ledger")), ("other", other.as_deref())]
        .into_iter()
        .filter_map(|(name, path)| Some((name, path?)))
        .collect();
    let mut measured: BTreeMap<&str, Measured> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for (build, program) in &builds {
            let summary =
                measure(&ledger, program, &topic, limit, "import", measured.entry(build).or_default()).await?;
            ensure!(summary["imported"] == json!(records), "{summary:#}");
        }
    }
    ledger.projector.restart()?;
    let pool = ledger.database().await?;
    let appended = records * i64::try_from(ROUNDS * builds.len())?;
    let folded = "SELECT CAST(SUM(next_offset) AS SIGNED) FROM positions";
    until(&pool, folded, limit * 6, |sum| sum >= appended).await?;
    ledger.projector.process.terminate(Duration::from_secs(15))?;
    for _ in 0..ROUNDS {
        for (build, program) in &builds {
            let summary = measure(&ledger, program, &topic, limit, "again", measured.entry(build).or_default()).await?;
            ensure!(summary["alreadyThere"] == json!(records), "{summary:#}");
        }
    }
    ledger.projector.restart()?;
    ledger.projector.wait_ready()?;
    ledger.finish().await?;
    Ok(figures(records, &measured))
}

async fn measure(
    ledger: &Ledger,
    program: &str,
    topic: &str,
    limit: Duration,
    what: &'static str,
    measured: &mut Measured,
) -> Result<Value> {
    let begin = Instant::now();
    let running = ledger.start_program(program, &[], &["import", "--topic", topic, "--output", "json"])?;
    let (summary, memory) = until_done(&running.process, limit).await?;
    measured.times.entry(what).or_default().push(begin.elapsed());
    measured.memory = measured.memory.max(memory);
    Ok(summary)
}

fn figures(records: i64, measured: &BTreeMap<&str, Measured>) -> Value {
    let count = f64::from(u32::try_from(records).unwrap_or(u32::MAX));
    let best = |build: &str, what: &str| {
        let times = measured.get(build)?.times.get(what)?;
        times.iter().min().map(Duration::as_secs_f64)
    };
    let mut figures = Map::new();
    figures.insert("records".to_owned(), json!(records));
    for (build, Measured { memory, .. }) in measured {
        for (what, shown) in [("import", "into an empty ledger"), ("again", "once all is there")] {
            if let Some(seconds) = best(build, what) {
                figures.insert(format!("{build} build, {shown}, records/s"), json!((count / seconds).round()));
            }
        }
        figures.insert(format!("{build} build's peak memory, MiB"), json!(memory));
    }
    for (what, shown) in [("import", "into an empty ledger"), ("again", "once all is there")] {
        if let Some((this, other)) = best("this", what).zip(best("other", what)) {
            figures.insert(format!("this / other, {shown}"), json!(two(other / this)));
        }
    }
    Value::Object(figures)
}

async fn make(brokers: &str, topic: &str) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new().set("bootstrap.servers", brokers).create()?;
    let new = NewTopic::new(topic, OLD_PARTITIONS, TopicReplication::Fixed(1));
    let made = admin.create_topics(&[new], &AdminOptions::new()).await?;
    ensure!(made.iter().all(Result::is_ok), "the old topic: {made:?}");
    Ok(())
}

/// Orders as old services wrote them: no key, the schema in every record.
fn fill(brokers: &str, topic: &str, records: i64) -> Result<()> {
    let producer: ThreadedProducer<_> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("linger.ms", "20")
        .set("queue.buffering.max.messages", "200000")
        .create_with_context(rdkafka::producer::DefaultProducerContext)?;
    for nth in 0..records {
        let (product, user) = (nth * 7919 % PRODUCT_COUNT, nth * 104_729 % 10_000);
        let (quantity, price) = (1 + nth % 3, 100 + nth % 900);
        let value = format!(
            r#"{{"schema":{SCHEMA},"payload":{{"order_id":"{}","user_id":"user-{user}","product_id":"product-{product}","qty":{quantity},"unit_price":{price},"total_price":{}}}}}"#,
            Uuid::new_v4(),
            quantity * price,
        );
        send(&producer, topic, None, &value)?;
    }
    producer.flush(FILL_LIMIT)?;
    ensure!(producer.in_flight_count() == 0, "the old topic could not be filled");
    Ok(())
}
