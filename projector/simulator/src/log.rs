//! The log of one schedule: records that the schedule chooses, in partitions of which a part is there from the start and the
//! rest is appended while it runs. What a record asks for is kept beside its bytes, for the oracle. It must never look into
//! the bytes again.

use std::collections::BTreeMap;

use ledger_kafka::record::{Epoch, OwnedRecord};
use ledger_schema::partitioner::partition_of;

use crate::choice::Choices;
use crate::settings::{MOST_PARTITIONS, MOST_RECORDS, Shape};

pub const TOPIC: &str = "orders";

/// What a record asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    Receipt {
        id: u32,
        product: usize,
        quantity: i64,
    },
    Adjustment {
        id: u32,
        product: usize,
        delta: i64,
    },
    Order {
        id: u32,
        product: usize,
        quantity: i64,
    },
    /// Bytes that are no event.
    Garbage,
    /// An order under the key of another product.
    WrongKey {
        id: u32,
        product: usize,
    },
}

#[derive(Debug, Clone)]
pub struct LogRecord {
    pub offset: i64,
    pub ask: Ask,
    key: String,
    value: String,
}

#[derive(Debug, Default)]
pub struct PartitionLog {
    /// Names of the products, by their number.
    pub products: Vec<String>,
    pub records: Vec<LogRecord>,
    /// How many of them were appended.
    pub appended: usize,
}

/// The log.
#[derive(Debug)]
pub struct Log {
    pub partitions: Vec<PartitionLog>,
}

/// Products of one partition; few, so that orders meet.
pub const PRODUCTS: usize = 2;

/// Names of products that lie in `partition`.
fn products(partition: i32, count: i32) -> Vec<String> {
    let names = (0..200).map(|number| format!("product-{number}"));
    names.filter(|name| partition_of(name.as_bytes(), count) == partition).take(PRODUCTS).collect()
}

/// The id that records carry for `number`.
pub fn id_text(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

impl Log {
    pub(crate) fn choose(choices: &mut Choices, shape: &Shape) -> Self {
        let partitions = (0..MOST_PARTITIONS).map(|partition| {
            let products = products(partition.min(shape.partitions - 1), shape.partitions);
            let mut offset = 0;
            let mut records: Vec<LogRecord> = Vec::new();
            // Always as many: a schedule with fewer records takes the same choices after these.
            for number in 0..MOST_RECORDS {
                let id = u32::try_from(number).unwrap_or(u32::MAX);
                let ask = choose_ask(choices, id, &records);
                // A transaction's mark takes an offset.
                offset += i64::from(choices.happens(100));
                records.push(LogRecord::new(offset, ask, &products));
                offset += 1;
            }
            records.truncate(shape.records);
            PartitionLog { products, records, appended: shape.first_records }
        });
        let mut partitions: Vec<_> = partitions.collect();
        partitions.truncate(usize::try_from(shape.partitions).unwrap_or(1));
        Self { partitions }
    }

    pub fn of(&self, partition: i32) -> Option<&PartitionLog> {
        usize::try_from(partition).ok().and_then(|partition| self.partitions.get(partition))
    }

    /// The records of `partition` from `from` on, before `to`.
    pub fn between(&self, partition: i32, from: i64, to: i64) -> Vec<LogRecord> {
        let within = |record: &&LogRecord| (from..to).contains(&record.offset);
        self.of(partition).map_or_else(Vec::new, |log| log.appended().iter().filter(within).cloned().collect())
    }

    /// The log's end: one past its last record.
    pub fn end(&self, partition: i32) -> i64 {
        self.of(partition).and_then(|log| log.appended().last()).map_or(0, |record| record.offset + 1)
    }

    /// Appends the next record of each partition; whether there was one.
    pub fn append(&mut self) -> bool {
        let mut appended = false;
        for log in &mut self.partitions {
            if log.appended < log.records.len() {
                log.appended += 1;
                appended = true;
            }
        }
        appended
    }

    pub fn ends(&self) -> BTreeMap<i32, i64> {
        (0..).take(self.partitions.len()).map(|partition| (partition, self.end(partition))).collect()
    }
}

impl PartitionLog {
    pub fn appended(&self) -> &[LogRecord] {
        self.records.get(..self.appended).unwrap_or_default()
    }
}

/// Mostly something new; sometimes what was there before, or nearly.
fn choose_ask(choices: &mut Choices, id: u32, earlier: &[LogRecord]) -> Ask {
    let product = choices.below(PRODUCTS);
    let amount = 1 + i64::try_from(choices.below(3)).unwrap_or(0);
    let (kind, other, earlier_one) = (choices.below(12), choices.happens(400), choices.below(MOST_RECORDS));
    match kind {
        0..=2 => Ask::Receipt { id, product, quantity: amount },
        3..=7 => Ask::Order { id, product, quantity: amount },
        8 => Ask::Adjustment { id, product, delta: if other { -amount } else { amount } },
        9 => Ask::Garbage,
        10 => Ask::WrongKey { id, product },
        _ => match earlier.get(earlier_one).map(|record| record.ask) {
            Some(Ask::Order { id, product, quantity }) if other => Ask::Order { id, product, quantity: quantity + 1 },
            Some(ask) => ask,
            None => Ask::Order { id, product, quantity: amount },
        },
    }
}

impl LogRecord {
    fn new(offset: i64, ask: Ask, products: &[String]) -> Self {
        let name = |product: usize| products.get(product).map_or("product", String::as_str);
        let at = "2026-01-01T00:00:00Z";
        let order = |id: u32, product: &str, quantity: i64| {
            let (id, total) = (id_text(id), quantity * 7);
            format!(
                r#"{{"type":"OrderPlaced","version":1,"order_id":"{id}","user_id":"u","product_id":"{product}","quantity":{quantity},"unit_price":7,"total_price":{total},"placed_at":"{at}"}}"#
            )
        };
        let (key, value) = match ask {
            Ask::Receipt { id, product, quantity } => {
                let (id, product) = (id_text(id), name(product));
                let value = format!(
                    r#"{{"type":"StockReceived","version":1,"movement_id":"{id}","product_id":"{product}","quantity":{quantity},"occurred_at":"{at}"}}"#
                );
                (product, value)
            }
            Ask::Adjustment { id, product, delta } => {
                let (id, product) = (id_text(id), name(product));
                let value = format!(
                    r#"{{"type":"StockAdjusted","version":1,"movement_id":"{id}","product_id":"{product}","delta":{delta},"reason":"count","occurred_at":"{at}"}}"#
                );
                (product, value)
            }
            Ask::Order { id, product, quantity } => (name(product), order(id, name(product), quantity)),
            Ask::Garbage => (name(0), "{".to_owned()),
            Ask::WrongKey { id, product } => ("another", order(id, name(product), 1)),
        };
        Self { offset, ask, key: key.to_owned(), value }
    }

    pub fn owned(&self, partition: i32, epoch: Epoch) -> OwnedRecord {
        let (key, value) = (Some(self.key.as_bytes()), Some(self.value.as_bytes()));
        OwnedRecord::from_parts(partition, self.offset, epoch, key, value, &[])
    }
}
