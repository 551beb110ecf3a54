//! Records straight onto the log, as another writer might send them: bad ones, which must be parked, and events of orders that are not
//! there, which must leave nothing behind. No record after them may wait.
//!
//! It must never send what could take effect for good. Read `request` for what may.

use std::time::Duration;

use anyhow::Result;
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::random::Random;
use crate::request::HOT;

const SEND_LIMIT: Duration = Duration::from_secs(5);
const PARTITION_COUNT: u64 = 8;
/// Lives in partition 7 of 8, the hot product in partition 2.
const ELSEWHERE: &str = "milk";
/// What the ids of its orders begin with; no client's do.
pub(crate) const IDS: &str = "00000000-0000-4000-8000-";

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
                r#"{{"type":"OrderPlaced","version":{version},"order_id":"{IDS}{number:012}","user_id":"garbage","product_id":"{product}","quantity":1,"unit_price":1,"total_price":1,"placed_at":"2026-11-23T10:00:00Z"}}"#
            )
        };
        // A product that is sold nowhere else, so that a record in a wrong partition cannot hit its home by chance and sell.
        let astray = format!("astray-{number}");
        let (key, value) = match random.below(12) {
            0 => (Some(HOT), Some("\u{0} garbage".to_owned())),
            1 => (Some(HOT), None),
            2 => (Some(HOT), Some(order(HOT, 9))),
            3 => (Some(HOT), Some(order("another", 1))),
            4 => (None, Some("{}".to_owned())),
            5 => (Some(HOT), Some(of_lines(number, [1, 2], [HOT, HOT]))),
            6 => (Some(HOT), Some(of_lines(number, [1, 3], [HOT, ELSEWHERE]))),
            7 => (Some(HOT), Some(asked(number, "OrderCancelRequested"))),
            8 => (Some(HOT), Some(asked(number, "HoldExpired"))),
            // The first is reserved, and given back at once: no such order is at home there.
            9 => (Some(HOT), Some(told(number, "LineRequested", "7-0-0", ""))),
            10 => (Some(ELSEWHERE), Some(told(number, "LineDecided", "2-0-0", r#","status":"reserved""#))),
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

/// An order whose lines break a rule.
fn of_lines(number: usize, line_nos: [u32; 2], products: [&str; 2]) -> String {
    let line = |at: usize| {
        format!(
            r#"{{"line_no":{},"product_id":"{}","quantity":1,"unit_price":1,"total_price":1}}"#,
            line_nos[at], products[at]
        )
    };
    format!(
        r#"{{"type":"OrderPlaced","version":3,"order_id":"{IDS}{number:012}","user_id":"garbage","lines":[{},{}],"total_price":2,"placed_at":"2026-11-23T10:00:00Z"}}"#,
        line(0),
        line(1)
    )
}

/// Of an order that is not there.
fn asked(number: usize, kind: &str) -> String {
    format!(
        r#"{{"type":"{kind}","version":1,"order_id":"{IDS}{number:012}","product_id":"{HOT}","occurred_at":"2026-11-23T10:00:00Z"}}"#
    )
}

/// About line 2, of the hot product, of an order that is at home elsewhere.
fn told(number: usize, kind: &str, cause: &str, more: &str) -> String {
    format!(
        r#"{{"type":"{kind}","version":1,"cause":"{cause}","order_id":"{IDS}{number:012}","line_no":2,"home_product_id":"{ELSEWHERE}","product_id":"{HOT}","quantity":1{more}}}"#
    )
}
