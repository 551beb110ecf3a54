//! What the tables and topics must hold, computed from the raw log with plain maps. Written from the documented rules, one by one,
//! with no thought of speed: every partition by itself, record after record.
//!
//! It must never look at the tables. Reading order: [`event`] and [`parse`] (from bytes), here, `fresh` (what is new), `home` (orders that stand
//! before), `lines` (lines of orders that are at home elsewhere), `rows` (what the tables must show). Read
//! [`super::published`] and [`super::tables`] for what is held against it.

pub mod event;
mod fresh;
mod home;
mod lines;
pub mod parse;
mod partitioner;
mod rows;

use std::collections::BTreeMap;

use event::{Asked, Event, Movement, Order, Told, Wish};
use parse::LARGEST;
use partitioner::java_partition;

use super::dead_letter::dead_letter_row;
use super::published::{Announcement, Said};
use super::rows::{
    self as table, MovementKey, OpenOrders, OrderKey, OrderLine, Reservation, ReservationKey, Rows, Stock,
};
use super::topic::{RawLog, RawRecord};

/// The tables as they must be, and what was counted on the way.
#[derive(Debug, Default)]
pub struct Expected {
    pub orders: Rows<OrderKey, OrderLine>,
    pub stock: Rows<String, Stock>,
    pub movements: Rows<MovementKey, table::Movement>,
    pub reservations: Rows<ReservationKey, Reservation>,
    pub open_orders: OpenOrders,
    /// Keyed by position. The row has the reason only where the auditor decides it by itself.
    pub dead_letters: Rows<String, String>,
    pub positions: Rows<i32, i64>,
    /// By partition, in order: what must stand on the outcomes topic.
    pub outcomes: BTreeMap<i32, Vec<Announcement>>,
    /// By partition, in order: what must stand on the dead-letters topic.
    pub parked: BTreeMap<i32, Vec<String>>,
    /// What each partition tells others, by the record that it follows from.
    pub told: BTreeMap<(i32, i64), Vec<Told>>,
    /// What partitions were told: where it stands on the log, and what it says.
    pub heard: Vec<((i32, i64), Told)>,
    pub duplicate_count: usize,
    /// Records that came too late to change anything.
    pub overruled_count: usize,
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Pending,
    Held,
    Confirmed,
    Rejected,
    /// With the reason.
    Cancelled(&'static str),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum LineStage {
    Pending,
    Reserved,
    Refused(String),
    Released,
}

/// An order at home.
#[derive(Debug, Clone)]
struct Home {
    order: Order,
    offset: i64,
    listed_at: i64,
    stage: Stage,
    lines: Vec<LineStage>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum ReservedStage {
    Reserved,
    Confirmed,
    Released,
    Refused(String),
}

/// A line of an order that is at home elsewhere.
#[derive(Debug, Clone)]
struct Reserved {
    product: String,
    quantity: i64,
    offset: i64,
    stage: ReservedStage,
}

/// Pieces of a product, and the record that changed them last.
#[derive(Debug, Clone, Copy)]
struct Shelf {
    available: i64,
    held: i64,
    offset: i64,
}

/// A record that is parked, with the reason.
type Parked = &'static str;

/// One partition on the way.
struct Partition<'a> {
    number: i32,
    count: i32,
    /// Of the record in hand.
    offset: i64,
    /// What it has given rise to so far.
    index: i64,
    orders: BTreeMap<String, Home>,
    movements: BTreeMap<String, Movement>,
    /// By order, its home, and number of the line.
    reserved: BTreeMap<(String, i32, i64), Reserved>,
    stock: BTreeMap<String, Shelf>,
    expected: &'a mut Expected,
}

impl Expected {
    pub fn of(log: &RawLog) -> Self {
        let mut expected = Self::default();
        let count = i32::try_from(log.partitions.len()).expect("Kafka counts partitions in 31 bits");
        for (number, records) in &log.partitions {
            let mut partition = Partition {
                number: *number,
                count,
                offset: 0,
                index: 0,
                orders: BTreeMap::new(),
                movements: BTreeMap::new(),
                reserved: BTreeMap::new(),
                stock: BTreeMap::new(),
                expected: &mut expected,
            };
            for record in records {
                partition.take(record);
            }
            partition.write_down();
            let next_offset = records.last().map_or(0, |record| record.offset + 1);
            expected.positions.insert(*number, next_offset);
        }
        expected
    }

    /// How many orders stand so, each counted once.
    pub fn count(&self, status: &str) -> usize {
        self.orders.iter().filter(|(key, row)| key.line_no == 1 && row.status == status).count()
    }
}

impl Partition<'_> {
    fn take(&mut self, record: &RawRecord) {
        (self.offset, self.index) = (record.offset, 0);
        let Some(event) = parse::parse(record.value.as_deref()) else { return self.park(record, UNDECIDED) };
        if record.key.as_deref() != Some(event.key().as_bytes()) {
            return self.park(record, "wrong-key");
        }
        if !self.has(event.key()) {
            return self.park(record, "wrong-partition");
        }
        let done = match event {
            Event::Placed(order) => self.place(order, record.time_ms),
            Event::Moved(movement) => self.move_stock(movement),
            Event::Asked(asked) => self.ask(&asked),
            Event::Told(told) => self.hear(told),
        };
        if let Err(reason) = done {
            self.park(record, reason);
        }
    }

    /// Whether the product lives here.
    fn has(&self, product: &str) -> bool {
        self.partition_of(product) == self.number
    }

    fn partition_of(&self, product: &str) -> i32 {
        java_partition(product.as_bytes(), self.count)
    }

    fn ask(&mut self, asked: &Asked) -> Result<(), Parked> {
        let home = self.orders.get(&asked.id).filter(|home| home.order.lines[0].product == asked.product);
        let home = home.cloned().ok_or("unknown-order")?;
        match (asked.wish, home.stage) {
            (Wish::Confirm, Stage::Held) => self.confirm(home),
            (Wish::Cancel, Stage::Pending | Stage::Held | Stage::Confirmed) => {
                if home.stage == Stage::Confirmed {
                    for (_, line) in self.at_home(&home) {
                        self.has_room(&line.product, line.quantity)?;
                    }
                }
                self.end(home, Stage::Cancelled("cancelled"));
            }
            (Wish::Expire, Stage::Held) => {
                if home.order.expires_at().is_none_or(|at| asked.at < at) {
                    return Err("hold-not-over");
                }
                self.end(home, Stage::Cancelled("expired"));
            }
            (Wish::Confirm, Stage::Confirmed)
            | (Wish::Cancel, Stage::Cancelled(_))
            | (Wish::Expire, Stage::Cancelled("expired")) => self.expected.duplicate_count += 1,
            _ => self.expected.overruled_count += 1,
        }
        Ok(())
    }

    fn repeated(&mut self, is_same: bool) -> Result<(), Parked> {
        if !is_same {
            return Err("conflicting-duplicate");
        }
        self.expected.duplicate_count += 1;
        Ok(())
    }

    fn can_take(&self, product: &str, quantity: i64) -> Result<(), String> {
        match self.stock.get(product) {
            None => Err("unknown-product".to_owned()),
            Some(shelf) if shelf.available < quantity => Err("out-of-stock".to_owned()),
            Some(_) => Ok(()),
        }
    }

    /// Pieces of a confirmed order come back to a shelf that may have been filled since.
    fn has_room(&self, product: &str, quantity: i64) -> Result<(), Parked> {
        let shelf = self.stock.get(product).expect("what was taken from it is known");
        if shelf.available + shelf.held + quantity > LARGEST { Err("stock-overflow") } else { Ok(()) }
    }

    fn change(&mut self, product: &str, available: i64, held: i64) {
        let shelf = self.stock.entry(product.to_owned()).or_insert(Shelf { available: 0, held: 0, offset: 0 });
        shelf.available += available;
        shelf.held += held;
        shelf.offset = self.offset;
    }

    fn announce(&mut self, said: Said) {
        let index = self.next_index();
        let event_id = format!("{}-{}-{index}", self.number, self.offset);
        self.expected.outcomes.entry(self.number).or_default().push(Announcement { event_id, said });
    }

    fn next_index(&mut self) -> i64 {
        self.index += 1;
        self.index - 1
    }

    fn park(&mut self, record: &RawRecord, reason: &str) {
        let row = dead_letter_row(reason, record.key.as_deref(), record.value.as_deref());
        let published = format!("{}-{}-0 {row}", self.number, record.offset);
        self.expected.parked.entry(self.number).or_default().push(published);
        self.expected.dead_letters.insert(format!("{}:{}", self.number, record.offset), row);
    }
}

/// Stands for the reasons that the auditor does not decide.
const UNDECIDED: &str = super::dead_letter::UNDECIDED;
