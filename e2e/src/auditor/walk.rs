//! The stock of every product after every step, from the rows and from what was published as given back: never below zero, what each outcome
//! says is left, and at the end what stands in `stock`.
//!
//! It must never ask the rules what a record did: a row says at which offset its pieces were taken.

use std::collections::{BTreeMap, BTreeSet};

use super::published::{Announcement, Said};
use super::tables::Tables;

/// By product and position.
type Steps<'a> = BTreeMap<&'a str, BTreeMap<(i32, i64), i64>>;

/// One line for each step that is not as published, or below zero.
pub(super) fn differences(announced: &[(i32, Announcement)], tables: &Tables) -> Vec<String> {
    let (steps, said) = (steps(announced, tables), said(announced));
    let mut found = Vec::new();
    for (product, changes) in &steps {
        let mut available = 0;
        for (position, change) in changes {
            available += change;
            if available < 0 {
                found.push(format!("OVERSOLD: {product} is at {available} after {position:?}"));
            }
            if let Some(published) = said.get(&(*product, *position)).filter(|published| **published != available) {
                found.push(format!(
                    "published that {published} {product} are left at {position:?}, but its rows add up to {available}"
                ));
            }
        }
        let row = tables.stock.get(*product).map(|row| row.available);
        if row != Some(available) {
            found.push(format!("stock of {product}: {row:?}, but its rows add up to {available}"));
        }
    }
    found
}

fn steps<'a>(announced: &'a [(i32, Announcement)], tables: &'a Tables) -> Steps<'a> {
    let mut steps = Steps::new();
    let mut step = |product: &'a str, position: (i32, i64), change: i64| {
        *steps.entry(product).or_default().entry(position).or_default() += change;
    };
    let mut given_back = BTreeSet::new();
    for (partition, announcement) in announced {
        if let (Said::Released { order_id, line_no, product, delta, .. }, Some((_, offset, _))) =
            (&announcement.said, announcement.cause())
        {
            step(product, (*partition, offset), *delta);
            given_back.insert((order_id.as_str(), *line_no, *partition));
        }
    }
    for ((_, partition), movement) in tables.movements.iter().filter(|(_, movement)| movement.status == "confirmed") {
        step(&movement.product, (*partition, movement.offset), movement.delta);
    }
    for (key, reservation) in tables.reservations.iter().filter(|(_, row)| row.status != "rejected") {
        step(&reservation.product, (key.partition, reservation.offset), -reservation.quantity);
    }
    for (key, line) in &tables.orders {
        // A line that lives elsewhere has its own row there.
        let lives_here = tables.stock.get(&line.product).is_some_and(|stock| stock.partition == key.home);
        let was_taken =
            line.line_status == "reserved" || given_back.contains(&(key.order_id.as_str(), key.line_no, key.home));
        if lives_here && was_taken {
            step(&line.product, (key.home, line.offset), -line.quantity);
        }
    }
    steps
}

/// What outcomes say is left.
fn said(announced: &[(i32, Announcement)]) -> BTreeMap<(&str, (i32, i64)), i64> {
    let left = announced.iter().filter_map(|(partition, announcement)| {
        let (product, available) = match &announcement.said {
            Said::Changed { product, available, .. } | Said::Released { product, available, .. } => {
                (product.as_str(), *available)
            }
            // Of an order of one line, whose contents name the product alone.
            Said::Order(said) => {
                let product = said.contents.split(' ').find_map(|word| word.strip_prefix("product="))?;
                (product, said.available?)
            }
            Said::AdjustmentRejected { .. } => return None,
        };
        let (_, offset, _) = announcement.cause()?;
        Some(((product, (*partition, offset)), available))
    });
    left.collect()
}
