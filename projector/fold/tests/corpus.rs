//! The golden corpus: bytes of the log -> rows, outcomes and dead letters, byte for byte (`corpus/log.txt`, whose header
//! says how it is written and extended). A difference here is a new fold version, or a mistake.
//!
//! It must never write the corpus itself: a change of the rules is written down by its author, line by line.

#![expect(clippy::unwrap_used, reason = "a corpus that cannot be read is a failed test")]

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use ledger_fold::{
    BatchEffects, BatchFold, FOLD_VERSION, Level, OrderRow, Partition, PartitionState, Prior, Record, ReservationRow,
};
use ledger_schema::wire::{Event, encode};
use ledger_schema::{AdjustmentNote, ProductId, Terms};

const CORPUS: &str = include_str!("corpus/log.txt");

/// What is published under a version is held by a digest of its first expectations, in the order of the file: an edited
/// line shows here, an added one does not.
const SEALED: &[Seal] = &[
    Seal { fold_version: 2, expectations: 359, digest: 0x43cf_96eb_d28f_3a6f },
    Seal { fold_version: 3, expectations: 5, digest: 0x2282_b789_658e_33c5 },
    Seal { fold_version: 4, expectations: 96, digest: 0xb6e2_ce30_db74_865a },
];

struct Seal {
    fold_version: u32,
    expectations: usize,
    digest: u64,
}

/// Records of one partition, from offset 0.
struct Log<'a> {
    name: &'a str,
    partition: Partition,
    stock: Vec<(ProductId, Level)>,
    records: Vec<Entry<'a>>,
}

struct Entry<'a> {
    line: &'a str,
    /// Kafka's, where the corpus says one.
    time_ms: Option<i64>,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    /// By fold version, ascending.
    expected: Vec<(u32, &'a str)>,
}

impl Entry<'_> {
    fn record(&self, offset: i64) -> Record<'_> {
        Record { offset, time_ms: self.time_ms, key: self.key.as_deref(), value: self.value.as_deref() }
    }
}

/// `-` is none, `%NN` a byte, everything else stands for itself.
fn bytes(text: &str) -> Option<Vec<u8>> {
    if text == "-" {
        return None;
    }
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte == b'%' {
            let (digits, after) = after.split_at(2);
            out.push(u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap());
            rest = after;
        } else {
            out.push(*byte);
        }
    }
    Some(out)
}

fn corpus() -> Vec<Log<'static>> {
    let mut logs: Vec<Log<'_>> = Vec::new();
    for line in CORPUS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "log" => {
                let (name, place) = rest.split_once(" @ ").unwrap_or((rest, "0/1"));
                let (number, count) = place.split_once('/').unwrap();
                let partition = Partition { number: number.parse().unwrap(), count: count.parse().unwrap() };
                logs.push(Log { name, partition, stock: Vec::new(), records: Vec::new() });
            }
            "stock" => {
                let (product, available) = rest.split_once(' ').unwrap();
                let level = Level { available: available.parse().unwrap(), held: 0 };
                logs.last_mut().unwrap().stock.push((ProductId::parse(product).unwrap(), level));
            }
            ">" => {
                let (key, value) = rest.split_once(' ').unwrap_or((rest, ""));
                let entry = Entry { line, time_ms: None, key: bytes(key), value: bytes(value), expected: Vec::new() };
                logs.last_mut().unwrap().records.push(entry);
            }
            "at" => logs.last_mut().unwrap().records.last_mut().unwrap().time_ms = Some(rest.parse().unwrap()),
            "pad" => {
                let entry = logs.last_mut().unwrap().records.last_mut().unwrap();
                entry.value.as_mut().unwrap().extend(vec![b' '; rest.parse().unwrap()]);
            }
            version => {
                let entry = logs.last_mut().unwrap().records.last_mut().unwrap();
                entry.expected.push((version.parse().unwrap(), rest));
            }
        }
    }
    logs
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Everything that one record did, as its rows and its outcome have it, in one line.
fn show(effects: &BatchEffects) -> String {
    let mut parts = Vec::new();
    for row in &effects.orders {
        show_order(&mut parts, row);
    }
    for row in &effects.changed_orders {
        parts.push("changed".to_owned());
        show_order(&mut parts, row);
    }
    for (word, rows) in [("reservation", &effects.reservations), ("changed reservation", &effects.changed_reservations)]
    {
        parts.extend(rows.iter().map(|row| format!("{word} {}", shown_reservation(row))));
    }
    for (word, rows) in [("closed", &effects.open_orders.removed), ("opened", &effects.open_orders.added)] {
        parts.extend(
            rows.iter().map(|open| format!("{word} {} {} due {}", open.order_id, open.status, time(open.due_at))),
        );
    }
    for row in &effects.movements {
        let movement = &row.movement;
        parts.push(format!(
            "movement {} {} {} {} {} {} {} {}",
            movement.movement_id(),
            movement.product_id(),
            movement.kind_word(),
            movement.delta().get(),
            row.decision.status(),
            row.decision.reason().map_or("-", |reason| reason.as_str()),
            time(movement.occurred_at()),
            movement.note().map_or("-", AdjustmentNote::as_str),
        ));
    }
    parts.extend(effects.stock.iter().map(|row| {
        let held = if row.level.held == 0 { String::new() } else { format!(" held {}", row.level.held) };
        format!("stock {} {}{held} at {}", row.product_id, row.level.available, row.offset)
    }));
    parts.extend(effects.parked.iter().map(|parked| format!("parked {}: {}", parked.reason, parked.detail)));
    for entry in &effects.outcomes {
        parts.push(format!("outcome {}", String::from_utf8(entry.outcome.encode()).unwrap()));
    }
    for entry in &effects.told {
        let value = String::from_utf8(encode(&Event::LineTold(entry.event.clone()))).unwrap();
        parts.push(format!("tells {} {value}", entry.partition));
    }
    if effects.duplicate_count > 0 {
        parts.push("duplicate".to_owned());
    }
    if effects.overruled_count > 0 {
        parts.push("overruled".to_owned());
    }
    parts.join(" | ")
}

/// An order of one line that is not held is one row, as it ever was; of the others each line has one.
fn show_order(parts: &mut Vec<String>, row: &OrderRow) {
    let order = &row.order;
    let is_plain = order.line_count() == 1 && order.terms() == Terms::default();
    for (line_no, line) in order.lines() {
        let number = if is_plain { String::new() } else { format!("/{line_no}") };
        let reason = row.state.reason_of(line_no);
        let mut text = format!(
            "order {}{number} {} {} {} {} {} {} {} {}",
            order.order_id(),
            order.user_id(),
            line.product_id(),
            line.quantity().get(),
            line.unit_price().get(),
            line.total_price().get(),
            row.state.status(),
            reason.map_or("-", |reason| reason.as_str()),
            time(order.placed_at()),
        );
        if !is_plain {
            let currency = order.terms().currency.map_or("-".to_owned(), |currency| currency.to_string());
            let expires = order.expires_at().map_or("-".to_owned(), time);
            write!(text, " line {} {currency} expires {expires}", row.state.line(line_no).status()).unwrap();
        }
        parts.push(text);
    }
    if row.listed_at != order.placed_at() {
        parts.push(format!("listed {}", time(row.listed_at)));
    }
}

fn shown_reservation(row: &ReservationRow) -> String {
    let key = row.key;
    let confirmed = if row.state.is_confirmed() { " confirmed" } else { "" };
    format!(
        "{}/{} of {} {} {} {}{confirmed} {} at {}",
        key.order_id,
        key.line_no,
        key.home_partition,
        row.product_id,
        row.quantity.get(),
        row.state.status(),
        row.state.reason().map_or("-", |reason| reason.as_str()),
        row.offset
    )
}

/// Each record as a batch of its own, over what was stored before it: one line each.
fn folded(log: &Log<'_>) -> Vec<String> {
    let mut state = PartitionState::from_stock(log.stock.iter().cloned());
    let mut prior = Prior::default();
    let mut lines = Vec::new();
    for (offset, entry) in (0..).zip(&log.records) {
        let fold = |prior: &Prior| {
            let mut batch = BatchFold::new(log.partition, &state, prior, offset);
            batch.fold(&entry.record(offset));
            batch.finish()
        };
        let mut effects = fold(&prior);
        if !effects.wanted.is_empty() {
            // Everything that is stored is in there: what is wanted still is nowhere.
            prior.orders.extend(effects.wanted.orders.iter().map(|id| (*id, None)));
            prior.reservations.extend(effects.wanted.reservations.iter().map(|key| (*key, None)));
            effects = fold(&prior);
        }
        assert_eq!(effects.next_offset, offset + 1, "INV-8");
        state.apply(&effects);
        let orders = effects.orders.iter().chain(&effects.changed_orders);
        prior.orders.extend(orders.map(|row| (row.order.order_id(), Some(row.clone()))));
        prior.movements.extend(effects.movements.iter().map(|row| (row.movement.movement_id(), row.movement.clone())));
        let reservations = effects.reservations.iter().chain(&effects.changed_reservations);
        prior.reservations.extend(reservations.map(|row| (row.key, Some(row.clone()))));
        lines.push(show(&effects));
    }
    lines
}

#[test]
fn inv_4_the_same_log_gives_the_same_bytes() {
    let mut differing = String::new();
    for log in &corpus() {
        for (entry, found) in log.records.iter().zip(folded(log)) {
            let expected = entry.expected.iter().rev().find(|(version, _)| *version <= FOLD_VERSION);
            if expected.is_none_or(|(_, expected)| *expected != found) {
                writeln!(differing, "log {}\n{}\n{FOLD_VERSION} {found}", log.name, entry.line).unwrap();
            }
        }
    }
    assert!(
        differing.is_empty(),
        "the fold is another than the corpus has; if it is meant to be, see its header:\n{differing}"
    );
}

#[test]
fn the_corpus_is_of_this_fold_version() {
    let logs = corpus();
    let versions = logs.iter().flat_map(|log| &log.records).flat_map(|entry| &entry.expected);
    let newest = versions.map(|(version, _)| *version).max();
    assert_eq!(newest, Some(FOLD_VERSION), "a new fold version shows in the corpus what it changes");
    let sealed = SEALED.iter().map(|seal| seal.fold_version).max();
    assert_eq!(sealed, Some(FOLD_VERSION), "and is sealed");
}

/// What an expectation says, however it is written: with its record, and what that is folded over.
fn meant(log: &Log<'_>, entry: &Entry<'_>, expected: &str) -> String {
    let mut text = format!("{} {}/{}\n", log.name, log.partition.number, log.partition.count);
    for (product, Level { available, .. }) in &log.stock {
        writeln!(text, "{product} {available}").unwrap();
    }
    for bytes in [&entry.key, &entry.value] {
        match bytes {
            None => text.push('-'),
            Some(bytes) => bytes.iter().for_each(|byte| write!(text, "{byte:02x}").unwrap()),
        }
        text.push('\n');
    }
    if let Some(time_ms) = entry.time_ms {
        writeln!(text, "at {time_ms}").unwrap();
    }
    writeln!(text, "{expected}").unwrap();
    text
}

/// FNV-1a, 64 bits.
fn digest(texts: impl Iterator<Item = String>) -> u64 {
    texts
        .flat_map(String::into_bytes)
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn no_line_of_the_corpus_was_edited() {
    let logs = corpus();
    for Seal { fold_version, expectations, digest: sealed } in SEALED {
        let lines: Vec<String> = logs
            .iter()
            .flat_map(|log| log.records.iter().map(move |entry| (log, entry)))
            .flat_map(|(log, entry)| entry.expected.iter().map(move |expected| (log, entry, expected)))
            .filter(|(_, _, (version, _))| version == fold_version)
            .map(|(log, entry, (_, expected))| meant(log, entry, expected))
            .collect();
        assert!(lines.len() >= *expectations, "lines of version {fold_version} are missing");
        let found = digest(lines.into_iter().take(*expectations));
        assert_eq!(found, *sealed, "a line of version {fold_version} was edited, found {found:#018x}");
    }
}

/// One batch over all of a log decides as one batch per record does: the corpus holds for every cut.
#[test]
fn the_corpus_does_not_depend_on_how_a_log_is_cut() {
    for log in &corpus() {
        let state = PartitionState::from_stock(log.stock.iter().cloned());
        let mut prior = Prior::default();
        let effects = loop {
            let mut batch = BatchFold::new(log.partition, &state, &prior, 0);
            for (offset, entry) in (0..).zip(&log.records) {
                batch.fold(&entry.record(offset));
            }
            let effects = batch.finish();
            if effects.wanted.is_empty() {
                break effects;
            }
            // Nothing is stored before the log's beginning.
            prior.orders.extend(effects.wanted.orders.iter().map(|id| (*id, None)));
            prior.reservations.extend(effects.wanted.reservations.iter().map(|key| (*key, None)));
        };
        let single = folded(log).join(" | ");
        for entry in &effects.outcomes {
            assert!(single.contains(&String::from_utf8(entry.outcome.encode()).unwrap()), "{}", log.name);
        }
        for entry in &effects.told {
            let value = String::from_utf8(encode(&Event::LineTold(entry.event.clone()))).unwrap();
            assert!(single.contains(&format!("tells {} {value}", entry.partition)), "{}", log.name);
        }
        for parked in &effects.parked {
            assert!(single.contains(&format!("parked {}: {}", parked.reason, parked.detail)), "{}", log.name);
        }
        assert_eq!(effects.record_count, u64::try_from(log.records.len()).unwrap(), "{}", log.name);
    }
}
