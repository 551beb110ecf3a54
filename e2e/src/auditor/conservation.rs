//! Whether pieces are conserved, from the tables alone: of every product, what arrived and was counted is what can be sold, what is held,
//! and what was sold (INV-3); each line of an order that lives elsewhere stands there as at home; no order is undecided.
//!
//! It must never look at the log: where log and tables agree and both are wrong, this is what notices.

use std::collections::BTreeMap;

use super::rows::{OrderKey, OrderLine, ReservationKey};
use super::tables::Tables;

#[derive(Debug, Default, PartialEq, Eq)]
struct Sum {
    moved: i64,
    held: i64,
    sold: i64,
}

/// One line for each product, line or order that is not as it must be at rest.
pub(super) fn differences(tables: &Tables) -> Vec<String> {
    let mut found = sums(tables);
    found.extend(
        tables
            .orders
            .iter()
            .filter(|(key, line)| key.line_no == 1 && line.status == "pending")
            .map(|(key, line)| format!("UNDECIDED: order {} placed at {}:{}", key.order_id, key.home, line.offset)),
    );
    found.extend(tables.orders.iter().filter_map(|(key, line)| elsewhere(tables, key, line)));
    // What a stranger asked for is given back at once, and its row stays.
    let without_order = tables.reservations.iter().filter(|(key, row)| {
        let ReservationKey { order_id, home, line_no, .. } = *key;
        let order = OrderKey { order_id: order_id.clone(), home: *home, line_no: *line_no };
        row.status == "reserved" && !tables.orders.contains_key(&order)
    });
    found.extend(without_order.map(|(key, _)| format!("reserved for no order: {key:?}")));
    found
}

fn sums(tables: &Tables) -> Vec<String> {
    let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
    for movement in tables.movements.values().filter(|movement| movement.status == "confirmed") {
        sums.entry(&movement.product).or_default().moved += movement.delta;
    }
    for line in tables.orders.values().filter(|line| line.line_status == "reserved") {
        let sum = sums.entry(&line.product).or_default();
        match line.status.as_str() {
            "confirmed" => sum.sold += line.quantity,
            _ => sum.held += line.quantity,
        }
    }
    let products = sums.iter().filter_map(|(product, sum)| {
        let row = tables.stock.get(*product);
        let agrees = row.is_some_and(|row| row.held == sum.held && row.available + sum.held + sum.sold == sum.moved);
        (!agrees).then(|| format!("NOT CONSERVED: {product}: {row:?}, but its rows add up to {sum:?}"))
    });
    let without_rows = tables.stock.keys().filter(|product| !sums.contains_key(product.as_str()));
    products.chain(without_rows.map(|product| format!("NOT CONSERVED: {product}: it has stock, and no row"))).collect()
}

/// Where a line of an order lives in another partition, what that one must have of it.
fn elsewhere(tables: &Tables, key: &OrderKey, line: &OrderLine) -> Option<String> {
    let first = ReservationKey { order_id: key.order_id.clone(), home: key.home, line_no: key.line_no, partition: 0 };
    let last = ReservationKey { partition: i32::MAX, ..first.clone() };
    let reserved: Vec<_> = tables.reservations.range(first..=last).collect();
    // None: it lives at home, or was never asked for. Which of the two, the log says.
    let (at, reservation) = match reserved[..] {
        [] => return None,
        [one] => one,
        _ => return Some(format!("{key:?} is reserved in several partitions: {reserved:?}")),
    };
    let is_same = (&reservation.product, reservation.quantity) == (&line.product, line.quantity);
    let agrees = match (line.line_status.as_str(), reservation.status.as_str()) {
        ("reserved", "reserved") => reservation.confirmed == (line.status == "confirmed"),
        ("rejected", "rejected") | ("released", "released" | "rejected") => true,
        _ => false,
    };
    (!is_same || !agrees)
        .then(|| format!("{key:?} is {line:?} at home, and {reservation:?} in partition {}", at.partition))
}

#[cfg(test)]
mod tests {
    use super::super::effect::tests::{key, line};
    use super::super::rows::{Movement, Reservation, Stock};
    use super::*;

    fn movement(delta: i64) -> Movement {
        let [kind, product, status] = ["receipt", "tea", "confirmed"].map(str::to_owned);
        Movement { kind, product, delta, note: None, status, reason: None, offset: 0 }
    }

    /// 10 pieces of tea arrived, 2 are sold, 2 are held for an order that is at home elsewhere.
    fn tables() -> Tables {
        let elsewhere = ReservationKey { order_id: "j".to_owned(), home: 0, line_no: 2, partition: 3 };
        let reservation = Reservation {
            product: "tea".to_owned(),
            quantity: 2,
            status: "reserved".to_owned(),
            reason: None,
            confirmed: false,
            offset: 4,
        };
        Tables {
            movements: [(("m".to_owned(), 3), movement(10))].into(),
            stock: [("tea".to_owned(), Stock { available: 6, held: 2, partition: 3, offset: 4 })].into(),
            orders: [
                (key("i", 1), line("tea", "confirmed", "reserved")),
                (key("j", 1), OrderLine { quantity: 0, ..line("tea", "held", "reserved") }),
                (key("j", 2), line("tea", "held", "reserved")),
            ]
            .into(),
            reservations: [(elsewhere, reservation)].into(),
            ..Tables::default()
        }
    }

    #[test]
    fn what_is_conserved_is_not_named() {
        assert_eq!(differences(&tables()), Vec::<String>::new());
    }

    #[test]
    fn every_loss_is_named() {
        type Change = fn(&mut Tables);
        let cases: [(Change, &str); 7] = [
            (|tables| tables.stock.get_mut("tea").unwrap().available += 1, "NOT CONSERVED: tea"),
            (|tables| tables.stock.get_mut("tea").unwrap().held -= 1, "NOT CONSERVED: tea"),
            (|tables| tables.movements.clear(), "NOT CONSERVED: tea"),
            (|tables| tables.orders.get_mut(&key("i", 1)).unwrap().status = "pending".to_owned(), "NOT CONSERVED: tea"),
            (
                |tables| {
                    for reservation in tables.reservations.values_mut() {
                        reservation.status = "released".to_owned();
                    }
                },
                "OrderKey",
            ),
            (
                |tables| {
                    for reservation in tables.reservations.values_mut() {
                        reservation.confirmed = true;
                    }
                },
                "OrderKey",
            ),
            (|tables| drop(tables.orders.remove(&key("j", 2))), "NOT CONSERVED: tea"),
        ];
        for (change, says) in cases {
            let mut tables = tables();
            change(&mut tables);
            let found = differences(&tables);
            assert!(found.first().is_some_and(|first| first.starts_with(says)), "{found:?}");
        }
        let mut tables = tables();
        tables.orders.get_mut(&key("i", 1)).unwrap().status = "pending".to_owned();
        assert!(differences(&tables).iter().any(|line| line.starts_with("UNDECIDED: order i")));
    }
}
