//! Commands of an operator that append to the log, each killed at every line that writes and run again: what they
//! append must take effect once. It must never decide that by itself: what was appended goes into the book, like a
//! client's order.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::json;
use sqlx::MySqlPool;
use uuid::Uuid;

use crate::deaths;
use crate::kinds::FaultCounts;
use crate::pace::Pace;
use crate::random::Random;
use crate::reply::Reply;
use crate::request::{self, HOT};
use crate::shop::Shop;
use crate::system::{System, block_on};

const KAFKA_LIMIT: Duration = Duration::from_secs(20);
/// Orders in the old world's topic.
const OLD_ORDERS: u64 = 40;
/// Prices of what commands append: below the clients', and each once.
const REDRIVE_PRICE: u64 = 1_000;
const IMPORT_PRICE: u64 = 500_000;

/// For each line of a redrive: a parked record is redriven, dies there, and is redriven again.
pub(crate) fn redrives(
    system: &mut System,
    shop: &Shop,
    pace: &Pace,
    random: &mut Random,
    counts: &mut FaultCounts,
) -> Result<u64> {
    let points = deaths::points(&system.ledger, &["redrive"])?;
    let pool = block_on(system.ledger.database())?;
    for point in &points {
        let (partition, offset) = parked(system, pace, &pool)?;
        let done: i64 = block_on(sqlx::query_scalar("SELECT COUNT(*) FROM redrives").fetch_one(&pool))?;
        let (id, price) = (new_id(random), REDRIVE_PRICE + u64::try_from(done)?);
        let event = json!({
            "type": "OrderPlaced", "version": 1, "order_id": id.to_string(), "user_id": "redriven", "product_id": HOT,
            "quantity": 1, "unit_price": price, "total_price": price, "placed_at": "2026-11-23T10:00:00Z",
        });
        let file = system.logs().join(format!("redrive-{partition}-{offset}.json"));
        std::fs::write(&file, event.to_string())?;
        let (position, file) = (format!("{partition}:{offset}"), file.display().to_string());
        let args = ["dead-letters", "redrive", &position, "--event", &file];
        deaths::of_a_command(system, point, &args, counts)?;
        // After the mark there is nothing left to do, and it says so.
        let code = i32::from(point == "redrive.marked");
        deaths::command(&system.ledger, &args, code)?;
        deaths::command(&system.ledger, &args, 1).context("a second redrive has to be refused")?;
        let appended: (i32, i64) = block_on(
            sqlx::query_as(
                "SELECT appended_partition, appended_offset FROM redrives WHERE kafka_partition = ? AND kafka_offset = ?",
            )
            .bind(partition)
            .bind(offset)
            .fetch_one(&pool),
        )?;
        let position = Some(format!("{}:{}", appended.0, appended.1));
        shop.keep(
            request::appended("redriven", HOT, price),
            Reply::Accepted { id: id.to_string(), position, status: None },
        );
    }
    Ok(u64::try_from(points.len())?)
}

/// The first parked record that nobody has redriven, once there is one.
fn parked(system: &mut System, pace: &Pace, pool: &MySqlPool) -> Result<(i32, i64)> {
    let mut found = None;
    // Bad records come with orders.
    pace.wait_for_orders(system, "a parked record to redrive", Duration::from_secs(30), |_| {
        let query = sqlx::query_as::<_, (i32, i64)>(
            "SELECT kafka_partition, kafka_offset FROM dead_letters AS letter WHERE NOT EXISTS (SELECT 1 FROM redrives \
             WHERE redrives.kafka_partition = letter.kafka_partition AND redrives.kafka_offset = letter.kafka_offset) \
             ORDER BY kafka_partition, kafka_offset LIMIT 1",
        );
        // A database that is still recovering is looked at again.
        found = block_on(query.fetch_optional(pool)).ok().flatten();
        found.is_some()
    })?;
    found.context("there is no parked record")
}

/// An old topic is imported, dies in the middle, and is imported again.
pub(crate) fn import(system: &mut System, shop: &Shop, random: &mut Random, counts: &mut FaultCounts) -> Result<u64> {
    let topic = system.ledger.topic(&format!("old-{}", random.below(u64::MAX)));
    let price = IMPORT_PRICE + random.below(10_000) * OLD_ORDERS;
    let orders: Vec<(Uuid, u64)> = (price..price + OLD_ORDERS).map(|price| (new_id(random), price)).collect();
    block_on(fill(&system.ledger.servers.brokers, &topic, &orders))?;
    let args = ["import", "--topic", &topic];
    let at = format!("import.sent={}*off->kill", random.below(OLD_ORDERS));
    deaths::of_a_command(system, &at, &args, counts)?;
    deaths::command(&system.ledger, &args, 0)?;
    for (id, price) in orders {
        let reply = Reply::Accepted { id: id.to_string(), position: None, status: None };
        shop.keep(request::appended("imported", HOT, price), reply);
    }
    Ok(1)
}

async fn fill(brokers: &str, topic: &str, orders: &[(Uuid, u64)]) -> Result<()> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    let new = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
    let made = admin.create_topics(&[new], &AdminOptions::new().operation_timeout(Some(KAFKA_LIMIT))).await?;
    ensure!(made.iter().all(Result::is_ok), "the old topic: {made:?}");
    let producer: FutureProducer = config.create()?;
    for (id, price) in orders {
        let order = json!({
            "order_id": id.to_string(), "user_id": "imported", "product_id": HOT, "qty": 1, "unit_price": price,
            "total_price": price,
        });
        let order = order.to_string();
        let record: FutureRecord<'_, (), str> = FutureRecord::to(topic).payload(&order);
        producer.send(record, KAFKA_LIMIT).await.map_err(|(error, _)| error)?;
    }
    Ok(())
}

fn new_id(random: &mut Random) -> Uuid {
    Uuid::from_u64_pair(random.below(u64::MAX) | 1, random.below(u64::MAX))
}
