//! Bad records straight onto the log, as another writer might send them: every one must be parked, and no record
//! after it may wait.
//!
//! It must never send what could take effect. Read `request` for what may.

use std::time::Duration;

use anyhow::Result;
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::random::Random;
use crate::request::HOT;

const SEND_LIMIT: Duration = Duration::from_secs(5);
const PARTITION_COUNT: u64 = 8;

pub(crate) struct Garbage {
    producer: FutureProducer,
    topic: String,
}

impl Garbage {
    pub(crate) fn new(brokers: &str, topic: String) -> Result<Self> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("partitioner", "murmur2_random")
            .set("message.timeout.ms", "5000")
            .create()?;
        Ok(Self { producer, topic })
    }

    /// Whether the broker acknowledged it. Where it did not, it may still lie there.
    pub(crate) async fn send(&self, number: usize, random: &mut Random) -> bool {
        let order = |product: &str, version: u32| {
            format!(
                r#"{{"type":"OrderPlaced","version":{version},"order_id":"00000000-0000-4000-8000-{number:012}","user_id":"garbage","product_id":"{product}","quantity":1,"unit_price":1,"total_price":1,"placed_at":"2026-11-23T10:00:00Z"}}"#
            )
        };
        // A product that is sold nowhere else, so that a record in a wrong partition cannot hit its home by chance and sell.
        let astray = format!("astray-{number}");
        let (key, value) = match random.below(6) {
            0 => (Some(HOT), Some("\u{0} garbage".to_owned())),
            1 => (Some(HOT), None),
            2 => (Some(HOT), Some(order(HOT, 9))),
            3 => (Some(HOT), Some(order("another", 1))),
            4 => (None, Some("{}".to_owned())),
            _ => (Some(astray.as_str()), Some(order(&astray, 1))),
        };
        let mut record: FutureRecord<'_, str, str> = FutureRecord::to(&self.topic);
        record.key = key;
        record.payload = value.as_deref();
        if key == Some(astray.as_str()) {
            record.partition = i32::try_from(random.below(PARTITION_COUNT)).ok();
        }
        self.producer.send(record, SEND_LIMIT).await.is_ok()
    }
}
