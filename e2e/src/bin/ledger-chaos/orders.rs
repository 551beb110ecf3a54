//! The orders that clients place: a third of several lines, a fifth held, each with what becomes of it afterwards. Each is a function of the
//! seed and its number, and bears its own price, so that it is found again whatever it was answered.
//!
//! It must never depend on an answer. Read `request` for what else is sent, `asks` for confirming and cancelling.

use e2e::auditor::expected::event::contents;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::random::Random;
use crate::request::{HOT, Request, WIDE_COUNT, wide};

const USER_COUNT: u64 = 300;
/// Prices are above any other number here, so a row shows which request it was.
const FIRST_PRICE: i64 = 1_000_000;
const MOST_LINES: u64 = 5;

/// What its client does with an order, once it is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Nothing,
    Confirm,
    Cancel,
    /// Two clients at once.
    CancelTwice,
    /// Of one that is held: nobody does anything.
    Expire,
}

/// One order.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) request: Request,
    pub(crate) then: Then,
}

/// Order `number`: under a key or a client's id. (A key decides the id: another one beside it is refused.)
pub(crate) fn order(number: usize, random: &mut Random) -> Order {
    let user = format!("user-{}", random.below(USER_COUNT));
    let price = FIRST_PRICE + i64::try_from(number).unwrap_or(i64::MAX / 1_000);
    let lines = lines(price, random);
    let then = then(random);
    let hold = hold_seconds(then, random);
    let currency = random.percent(20).then_some("EUR");
    let mut body = if let ([(product, quantity, ..)], false) = (&lines[..], random.percent(5)) {
        json!({ "productId": product, "quantity": quantity, "unitPrice": price })
    } else {
        let line =
            |(product, quantity, ..): &Line| json!({ "productId": product, "quantity": quantity, "unitPrice": price });
        json!({ "lines": lines.iter().map(line).collect::<Vec<Value>>() })
    };
    let how = random.below(100);
    if how < 15 {
        body["orderId"] = json!(Uuid::from_u64_pair(random.below(u64::MAX) | 1, random.below(u64::MAX)));
    }
    if random.percent(20) {
        body["totalPrice"] = json!(lines.iter().map(|(.., total)| total).sum::<i64>());
    }
    if let Some(currency) = currency {
        body["currency"] = json!(currency);
    }
    if let Some(seconds) = hold {
        body["hold"] = json!({ "expiresInSeconds": seconds });
    }
    let path = if random.percent(25) {
        format!("/users/{user}/orders")
    } else {
        body["userId"] = json!(user);
        "/orders".to_owned()
    };
    let spelled = lines.iter().map(|(product, quantity, price, total)| (product.as_str(), *quantity, *price, *total));
    let request = Request {
        path,
        key: (how >= 15).then(|| format!("order-{number}")),
        waits: random.percent(30),
        contents: contents(&user, spelled, currency, hold),
        body,
        is_order: true,
    };
    Order { request, then }
}

/// Product, pieces, price, and their product.
type Line = (String, i64, i64, i64);

/// Hot or wide or a product that nobody has; each once in an order.
fn lines(price: i64, random: &mut Random) -> Vec<Line> {
    let count = if random.percent(33) { 2 + random.below(MOST_LINES - 1) } else { 1 };
    let mut lines: Vec<Line> = Vec::new();
    while lines.len() < usize::try_from(count).unwrap_or(1) {
        let product = match random.below(100) {
            0..30 => HOT.to_owned(),
            30..98 => wide(random.below(WIDE_COUNT)),
            _ => format!("unheard-of-{}", random.below(10)),
        };
        let quantity = 1 + i64::try_from(random.below(3)).unwrap_or(0);
        if lines.iter().all(|(other, ..)| *other != product) {
            lines.push((product, quantity, price, price * quantity));
        }
    }
    lines
}

/// A fifth is held, of which a third each is confirmed, cancelled, and left to expire; of the others a tenth is cancelled.
fn then(random: &mut Random) -> Then {
    match random.below(300) {
        0..20 => Then::Confirm,
        20..30 => Then::Cancel,
        30..40 => Then::CancelTwice,
        40..60 => Then::Expire,
        60..76 => Then::Cancel,
        76..84 => Then::CancelTwice,
        _ => Then::Nothing,
    }
}

/// Those that nobody confirms end soon; the others are long enough for most faults.
fn hold_seconds(then: Then, random: &mut Random) -> Option<i64> {
    let seconds = |least: i64, more: u64, random: &mut Random| least + i64::try_from(random.below(more)).unwrap_or(0);
    match then {
        Then::Confirm => Some(seconds(5, 40, random)),
        Then::Expire => Some(seconds(1, 4, random)),
        Then::Cancel | Then::CancelTwice if random.percent(45) => Some(seconds(5, 40, random)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_a_function_of_seed_and_number() {
        let at = |seed, number: usize| order(number, &mut Random::of(seed, 9)).request.contents;
        assert_eq!(at(1, 5), at(1, 5));
        assert_ne!(at(1, 5), at(1, 6));
        assert!(at(1, 5).contains("x1000005="));
    }

    /// A third of several lines, a fifth held, a tenth and more cancelled.
    #[test]
    fn the_shares_are_as_they_are_told() {
        const COUNT: usize = 10_000;
        let orders: Vec<Order> = (0..COUNT).map(|number| order(number, &mut Random::of(7, number as u64))).collect();
        let share = |is: &dyn Fn(&Order) -> bool| orders.iter().filter(|order| is(order)).count() * 100 / COUNT;
        let several = share(&|order| order.request.contents.contains(" sum="));
        let held = share(&|order| order.request.contents.contains(" hold="));
        let cancelled = share(&|order| matches!(order.then, Then::Cancel | Then::CancelTwice));
        let confirmed = share(&|order| order.then == Then::Confirm);
        assert!((31..=35).contains(&several), "{several}");
        assert!((18..=22).contains(&held), "{held}");
        assert!((10..=16).contains(&cancelled), "{cancelled}");
        assert!((5..=8).contains(&confirmed), "{confirmed}");
        for order in orders.iter().filter(|order| matches!(order.then, Then::Confirm | Then::Expire)) {
            assert!(order.request.contents.contains(" hold="), "{order:?}");
        }
    }
}
