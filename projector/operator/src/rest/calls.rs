//! The requests there are. Their bodies are JSON as the caller gives it; what is wrong with one the service says. It must never send a
//! request that makes something without a key.

use ledger_schema::{OrderId, Position};
use serde_json::{Value, json};

use super::client::{Answer, Client, Request};
use super::error::RestError;
use super::shown::{ChangeShown, OrderShown, StockLevels};

/// Largest page that the services give.
const PAGE: u32 = 200;

/// An order to place.
#[derive(Debug, Clone)]
pub struct Placing {
    /// As `POST /orders` takes it.
    pub body: Value,
    /// 1 to 255 printable ASCII characters; left out only where the body states the order's id, which does what a key does.
    pub key: Option<String>,
}

/// What an order is cancelled for.
#[derive(Debug, Clone)]
pub struct Cancellation {
    pub order: OrderId,
    /// Of the order, where it may not be projected yet.
    pub after: Option<Position>,
    pub note: Option<String>,
}

/// A count that differed.
#[derive(Debug, Clone)]
pub struct Adjustment {
    pub product: String,
    pub delta: i64,
    pub reason: String,
    pub key: String,
}

/// # Errors
/// [`RestError`]
pub async fn place(client: &Client, placing: &Placing) -> Result<ChangeShown, RestError> {
    let key = placing.key.as_deref();
    let request = Request { key, body: Some(&placing.body), ..Request::post(&["orders"]) };
    client.send(&request).await.map(|Answer { body, service }| ChangeShown::new(body, service, key))
}

/// # Errors
/// [`RestError`]
pub async fn get_order(client: &Client, order: OrderId, after: Option<Position>) -> Result<OrderShown, RestError> {
    let order = order.to_string();
    let segments = ["orders", &order];
    let request = Request::get(&segments).with_query("after", after);
    client.send(&request).await.map(|answer| OrderShown(answer.body))
}

/// # Errors
/// [`RestError`]
pub async fn confirm(client: &Client, order: OrderId, after: Option<Position>) -> Result<ChangeShown, RestError> {
    let order = order.to_string();
    let segments = ["orders", &order, "confirm"];
    let request = Request::post(&segments).with_query("after", after);
    client.send(&request).await.map(|Answer { body, service }| ChangeShown::new(body, service, None))
}

/// # Errors
/// [`RestError`]
pub async fn cancel(client: &Client, cancellation: &Cancellation) -> Result<ChangeShown, RestError> {
    let order = cancellation.order.to_string();
    let segments = ["orders", &order, "cancel"];
    let body = cancellation.note.as_ref().map(|note| json!({ "note": note }));
    let request = Request { body: body.as_ref(), ..Request::post(&segments) }.with_query("after", cancellation.after);
    client.send(&request).await.map(|Answer { body, service }| ChangeShown::new(body, service, None))
}

/// # Errors
/// [`RestError`]
pub async fn get_stock(client: &Client, product: &str, after: Option<Position>) -> Result<StockLevels, RestError> {
    let segments = ["stock", product];
    let request = Request::get(&segments).with_query("after", after);
    client.send(&request).await.map(|answer| StockLevels::One(answer.body))
}

/// At most `limit` products, by id.
///
/// # Errors
/// [`RestError`]
pub async fn list_stock(client: &Client, limit: u32) -> Result<StockLevels, RestError> {
    let (mut items, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let left = limit.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
        if left == 0 {
            return Ok(StockLevels::List { items, next_cursor: cursor });
        }
        let request = Request::get(&["stock"]).with_query("limit", Some(left.min(PAGE))).with_query("cursor", cursor);
        let Answer { mut body, .. } = client.send(&request).await?;
        items.extend(body["items"].as_array_mut().map(std::mem::take).unwrap_or_default());
        cursor = body["nextCursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return Ok(StockLevels::List { items, next_cursor: None });
        }
    }
}

/// # Errors
/// [`RestError`]
pub async fn receive(client: &Client, product: &str, quantity: i64, key: &str) -> Result<ChangeShown, RestError> {
    movement(client, &["stock", product, "receipts"], &json!({ "quantity": quantity }), key).await
}

/// # Errors
/// [`RestError`]
pub async fn adjust(client: &Client, adjustment: &Adjustment) -> Result<ChangeShown, RestError> {
    let Adjustment { product, delta, reason, key } = adjustment;
    movement(client, &["stock", product, "adjustments"], &json!({ "delta": delta, "reason": reason }), key).await
}

async fn movement(client: &Client, segments: &[&str], body: &Value, key: &str) -> Result<ChangeShown, RestError> {
    let request = Request { key: Some(key), body: Some(body), ..Request::post(segments) };
    client.send(&request).await.map(|Answer { body, service }| ChangeShown::new(body, service, Some(key)))
}
