//! [`Event`] -> bytes of the log, always in the newest version.

use chrono::SecondsFormat;
use serde::Serialize;

use super::{Event, ORDER_PLACED, STOCK_ADJUSTED, STOCK_RECEIVED};
use crate::domain::{Movement, MovementKind, Order};

#[derive(Serialize)]
struct OrderPlacedV1<'a> {
    r#type: &'static str,
    version: u32,
    order_id: String,
    user_id: &'a str,
    product_id: &'a str,
    quantity: i64,
    unit_price: i64,
    total_price: i64,
    placed_at: String,
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
        Event::OrderPlaced(order) => order_placed(order),
        Event::StockMoved(movement) => stock_moved(movement),
    }
}

/// The only failures of `to_vec` are maps with keys that are not strings and failing `Serialize` impls; the
/// structs of this module have neither.
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

fn time(time: chrono::DateTime<chrono::Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn order_placed(order: &Order) -> Vec<u8> {
    json(&OrderPlacedV1 {
        r#type: ORDER_PLACED,
        version: 1,
        order_id: order.order_id().to_string(),
        user_id: order.user_id().as_str(),
        product_id: order.product_id().as_str(),
        quantity: order.quantity().get(),
        unit_price: order.unit_price().get(),
        total_price: order.total_price().get(),
        placed_at: time(order.placed_at()),
    })
}

fn stock_moved(movement: &Movement) -> Vec<u8> {
    let movement_id = movement.movement_id().to_string();
    let product_id = movement.product_id().as_str();
    let occurred_at = time(movement.occurred_at());
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
