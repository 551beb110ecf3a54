//! The log of one schedule: records that the schedule chooses, in partitions of which a part is there from the start and the
//! rest is appended while it runs, among what the relays append. It must never forget a record.

use std::collections::{BTreeMap, VecDeque};

use ledger_kafka::record::{Epoch, OwnedRecord};
use ledger_schema::partitioner::partition_of;

use crate::ask::{Ask, HOLD_SECONDS, Lines, MOST_LINES, PRODUCTS, Told, bytes};
use crate::choice::Choices;
use crate::settings::{MOST_PARTITIONS, MOST_RECORDS, Shape};

pub const TOPIC: &str = "orders";

#[derive(Debug, Clone)]
pub struct LogRecord {
    pub offset: i64,
    pub ask: Ask,
    key: String,
    value: String,
}

/// What a client will append, and whether a transaction's mark takes an offset before it.
#[derive(Debug, Clone, Copy)]
struct Planned {
    ask: Ask,
    mark: bool,
}

#[derive(Debug, Default)]
pub struct PartitionLog {
    records: Vec<LogRecord>,
    planned: VecDeque<Planned>,
    end: i64,
}

/// The log.
#[derive(Debug)]
pub struct Log {
    pub partitions: Vec<PartitionLog>,
    /// Names of the products, by their number: those of each partition stand together.
    pub products: Vec<String>,
}

/// Names of products that lie in `partition`.
fn products(partition: i32, count: i32) -> Vec<String> {
    let names = (0..200).map(|number| format!("product-{number}"));
    names.filter(|name| partition_of(name.as_bytes(), count) == partition).take(PRODUCTS).collect()
}

impl Log {
    pub(crate) fn choose(choices: &mut Choices, shape: &Shape) -> Self {
        let partition_count = usize::try_from(shape.partitions).unwrap_or(1);
        let names = (0..shape.partitions).flat_map(|partition| products(partition, shape.partitions)).collect();
        let mut log = Self { partitions: Vec::new(), products: names };
        for partition in 0..usize::try_from(MOST_PARTITIONS).unwrap_or(1) {
            let mut planned: VecDeque<Planned> = VecDeque::new();
            // Always as many: a schedule with fewer records takes the same choices after these.
            for number in 0..MOST_RECORDS {
                let id = u32::try_from(number).unwrap_or(u32::MAX);
                let ask = choose_ask(choices, id, partition, partition_count, &planned);
                planned.push_back(Planned { ask, mark: choices.happens(100) });
            }
            planned.truncate(shape.records);
            if partition < partition_count {
                log.partitions.push(PartitionLog { planned, ..PartitionLog::default() });
            }
        }
        for _ in 0..shape.first_records {
            log.append();
        }
        log
    }

    pub fn of(&self, partition: i32) -> Option<&PartitionLog> {
        usize::try_from(partition).ok().and_then(|partition| self.partitions.get(partition))
    }

    /// The records of `partition` from `from` on, before `to`.
    pub fn between(&self, partition: i32, from: i64, to: i64) -> Vec<LogRecord> {
        let within = |record: &&LogRecord| (from..to).contains(&record.offset);
        self.of(partition).map_or_else(Vec::new, |log| log.records.iter().filter(within).cloned().collect())
    }

    /// The log's end: one past its last record.
    pub fn end(&self, partition: i32) -> i64 {
        self.of(partition).map_or(0, |log| log.end)
    }

    /// Appends the next planned record of each partition; whether there was one.
    pub fn append(&mut self) -> bool {
        let mut appended = false;
        for at in 0..self.partitions.len() {
            let Some(Planned { ask, mark }) = self.partitions[at].planned.pop_front() else { continue };
            self.partitions[at].end += i64::from(mark);
            self.push(at, ask);
            appended = true;
        }
        appended
    }

    /// Appends what somebody else than a client says; false where it says nothing that is known.
    pub fn append_to(&mut self, partition: i32, ask: Ask) -> bool {
        let at = usize::try_from(partition).unwrap_or(usize::MAX);
        if at >= self.partitions.len() {
            return false;
        }
        self.push(at, ask);
        true
    }

    fn push(&mut self, at: usize, ask: Ask) {
        let (key, value) = bytes(ask, at, &self.products);
        let log = &mut self.partitions[at];
        log.records.push(LogRecord { offset: log.end, ask, key, value });
        log.end += 1;
    }

    pub fn ends(&self) -> BTreeMap<i32, i64> {
        (0..).take(self.partitions.len()).map(|partition| (partition, self.end(partition))).collect()
    }

    /// Whether that stands in the partition that it goes to.
    pub fn holds(&self, told: &Told) -> bool {
        let partition = self.partitions.get(told.addressee() / PRODUCTS);
        partition.is_some_and(|log| log.records.iter().any(|record| record.ask == Ask::Told(*told)))
    }
}

impl PartitionLog {
    pub fn records(&self) -> &[LogRecord] {
        &self.records
    }
}

/// Mostly something new; sometimes what was there before, or nearly, or about it.
fn choose_ask(
    choices: &mut Choices,
    id: u32,
    partition: usize,
    partition_count: usize,
    earlier: &VecDeque<Planned>,
) -> Ask {
    // A schedule of one partition takes the same choices as one of two.
    let partition = partition.min(partition_count - 1);
    let product = partition * PRODUCTS + choices.below(PRODUCTS);
    let amount = 1 + i64::try_from(choices.below(3)).unwrap_or(0);
    let (kind, other, earlier_one) = (choices.below(18), choices.happens(400), choices.below(MOST_RECORDS));
    let more =
        [choices.below(2 * PRODUCTS), choices.below(2 * PRODUCTS)].map(|more| more % (partition_count * PRODUCTS));
    let count = 1 + choices.below(MOST_LINES);
    let earlier_one = earlier.get(earlier_one).map(|planned| planned.ask);
    let order_before = match earlier_one {
        Some(Ask::Order { id, product, .. }) => (id, product),
        Some(Ask::Basket { id, lines, .. }) => (id, lines[0].map_or(product, |(home, _)| home)),
        // None that stands before: parked, or of an order that comes later.
        _ => (id, product),
    };
    let (about, home) = order_before;
    match kind {
        0..=2 => Ask::Receipt { id, product, quantity: amount + 1 },
        3..=5 => Ask::Order { id, product, quantity: amount },
        6..=9 => {
            let mut lines: Lines = [None; MOST_LINES];
            lines[0] = Some((product, amount));
            for (at, next) in (1..count).zip(more) {
                if lines.iter().flatten().all(|(known, _)| *known != next) {
                    let free = lines.iter().position(Option::is_none).unwrap_or(at);
                    lines[free] = Some((next, 1 + amount % 2));
                }
            }
            Ask::Basket { id, lines, hold: other }
        }
        10 => Ask::Adjustment { id, product, delta: if other { -amount } else { amount } },
        11 => Ask::Garbage,
        12 => Ask::WrongKey { id, product },
        13 => Ask::Confirm { id: about, home },
        14 => Ask::Cancel { id: about, home },
        15 => Ask::Expire { id: about, home, after: if other { HOLD_SECONDS - 1 } else { HOLD_SECONDS } },
        _ => match earlier_one {
            Some(Ask::Order { id, product, quantity }) if other => Ask::Order { id, product, quantity: quantity + 1 },
            Some(Ask::Basket { id, lines, hold }) if other => Ask::Basket { id, lines, hold: !hold },
            Some(ask) => ask,
            None => Ask::Order { id, product, quantity: amount },
        },
    }
}

impl LogRecord {
    pub fn owned(&self, partition: i32, epoch: Epoch) -> OwnedRecord {
        let (key, value) = (Some(self.key.as_bytes()), Some(self.value.as_bytes()));
        OwnedRecord::from_parts(partition, self.offset, epoch, key, value, &[])
    }
}
