//! [`Event`] -> bytes of the log, in the oldest version that can say it: a reader that knows only version 1 can
//! read all that version 1 could always say.
//!
//! It must never give bytes that [`super::decode()`] does not read back as the same event. Next: [`super::decode()`].

use chrono::SecondsFormat;
use serde::Serialize;

use super::encode_lines::{line_told, needs_lines, order_of_lines, order_requested};
use super::{Event, ORDER_PLACED, STOCK_ADJUSTED, STOCK_RECEIVED};
use crate::domain::{Channel, Movement, MovementKind, Order};

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

/// Encodes an event as JSON. Infallible: a domain value always has an encoding.
pub fn encode(event: &Event) -> Vec<u8> {
    match event {
        Event::OrderPlaced(order) if needs_lines(order) => order_of_lines(order),
        Event::OrderPlaced(order) => order_placed(order),
        Event::StockMoved(movement) => stock_moved(movement),
        Event::OrderRequested(request) => order_requested(request),
        Event::LineTold(told) => line_told(told),
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

fn order_placed(order: &Order) -> Vec<u8> {
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
