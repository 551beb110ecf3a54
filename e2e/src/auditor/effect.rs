//! What became of an order or a movement as a whole, read off its rows: what a request is looked up by.
//!
//! It must never make one of rows that contradict each other: that is an error.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use super::expected::event::contents;
use super::rows::{Movement, MovementKey, OrderKey, OrderLine, Rows};

/// An order with all of its lines, or a movement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    pub id: String,
    pub is_order: bool,
    /// What a retry must repeat.
    pub contents: String,
    pub status: String,
    /// Of an order that has ended: of its first line that was refused, or of all lines. Of a movement that was refused.
    pub reason: Option<String>,
    /// Where the record lies.
    pub partition: i32,
    pub offset: i64,
}

/// Of all rows, orders first.
///
/// # Errors
/// When the rows of an order differ in what they must have in common, or a line is missing.
pub fn effects(orders: &Rows<OrderKey, OrderLine>, movements: &Rows<MovementKey, Movement>) -> Result<Vec<Effect>> {
    let mut by_order: BTreeMap<(&str, i32), Vec<(i64, &OrderLine)>> = BTreeMap::new();
    for (key, line) in orders {
        by_order.entry((key.order_id.as_str(), key.home)).or_default().push((key.line_no, line));
    }
    let mut effects = Vec::with_capacity(by_order.len() + movements.len());
    for ((id, partition), lines) in by_order {
        effects.push(of_order(id, partition, &lines)?);
    }
    effects.extend(movements.iter().map(|((id, partition), movement)| Effect {
        id: id.clone(),
        is_order: false,
        contents: movement_contents(movement),
        status: movement.status.clone(),
        reason: movement.reason.clone(),
        partition: *partition,
        offset: movement.offset,
    }));
    Ok(effects)
}

/// A movement as everything that compares them spells it.
pub(super) fn movement_contents(movement: &Movement) -> String {
    let Movement { kind, product, delta, note, .. } = movement;
    format!("{kind} product={product} delta={delta} note={}", note.as_deref().unwrap_or_default())
}

fn of_order(id: &str, partition: i32, lines: &[(i64, &OrderLine)]) -> Result<Effect> {
    let (_, first) = lines[0];
    let hold = first.expires_at.map(|at| at - first.placed_at);
    for (number, (line_no, line)) in (1..).zip(lines) {
        let common = |line: &OrderLine| {
            let OrderLine { user, currency, placed_at, expires_at, status, offset, .. } = line.clone();
            (user, currency, placed_at, expires_at, status, offset)
        };
        ensure!(number == *line_no, "order {id} in partition {partition} has no line {number}: {lines:?}");
        ensure!(common(line) == common(first), "the lines of order {id} in partition {partition} disagree: {lines:?}");
    }
    ensure!(hold.is_none_or(|micros| micros % 1_000_000 == 0), "order {id} is held for {hold:?} microseconds");
    let spelled =
        lines.iter().map(|(_, line)| (line.product.as_str(), line.quantity, line.unit_price, line.total_price));
    let refused = lines.iter().find(|(_, line)| line.line_status == "rejected");
    Ok(Effect {
        id: id.to_owned(),
        is_order: true,
        contents: contents(&first.user, spelled, first.currency.as_deref(), hold.map(|micros| micros / 1_000_000)),
        status: first.status.clone(),
        reason: refused.map_or(first, |(_, line)| line).reason.clone(),
        partition,
        offset: first.offset,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::auditor) fn line(product: &str, status: &str, line_status: &str) -> OrderLine {
        OrderLine {
            user: "u".to_owned(),
            product: product.to_owned(),
            quantity: 2,
            unit_price: 3,
            total_price: 6,
            currency: None,
            placed_at: 5_000_000,
            expires_at: None,
            status: status.to_owned(),
            line_status: line_status.to_owned(),
            reason: None,
            offset: 7,
        }
    }

    pub(in crate::auditor) fn key(order_id: &str, line_no: i64) -> OrderKey {
        OrderKey { order_id: order_id.to_owned(), home: 0, line_no }
    }

    #[test]
    fn lines_become_one_order() {
        let refused = OrderLine { reason: Some("out-of-stock".to_owned()), ..line("milk", "rejected", "rejected") };
        let released = OrderLine { reason: Some("line-rejected".to_owned()), ..line("tea", "rejected", "released") };
        let rows = Rows::from([(key("i", 1), released), (key("i", 2), refused)]);
        let found = effects(&rows, &Rows::new()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].contents, "user=u product=tea 2x3=6 product=milk 2x3=6 sum=12");
        assert_eq!((found[0].status.as_str(), found[0].reason.as_deref()), ("rejected", Some("out-of-stock")));
    }

    #[test]
    fn a_gap_and_lines_that_disagree_are_errors() {
        for second in
            [(key("i", 3), line("milk", "held", "reserved")), (key("i", 2), line("milk", "confirmed", "reserved"))]
        {
            let rows = Rows::from([(key("i", 1), line("tea", "held", "reserved")), second]);
            assert!(effects(&rows, &Rows::new()).is_err());
        }
    }
}
