//! [`Event`] -> bytes of the log, in the oldest version that can say it: a reader that knows only version 1 can
//! read all that version 1 could always say.
//!
//! It must never give bytes that [`super::decode()`] does not read back as the same event. Next: [`super::decode()`].

use chrono::SecondsFormat;
use serde::Serialize;
use uuid::fmt::Hyphenated;

use super::encode_lines::{line_told, needs_lines, order_of_lines, order_requested};
use super::{Event, ORDER_PLACED, STOCK_ADJUSTED, STOCK_RECEIVED};
use crate::domain::{Channel, Movement, MovementKind, Order};

#[derive(Serialize)]
struct StockReceivedV1<'a> {
    r#type: &'static str,
    version: u32,
    movement_id: String,
    product_id: &'a str,
    quantity: i64,
    occurred_at: String,
}

#[derive(Serialize)]
struct StockAdjustedV1<'a> {
    r#type: &'static str,
    version: u32,
    movement_id: String,
    product_id: &'a str,
    delta: i64,
    reason: &'a str,
    occurred_at: String,
}

/// A usual order's length, in bytes; a longer one takes more.
const USUAL_BYTES: usize = 320;

/// Encodes an event as JSON. Infallible: a domain value always has an encoding.
pub fn encode(event: &Event) -> Vec<u8> {
    let mut json = Vec::with_capacity(USUAL_BYTES);
    encode_into(event, &mut json);
    json
}

/// As [`encode`], to the end of `json`: who encodes many need not ask for room each time.
pub fn encode_into(event: &Event, json: &mut Vec<u8>) {
    match event {
        Event::OrderPlaced(order) if needs_lines(order) => json.append(&mut order_of_lines(order)),
        Event::OrderPlaced(order) => order_placed(order, json),
        Event::StockMoved(movement) => json.append(&mut stock_moved(movement)),
        Event::OrderRequested(request) => json.append(&mut order_requested(request)),
        Event::LineTold(told) => json.append(&mut line_told(told)),
    }
}

/// The only failures of `to_vec` are maps with keys that are not strings and failing `Serialize` impls; the
/// structs of this module have neither. (Anything but a stop would be appended as an event.)
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("a struct of texts and integers has a JSON encoding")
}

/// A time as every event and outcome has it: RFC 3339 in UTC, to the microsecond.
pub fn time_text(time: chrono::DateTime<chrono::Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Versions 1 and 2, which differ by the channel. Written member by member: an import writes millions, and half of what a derived
/// encoder takes is for names and digits that need no escapes.
fn order_placed(order: &Order, json: &mut Vec<u8>) {
    let channel = order.channel().map(Channel::as_str);
    let (begin, version) = (r#"{"type":""#, if channel.is_some() { 2 } else { 1 });
    for text in [begin, ORDER_PLACED] {
        json.extend_from_slice(text.as_bytes());
    }
    member(json, r#"","version":"#, &version);
    json.extend_from_slice(br#","order_id":""#);
    let mut id = [0; Hyphenated::LENGTH];
    json.extend_from_slice(order.order_id().as_uuid().hyphenated().encode_lower(&mut id).as_bytes());
    member(json, r#"","user_id":"#, order.user_id().as_str());
    member(json, r#","product_id":"#, order.product_id().as_str());
    member(json, r#","quantity":"#, &order.first_line().quantity().get());
    member(json, r#","unit_price":"#, &order.first_line().unit_price().get());
    member(json, r#","total_price":"#, &order.total_price().get());
    json.extend_from_slice(br#","placed_at":""#);
    json.extend_from_slice(time_text(order.placed_at()).as_bytes());
    json.push(b'"');
    if let Some(channel) = channel {
        member(json, r#","channel":"#, channel);
    }
    json.push(b'}');
}

/// `before`, which ends with a member's name, and its value.
fn member(json: &mut Vec<u8>, before: &str, value: &(impl Serialize + ?Sized)) {
    json.extend_from_slice(before.as_bytes());
    serde_json::to_writer(json, value).expect("a text or an integer has a JSON encoding, and memory takes it");
}

fn stock_moved(movement: &Movement) -> Vec<u8> {
    let movement_id = movement.movement_id().to_string();
    let product_id = movement.product_id().as_str();
    let occurred_at = time_text(movement.occurred_at());
    match movement.kind() {
        MovementKind::Receipt(quantity) => {
            let quantity = quantity.get();
            json(&StockReceivedV1 {
                r#type: STOCK_RECEIVED,
                version: 1,
                movement_id,
                product_id,
                quantity,
                occurred_at,
            })
        }
        MovementKind::Adjustment { delta, note } => json(&StockAdjustedV1 {
            r#type: STOCK_ADJUSTED,
            version: 1,
            movement_id,
            product_id,
            delta: delta.get(),
            reason: note.as_str(),
            occurred_at,
        }),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{OrderId, ProductId, Quantity, UnitPrice, UserId};

    /// Versions 1 and 2, which differ by the channel.
    #[derive(Serialize)]
    struct OrderPlaced<'a> {
        r#type: &'static str,
        version: u32,
        order_id: String,
        user_id: &'a str,
        product_id: &'a str,
        quantity: i64,
        unit_price: i64,
        total_price: i64,
        placed_at: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        channel: Option<&'a str>,
    }

    fn derived(order: &Order) -> Vec<u8> {
        let channel = order.channel().map(Channel::as_str);
        json(&OrderPlaced {
            r#type: ORDER_PLACED,
            version: if channel.is_some() { 2 } else { 1 },
            order_id: order.order_id().to_string(),
            user_id: order.user_id().as_str(),
            product_id: order.product_id().as_str(),
            quantity: order.first_line().quantity().get(),
            unit_price: order.first_line().unit_price().get(),
            total_price: order.total_price().get(),
            placed_at: time_text(order.placed_at()),
            channel,
        })
    }

    proptest! {
        #[test]
        fn an_order_is_written_as_a_derived_encoder_writes_it(
            (id, user, product, channel) in (any::<u128>(), ".{1,64}", r#"[a-z"\\/é\u{1F36B}<&']{1,64}"#, proptest::option::of("[a-z-]{1,8}")),
            (quantity, price, ms) in (1..=1_000_000_i64, 1..=1_000_000_i64, 0..=253_402_300_799_999_i64),
        ) {
            let Ok(user) = UserId::parse(&user) else { return Ok(()) };
            let product = ProductId::parse(&product).expect("printable");
            let (quantity, price) = (Quantity::new(quantity).expect("valid"), UnitPrice::new(price).expect("valid"));
            let placed_at: DateTime<Utc> = DateTime::from_timestamp_millis(ms).expect("a time");
            let id = OrderId::from_uuid(uuid::Uuid::from_u128(id));
            let order = Order::new(id, user, product, quantity, price, None, placed_at).expect("its total fits");
            let order = match channel {
                Some(channel) => order.over(Channel::parse(&channel).expect("printable")),
                None => order,
            };
            let expected = String::from_utf8(derived(&order)).expect("UTF-8");
            prop_assert_eq!(String::from_utf8(encode(&Event::OrderPlaced(order))).expect("UTF-8"), expected);
        }
    }
}
