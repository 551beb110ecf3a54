//! Whether what was published is what the tables hold, member for member: each outcome against the rows of its order or movement, and
//! each row against its outcomes. It catches a topic that says confirmed where the table says rejected (INV-6).
//!
//! It must never use the rules of the fold: rows and messages are compared with each other, not with what either should be. That is
//! [`super::expected`]'s. Read `walk` for the stock after each step.

use std::collections::BTreeMap;

use anyhow::Result;

use super::effect::{Effect, effects};
use super::published::{Announcement, OrderSaid, Said};
use super::rows::{OrderKey, OrderLine};
use super::tables::Tables;
use super::topic::RawLog;
use super::walk;

/// An order or a movement by its id and its partition.
type Id = (String, i32);

/// What is known of the two sides so far.
struct Comparison<'a> {
    tables: &'a Tables,
    orders: BTreeMap<Id, Effect>,
    movements: BTreeMap<Id, Effect>,
    /// What was said of each order, in order.
    histories: BTreeMap<Id, Vec<OrderSaid>>,
    /// How often each line was given back, by order, line, and partition of the line.
    given_back: BTreeMap<(String, i64, i32), usize>,
    found: Vec<String>,
}

/// One line for each disagreement.
///
/// # Errors
/// When a row cannot be understood.
pub(super) fn differences(outcomes: &RawLog, tables: &Tables) -> Result<Vec<String>> {
    let all = effects(&tables.orders, &tables.movements)?.into_iter();
    let (orders, movements) = all.map(|effect| ((effect.id.clone(), effect.partition), effect)).partition(is_order);
    let mut comparison = Comparison {
        tables,
        orders,
        movements,
        histories: BTreeMap::new(),
        given_back: BTreeMap::new(),
        found: Vec::new(),
    };
    let mut announced = Vec::new();
    for (partition, records) in &outcomes.partitions {
        // What is unreadable was named where the topic is compared with the log.
        for announcement in records.iter().filter_map(Announcement::read) {
            comparison.take(*partition, &announcement);
            announced.push((*partition, announcement));
        }
    }
    let mut found = comparison.finish();
    found.extend(walk::differences(&announced, tables));
    Ok(found)
}

fn is_order((_, effect): &(Id, Effect)) -> bool {
    effect.is_order
}

impl Comparison<'_> {
    fn take(&mut self, partition: i32, announcement: &Announcement) {
        let Some((_, offset, index)) = announcement.cause().filter(|(named, ..)| *named == partition) else {
            return self.found.push(format!("published {announcement:?} in partition {partition}"));
        };
        match &announcement.said {
            Said::Order(said) => {
                let id = (said.id.clone(), partition);
                match self.orders.get(&id) {
                    Some(effect) if effect.contents == said.contents => {
                        self.histories.entry(id).or_default().push(said.clone());
                    }
                    other => self.found.push(format!("published {announcement:?}, but the rows are {other:?}")),
                }
            }
            Said::Released { order_id, line_no, product, delta, .. } => {
                if self.gave_back(order_id, *line_no, partition, product, *delta) {
                    *self.given_back.entry((order_id.clone(), *line_no, partition)).or_default() += 1;
                } else {
                    self.found.push(format!("published {announcement:?}, but no row says that it was given back"));
                }
            }
            Said::Changed { id, .. } | Said::AdjustmentRejected { id, .. } => {
                let effect = self.movements.remove(&(id.clone(), partition));
                let agrees = effect
                    .as_ref()
                    .is_some_and(|effect| effect.offset == offset && index == 0 && is_said(&announcement.said, effect));
                if !agrees {
                    self.found.push(format!("published {announcement:?}, but the row is {effect:?}, or it came twice"));
                }
            }
        }
    }

    /// Whether a row of that line says so, be it at home or elsewhere.
    fn gave_back(&self, order_id: &str, line_no: i64, partition: i32, product: &str, quantity: i64) -> bool {
        let at_home = OrderKey { order_id: order_id.to_owned(), home: partition, line_no };
        let is_line =
            |line: &OrderLine| line.product == product && line.quantity == quantity && line.line_status == "released";
        self.tables.orders.get(&at_home).is_some_and(is_line)
            || self.tables.reservations_of(order_id).any(|(key, row)| {
                (key.line_no, key.partition) == (line_no, partition)
                    && (row.product.as_str(), row.quantity, row.status.as_str()) == (product, quantity, "released")
            })
    }

    fn finish(mut self) -> Vec<String> {
        let silent = self.movements.values().map(|effect| format!("nothing was published of the row {effect:?}"));
        self.found.extend(silent);
        for (id, effect) in &self.orders {
            let history = self.histories.get(id).map_or(&[][..], Vec::as_slice);
            if let Some(wrong) = untrue(history, effect, &lines_of(self.tables, id)) {
                self.found.push(format!("{wrong}: published {history:?}, but the rows are {effect:?}"));
            }
        }
        for ((order_id, line_no, partition), times) in &self.given_back {
            // A race may leave two orders under one id, which are at home in two partitions; each gives back its own. So does what a stranger
            // asked for, under an id that is no order's.
            let lines = self.tables.lines_of(order_id).filter(|(key, _)| key.line_no == *line_no);
            if *times > lines.count().max(1) {
                self.found
                    .push(format!("GIVEN BACK {times} TIMES: line {line_no} of {order_id} in partition {partition}"));
            }
        }
        self.found
    }
}

fn lines_of<'a>(tables: &'a Tables, (order_id, home): &Id) -> Vec<&'a OrderLine> {
    let key = |line_no| OrderKey { order_id: order_id.clone(), home: *home, line_no };
    tables.orders.range(key(i64::MIN)..=key(i64::MAX)).map(|(_, line)| line).collect()
}

/// Whether the outcome of a movement is what its row says.
fn is_said(said: &Said, effect: &Effect) -> bool {
    let spelled = match said {
        Said::Changed { kind, product, delta, .. } => format!("{kind} product={product} delta={delta}"),
        Said::AdjustmentRejected { product, delta, .. } => format!("adjustment product={product} delta={delta}"),
        _ => return false,
    };
    let reason = match said {
        Said::AdjustmentRejected { reason, .. } => Some(reason),
        _ => None,
    };
    // Products have no spaces, so this cannot cut anything but the note.
    let contents = effect.contents.split_once(" note=").map(|(before, _)| before);
    let status = if reason.is_some() { "rejected" } else { "confirmed" };
    contents == Some(spelled.as_str()) && effect.status == status && effect.reason.as_ref() == reason
}

/// What is wrong with what was said of one order.
fn untrue(history: &[OrderSaid], effect: &Effect, lines: &[&OrderLine]) -> Option<&'static str> {
    let kinds: Vec<&str> = history.iter().map(|said| said.kind.as_str()).collect();
    let is_held = lines.first().is_some_and(|line| line.expires_at.is_some());
    let is_possible = match kinds[..] {
        [] => effect.status == "pending",
        ["OrderRejected"] | ["OrderCancelled"] => true,
        ["OrderHeld"] | ["OrderHeld", "OrderConfirmed" | "OrderCancelled"] => is_held,
        ["OrderHeld", "OrderConfirmed", "OrderCancelled"] => is_held,
        ["OrderConfirmed"] | ["OrderConfirmed", "OrderCancelled"] => !is_held,
        _ => false,
    };
    let Some(last) = history.last() else { return (!is_possible).then_some("nothing was published of an order") };
    let status = match last.kind.as_str() {
        "OrderHeld" => "held",
        "OrderConfirmed" => "confirmed",
        "OrderRejected" => "rejected",
        _ => "cancelled",
    };
    let expires = history
        .iter()
        .filter(|said| said.kind == "OrderHeld")
        .all(|said| Some(said.expires_at) == lines.first().map(|line| line.expires_at));
    let lines_agree = last.lines.is_empty() == (lines.len() == 1)
        && last
            .lines
            .iter()
            .zip(lines)
            .all(|(said, line)| said.status == line.line_status && said.reason == line.reason);
    match () {
        () if !is_possible => Some("an order cannot go this way"),
        () if status != effect.status || last.reason != effect.reason => Some("the last outcome is not the row's"),
        () if !expires => Some("another end of the hold"),
        () if !lines_agree => Some("the lines differ"),
        () => None,
    }
}
