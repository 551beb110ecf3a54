//! What the tables must hold, computed from the raw log with plain maps and `serde_json::Value`. Written from the
//! documented rules, one by one, with no thought of speed.
//!
//! It must never look at the tables, and never make a plausible value of one that cannot be read: a record either has
//! all its parts or is parked. Read [`super::published`] and [`super::tables`] for what is held against it.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

use super::Rows;
use super::topic::{RawLog, RawRecord};

const LARGEST: i64 = 9_007_199_254_740_991;
const MOST_PIECES: i64 = 1_000_000_000;
const LARGEST_EVENT_BYTES: usize = 262_144;

/// The tables as they must be, and what was counted on the way.
#[derive(Debug, Default)]
pub struct Expected {
    pub orders: Rows,
    pub stock: Rows,
    pub movements: Rows,
    /// Keyed by position. The row has the reason only where the auditor decides it by itself.
    pub dead_letters: Rows,
    pub positions: Rows,
    /// By partition, in order: what must stand on the outcomes topic.
    pub outcomes: BTreeMap<i32, Vec<String>>,
    /// By partition, in order: what must stand on the dead-letters topic.
    pub parked: BTreeMap<i32, Vec<String>>,
    pub confirmed_count: usize,
    pub rejected_count: usize,
    pub duplicate_count: usize,
}

/// A record that is well-formed.
struct Entry {
    is_order: bool,
    id: Uuid,
    product: String,
    /// Signed change of the stock.
    change: i64,
    /// Only a receipt may introduce a product.
    is_receipt: bool,
    /// What a retry must repeat, and what the row shows.
    contents: String,
}

impl Entry {
    /// A movement's note is in its row only.
    fn published_contents(&self) -> &str {
        if self.is_order {
            return &self.contents;
        }
        self.contents.split_once(" note=").expect("the contents of a movement end with its note").0
    }
}

/// One partition on the way.
struct Partition<'a> {
    number: i32,
    count: i32,
    /// First contents under an id, orders and movements apart.
    first: BTreeMap<(bool, Uuid), String>,
    stock: BTreeMap<String, (i64, i64)>,
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
                first: BTreeMap::new(),
                stock: BTreeMap::new(),
                expected: &mut expected,
            };
            for record in records {
                partition.take(record);
            }
            let stock = partition.stock;
            for (product, (available, offset)) in stock {
                expected.stock.insert(product, format!("available={available} at={number}:{offset}"));
            }
            let next_offset = records.last().map_or(0, |record| record.offset + 1);
            expected.positions.insert(number.to_string(), next_offset.to_string());
        }
        expected
    }
}

impl Partition<'_> {
    fn take(&mut self, record: &RawRecord) {
        let Some(entry) = parse(record.value.as_deref()) else { return self.park(record, UNDECIDED) };
        if record.key.as_deref() != Some(entry.product.as_bytes()) {
            return self.park(record, "wrong-key");
        }
        if java_partition(entry.product.as_bytes(), self.count) != self.number {
            return self.park(record, "wrong-partition");
        }
        match self.first.get(&(entry.is_order, entry.id)) {
            Some(contents) if *contents == entry.contents => {
                self.expected.duplicate_count += 1;
                return;
            }
            Some(_) => return self.park(record, "conflicting-duplicate"),
            None => {}
        }
        let before = self.stock.get(&entry.product).map(|(available, _)| *available);
        let verdict = match before.or(entry.is_receipt.then_some(0)) {
            None => Err("unknown-product"),
            Some(available) if available + entry.change < 0 && entry.is_order => Err("out-of-stock"),
            Some(available) if available + entry.change < 0 => Err("below-zero"),
            Some(available) if available + entry.change > LARGEST => return self.park(record, "stock-overflow"),
            Some(available) => Ok(available + entry.change),
        };
        if let Ok(left) = verdict {
            self.stock.insert(entry.product.clone(), (left, record.offset));
        }
        self.announce(record, &entry, verdict);
        self.write_down(record, entry, verdict);
    }

    /// What must be published: every member but a movement's note.
    fn announce(&mut self, record: &RawRecord, entry: &Entry, verdict: Result<i64, &str>) {
        let kind = match (entry.is_order, verdict) {
            (true, Ok(_)) => "OrderConfirmed",
            (true, Err(_)) => "OrderRejected",
            (false, Ok(_)) => "StockChanged",
            (false, Err(_)) => "AdjustmentRejected",
        };
        let rest = match verdict {
            Ok(left) => format!("available={left}"),
            Err(reason) => format!("reason={reason}"),
        };
        let (id, contents) = (entry.id, entry.published_contents());
        let event_id = format!("{}-{}-0", self.number, record.offset);
        self.expected
            .outcomes
            .entry(self.number)
            .or_default()
            .push(format!("{event_id} {kind} {id} {contents} {rest}"));
    }

    /// The row that must stand in `orders` or `stock_movements`.
    fn write_down(&mut self, record: &RawRecord, entry: Entry, verdict: Result<i64, &str>) {
        self.first.insert((entry.is_order, entry.id), entry.contents.clone());
        let verdict_text = verdict.map_or_else(|reason| format!("rejected {reason}"), |_| "confirmed".to_owned());
        let row = format!("{} {verdict_text} at={}:{}", entry.contents, self.number, record.offset);
        let rows = if entry.is_order {
            match verdict {
                Ok(_) => self.expected.confirmed_count += 1,
                Err(_) => self.expected.rejected_count += 1,
            }
            &mut self.expected.orders
        } else {
            &mut self.expected.movements
        };
        rows.insert(format!("{} {}", entry.id, self.number), row);
    }

    fn park(&mut self, record: &RawRecord, reason: &str) {
        let row = dead_letter_row(reason, record.key.as_deref(), record.value.as_deref());
        let published = format!("{}-{}-0 {row}", self.number, record.offset);
        self.expected.parked.entry(self.number).or_default().push(published);
        self.expected.dead_letters.insert(format!("{}:{}", self.number, record.offset), row);
    }
}

/// The reasons that the auditor decides by itself; the others it leaves open.
pub const DECIDED_REASONS: [&str; 4] = ["wrong-key", "wrong-partition", "conflicting-duplicate", "stock-overflow"];

/// Stands for the reasons that the auditor does not decide.
const UNDECIDED: &str = "undecodable-or-invalid";

/// Long values stand in the row by length and checksum.
pub fn dead_letter_row(reason: &str, key: Option<&[u8]>, value: Option<&[u8]>) -> String {
    let is_word = !reason.is_empty() && reason.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let reason = match reason {
        reason if DECIDED_REASONS.contains(&reason) => reason,
        _ if is_word => UNDECIDED,
        _ => "NO REASON",
    };
    let show = |bytes: Option<&[u8]>| match bytes {
        None => "none".to_owned(),
        Some(bytes) => {
            let sum = bytes.iter().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
            format!("{} bytes with sum {sum:016x}", bytes.len())
        }
    };
    format!("{reason} key={} value={}", show(key), show(value))
}

fn is_id(text: &str) -> bool {
    let good = |c: char| !c.is_control() && !c.is_whitespace() && c != '\u{200b}' && c != '\u{feff}';
    (1..=64).contains(&text.chars().count()) && text.chars().all(good)
}

/// `None`: it must be parked.
fn parse(value: Option<&[u8]>) -> Option<Entry> {
    let bytes = value.filter(|bytes| bytes.len() <= LARGEST_EVENT_BYTES)?;
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let version = value["version"].as_u64()?;
    let newest = if value["type"] == "OrderPlaced" { 2 } else { 1 };
    if !(1..=newest).contains(&version) {
        return None;
    }
    let text = |name: &str| value[name].as_str();
    let integer = |name: &str, most: i64| value[name].as_i64().filter(|n| (1..=most).contains(n));
    let uuid = |name: &str| text(name).filter(|id| id.len() == 36).and_then(|id| Uuid::try_parse(id).ok());
    let product = text("product_id").filter(|id| is_id(id))?.to_owned();
    match text("type")? {
        "OrderPlaced" => {
            let (quantity, price) = (integer("quantity", MOST_PIECES)?, integer("unit_price", LARGEST)?);
            let total = quantity.checked_mul(price).filter(|total| *total <= LARGEST)?;
            let user = text("user_id").filter(|id| is_id(id))?;
            text("placed_at")?;
            if version == 2 && !value["channel"].is_null() {
                text("channel").filter(|channel| is_id(channel))?;
            }
            if value["total_price"].as_i64()? != total {
                return None;
            }
            let id = uuid("order_id")?;
            let contents = format!("user={user} product={product} {quantity}x{price}={total}");
            Some(Entry { is_order: true, id, contents, product, change: -quantity, is_receipt: false })
        }
        "StockReceived" => {
            let quantity = integer("quantity", MOST_PIECES)?;
            let (id, contents) = (uuid("movement_id")?, format!("receipt product={product} delta={quantity} note="));
            Some(Entry { is_order: false, id, product, change: quantity, is_receipt: true, contents })
        }
        "StockAdjusted" => {
            let delta = value["delta"].as_i64().filter(|n| *n != 0 && n.abs() <= MOST_PIECES)?;
            let note = text("reason").filter(|note| !note.is_empty())?;
            let (id, contents) =
                (uuid("movement_id")?, format!("adjustment product={product} delta={delta} note={note}"));
            Some(Entry { is_order: false, id, product, change: delta, is_receipt: false, contents })
        }
        _ => None,
    }
    .filter(|entry| !entry.id.is_nil())
}

/// Where Java's default partitioner puts a key, after the description of MurmurHash2 with Kafka's seed.
fn java_partition(key: &[u8], count: i32) -> i32 {
    const MIX: i32 = 0x5bd1_e995;
    let size = i32::try_from(key.len()).expect("an event has at most 262,144 bytes, its product id fewer");
    let mut hash = 0x9747_b28c_u32.cast_signed() ^ size;
    let whole = key.len() / 4 * 4;
    for at in (0..whole).step_by(4) {
        let word = i32::from_le_bytes([key[at], key[at + 1], key[at + 2], key[at + 3]]).wrapping_mul(MIX);
        let word = (word ^ (word.cast_unsigned() >> 24).cast_signed()).wrapping_mul(MIX);
        hash = hash.wrapping_mul(MIX) ^ word;
    }
    let tail = &key[whole..];
    if !tail.is_empty() {
        let mut last = [0; 4];
        last[..tail.len()].copy_from_slice(tail);
        hash = (hash ^ i32::from_le_bytes(last)).wrapping_mul(MIX);
    }
    hash = (hash ^ (hash.cast_unsigned() >> 13).cast_signed()).wrapping_mul(MIX);
    hash ^= (hash.cast_unsigned() >> 15).cast_signed();
    (hash & i32::MAX) % count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(values: &[(&str, &str)]) -> RawLog {
        let records = (0..).zip(values).map(|(offset, (key, value))| RawRecord {
            offset,
            time_ms: None,
            key: Some(key.as_bytes().to_vec()),
            value: Some(value.as_bytes().to_vec()),
            headers: Vec::new(),
        });
        RawLog { partitions: BTreeMap::from([(0, records.collect())]) }
    }

    #[test]
    fn the_auditor_knows_the_chocolate() {
        let receipt = r#"{"type":"StockReceived","version":1,"movement_id":"00000000-0000-4000-8000-000000000001","product_id":"chocolate","quantity":10,"occurred_at":"2026-11-23T10:00:00Z"}"#;
        let order = |id: u32, quantity: i64| {
            format!(
                r#"{{"type":"OrderPlaced","version":1,"order_id":"00000000-0000-4000-8000-{id:012}","user_id":"u","product_id":"chocolate","quantity":{quantity},"unit_price":2,"total_price":{},"placed_at":"2026-11-23T10:00:00Z"}}"#,
                quantity * 2
            )
        };
        let (three, eight, other) = (order(2, 3), order(3, 8), order(2, 4));
        let expected = Expected::of(&log(&[
            ("chocolate", receipt),
            ("chocolate", &three),
            ("chocolate", &eight),
            ("chocolate", &three),
            ("chocolate", &other),
            ("tea", &eight),
            ("chocolate", "{}"),
        ]));
        assert_eq!(expected.stock["chocolate"], "available=7 at=0:1");
        assert_eq!((expected.confirmed_count, expected.rejected_count, expected.duplicate_count), (1, 1, 1));
        let parked: Vec<&str> = expected.dead_letters.keys().map(String::as_str).collect();
        assert_eq!(parked, ["0:4", "0:5", "0:6"]);
        assert_eq!(expected.positions["0"], "7");
    }

    /// The same published vectors that everybody uses (Kafka's `UtilsTest`).
    #[test]
    fn partitions_are_where_java_puts_them() {
        for (key, hash) in [("21", -973_932_308_i32), ("foobar", -790_332_482), ("abc", 479_470_107)] {
            assert_eq!(java_partition(key.as_bytes(), 1_000_003), (hash & i32::MAX) % 1_000_003, "{key}");
        }
    }
}
