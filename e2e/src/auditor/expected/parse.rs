//! Bytes of a record to what it says, with plain `serde_json::Value`.
//!
//! It must never make a plausible value of one that cannot be read: a record either has all its parts or is parked. Next:
//! [`super`], which decides what follows.

use std::collections::BTreeSet;

use serde_json::Value;
use uuid::Uuid;

use super::super::time::micros;
use super::event::{Asked, Event, Line, Movement, Order, Step, Told, Wish};

pub(super) const LARGEST: i64 = 9_007_199_254_740_991;
const MOST_PIECES: i64 = 1_000_000_000;
const LARGEST_EVENT_BYTES: usize = 262_144;
const LAST_TIME: i64 = 253_402_300_799_999_999;

fn is_id(text: &str) -> bool {
    let good = |c: char| !c.is_control() && !c.is_whitespace() && c != '\u{200b}' && c != '\u{feff}';
    (1..=64).contains(&text.chars().count()) && text.chars().all(good)
}

/// One JSON object.
#[derive(Clone, Copy)]
struct Members<'a>(&'a Value);

impl<'a> Members<'a> {
    fn text(self, name: &str) -> Option<&'a str> {
        self.0[name].as_str()
    }

    fn id(self, name: &str) -> Option<String> {
        self.text(name).filter(|id| is_id(id)).map(str::to_owned)
    }

    fn uuid(self, name: &str) -> Option<String> {
        let id = self.text(name).filter(|id| id.len() == 36).and_then(|id| Uuid::try_parse(id).ok())?;
        (!id.is_nil()).then(|| id.to_string())
    }

    fn within(self, name: &str, most: i64) -> Option<i64> {
        self.0[name].as_i64().filter(|number| (1..=most).contains(number))
    }

    fn time(self, name: &str) -> Option<i64> {
        self.text(name).and_then(micros)
    }

    /// `Some(None)`: it is not there.
    fn optional(self, name: &str, good: impl Fn(&str) -> bool) -> Option<Option<String>> {
        match &self.0[name] {
            Value::Null => Some(None),
            Value::String(text) if good(text) => Some(Some(text.clone())),
            _ => None,
        }
    }
}

/// `None`: it must be parked.
pub(super) fn parse(value: Option<&[u8]>) -> Option<Event> {
    let bytes = value.filter(|bytes| bytes.len() <= LARGEST_EVENT_BYTES)?;
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let members = Members(&value);
    match (members.text("type")?, value["version"].as_u64()?) {
        ("OrderPlaced", version @ 1..=3) => placed(members, version).map(Event::Placed),
        ("StockReceived", 1) => {
            let delta = members.within("quantity", MOST_PIECES)?;
            movement(members, delta, true, None)
        }
        ("StockAdjusted", 1) => {
            let delta = value["delta"].as_i64().filter(|n| *n != 0 && n.abs() <= MOST_PIECES)?;
            let note = members.text("reason").filter(|note| !note.is_empty())?;
            movement(members, delta, false, Some(note.to_owned()))
        }
        ("OrderConfirmRequested", 1) => asked(members, Wish::Confirm),
        ("OrderCancelRequested", 1) => {
            members.optional("note", |note| !note.is_empty())?;
            asked(members, Wish::Cancel)
        }
        ("HoldExpired", 1) => asked(members, Wish::Expire),
        ("LineRequested", 1) => told(members, Step::Requested),
        ("LineReleased", 1) => told(members, Step::Released),
        ("LineConfirmed", 1) => told(members, Step::Confirmed),
        ("LineDecided", 1) => {
            let refusal = match (members.text("status")?, &value["reason"]) {
                ("reserved", Value::Null) => None,
                ("rejected", Value::String(why)) if why == "unknown-product" || why == "out-of-stock" => {
                    Some(why.clone())
                }
                _ => return None,
            };
            told(members, Step::Decided(refusal))
        }
        _ => None,
    }
}

fn placed(members: Members<'_>, version: u64) -> Option<Order> {
    let (currency, hold_seconds, lines) = if version == 3 {
        let is_code = |code: &str| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        let currency = members.optional("currency", is_code)?;
        let hold_seconds = match &members.0["hold_seconds"] {
            Value::Null => None,
            _ => Some(members.within("hold_seconds", 86_400)?),
        };
        (currency, hold_seconds, several(members)?)
    } else {
        (None, None, vec![line(members)?])
    };
    if version > 1 {
        members.optional("channel", is_id)?;
    }
    let sum: i64 = lines.iter().map(|line| line.total_price).sum();
    if members.0["total_price"].as_i64()? != sum || sum > LARGEST {
        return None;
    }
    let (id, user, placed_at) = (members.uuid("order_id")?, members.id("user_id")?, members.time("placed_at")?);
    let order = Order { id, user, lines, currency, hold_seconds, placed_at };
    order.expires_at().is_none_or(|at| at <= LAST_TIME).then_some(order)
}

/// Numbered from 1 without a gap, each product once.
fn several(members: Members<'_>) -> Option<Vec<Line>> {
    let all = members.0["lines"].as_array().filter(|lines| (1..=100).contains(&lines.len()))?;
    let mut lines = Vec::new();
    for (number, value) in (1..).zip(all) {
        let line = line(Members(value))?;
        if value["line_no"].as_i64()? != number || value["total_price"].as_i64()? != line.total_price {
            return None;
        }
        lines.push(line);
    }
    let products: BTreeSet<&str> = lines.iter().map(|line| line.product.as_str()).collect();
    (products.len() == lines.len()).then_some(lines)
}

fn line(members: Members<'_>) -> Option<Line> {
    let product = members.id("product_id")?;
    let (quantity, unit_price) = (members.within("quantity", MOST_PIECES)?, members.within("unit_price", LARGEST)?);
    let total_price = quantity.checked_mul(unit_price).filter(|total| *total <= LARGEST)?;
    Some(Line { product, quantity, unit_price, total_price })
}

fn movement(members: Members<'_>, delta: i64, is_receipt: bool, note: Option<String>) -> Option<Event> {
    members.time("occurred_at")?;
    let (id, product) = (members.uuid("movement_id")?, members.id("product_id")?);
    Some(Event::Moved(Movement { id, product, delta, is_receipt, note }))
}

fn asked(members: Members<'_>, wish: Wish) -> Option<Event> {
    let (id, product, at) = (members.uuid("order_id")?, members.id("product_id")?, members.time("occurred_at")?);
    Some(Event::Asked(Asked { id, wish, product, at }))
}

fn told(members: Members<'_>, step: Step) -> Option<Event> {
    let mut cause = members.text("cause")?.split('-').map(|number| number.parse::<i64>().ok().filter(|n| *n >= 0));
    let (partition, offset, index) = (cause.next()??, cause.next()??, cause.next()??);
    Some(Event::Told(Told {
        cause: (i32::try_from(partition).ok()?, offset, index),
        step,
        order_id: members.uuid("order_id")?,
        line_no: members.within("line_no", 100)?,
        home_product: members.id("home_product_id")?,
        product: members.id("product_id")?,
        quantity: members.within("quantity", MOST_PIECES)?,
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn order_of(lines: &Value, total: i64) -> Value {
        json!({ "type": "OrderPlaced", "version": 3, "order_id": "00000000-0000-4000-8000-000000000001", "user_id": "u",
            "lines": lines, "total_price": total, "currency": "EUR", "hold_seconds": 60, "placed_at": "2026-11-23T10:00:00Z" })
    }

    fn line_of(line_no: i64, product: &str) -> Value {
        json!({ "line_no": line_no, "product_id": product, "quantity": 2, "unit_price": 3, "total_price": 6 })
    }

    fn read(value: &Value) -> Option<Event> {
        parse(Some(value.to_string().as_bytes()))
    }

    #[test]
    fn an_order_of_lines_is_spelled_with_everything_that_a_retry_repeats() {
        let Some(Event::Placed(order)) = read(&order_of(&json!([line_of(1, "tea"), line_of(2, "milk")]), 12)) else {
            panic!("it is a good order")
        };
        assert_eq!(order.contents(), "user=u product=tea 2x3=6 product=milk 2x3=6 sum=12 currency=EUR hold=60");
        assert_eq!(order.expires_at(), Some(order.placed_at + 60_000_000));
    }

    #[test]
    fn lines_that_break_a_rule_are_parked() {
        for (lines, total) in [
            (json!([]), 0),
            (json!([line_of(2, "tea")]), 6),
            (json!([line_of(1, "tea"), line_of(3, "milk")]), 12),
            (json!([line_of(1, "tea"), line_of(2, "tea")]), 12),
            (json!([line_of(1, "tea")]), 7),
        ] {
            assert_eq!(read(&order_of(&lines, total)), None, "{lines}");
        }
        for (member, value) in [("currency", json!("eur")), ("hold_seconds", json!(0)), ("hold_seconds", json!(86_401))]
        {
            let mut order = order_of(&json!([line_of(1, "tea")]), 6);
            order[member] = value;
            assert_eq!(read(&order), None, "{member}");
        }
    }
}
