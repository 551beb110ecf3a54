//! Bytes of the log -> [`Event`]. Total: whatever the bytes are, the answer is an event or a [`DecodeError`] that
//! depends on them alone, so that a replay parks the same records for the same reasons.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use thiserror::Error;

use super::{Event, ORDER_PLACED, STOCK_ADJUSTED, STOCK_RECEIVED};
use crate::domain::{
    AdjustmentNote, Channel, Delta, Movement, MovementId, MovementKind, Order, OrderId, ProductId, Quantity, UnitPrice,
    UserId, Violation, parse_timestamp,
};
use crate::reason::ParkReason;

/// Largest value that is decoded, in bytes. Four times the largest request body, so that unknown fields of later
/// versions fit; what is larger is parked unread.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;

/// Why a value is not an event. Never retryable.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{detail}")]
pub struct DecodeError {
    pub reason: ParkReason,
    /// Names the field and what is wrong, where there is one.
    pub detail: String,
}

impl DecodeError {
    fn new(reason: ParkReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    fn field(name: &str, violation: &Violation) -> Self {
        let reason = match violation {
            Violation::WrongTotal { .. } | Violation::TotalOverflow { .. } => ParkReason::WrongTotal,
            _ => ParkReason::InvalidField,
        };
        Self::new(reason, format!("{name} {violation}"))
    }
}

/// What decides how the rest is read.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "type")]
    event_type: Cow<'a, str>,
    version: u32,
}

#[derive(Deserialize)]
struct OrderPlacedV1<'a> {
    #[serde(borrow)]
    order_id: Cow<'a, str>,
    #[serde(borrow)]
    user_id: Cow<'a, str>,
    #[serde(borrow)]
    product_id: Cow<'a, str>,
    quantity: i64,
    unit_price: i64,
    total_price: i64,
    #[serde(borrow)]
    placed_at: Cow<'a, str>,
}

/// Version 1 and an optional channel. (Written out rather than flattened: serde buffers what it flattens, which costs
/// each order an allocation, and refuses a doubled field with other words.)
#[derive(Deserialize)]
struct OrderPlacedV2<'a> {
    #[serde(borrow)]
    order_id: Cow<'a, str>,
    #[serde(borrow)]
    user_id: Cow<'a, str>,
    #[serde(borrow)]
    product_id: Cow<'a, str>,
    quantity: i64,
    unit_price: i64,
    total_price: i64,
    #[serde(borrow)]
    placed_at: Cow<'a, str>,
    #[serde(borrow, default)]
    channel: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct StockReceivedV1<'a> {
    #[serde(borrow)]
    movement_id: Cow<'a, str>,
    #[serde(borrow)]
    product_id: Cow<'a, str>,
    quantity: i64,
    #[serde(borrow)]
    occurred_at: Cow<'a, str>,
}

#[derive(Deserialize)]
struct StockAdjustedV1<'a> {
    #[serde(borrow)]
    movement_id: Cow<'a, str>,
    #[serde(borrow)]
    product_id: Cow<'a, str>,
    delta: i64,
    #[serde(borrow)]
    reason: Cow<'a, str>,
    #[serde(borrow)]
    occurred_at: Cow<'a, str>,
}

/// Decodes one value of the log.
///
/// # Errors
/// [`DecodeError`] with the reason under which the record is parked. Rules are checked in this order: size, JSON
/// object with `type` and `version`, known type, known version, fields present and of the right type, each
/// field's own rule in wire order, the total.
pub fn decode(value: Option<&[u8]>) -> Result<Event, DecodeError> {
    let value = match value {
        None => return Err(DecodeError::new(ParkReason::EmptyValue, "the record has no value")),
        Some([]) => return Err(DecodeError::new(ParkReason::EmptyValue, "the value is empty")),
        Some(value) if value.len() > MAX_EVENT_BYTES => {
            let detail = format!("the value has {} bytes, at most {MAX_EVENT_BYTES} are read", value.len());
            return Err(DecodeError::new(ParkReason::TooLarge, detail));
        }
        Some(value) => value,
    };
    let head: Head<'_> = parse(value)?;
    match (&*head.event_type, head.version) {
        (ORDER_PLACED, 1) => parse::<OrderPlacedV1<'_>>(value)?.into_event(),
        (ORDER_PLACED, 2) => parse::<OrderPlacedV2<'_>>(value)?.into_event(),
        (STOCK_RECEIVED, 1) => parse::<StockReceivedV1<'_>>(value)?.into_event(),
        (STOCK_ADJUSTED, 1) => parse::<StockAdjustedV1<'_>>(value)?.into_event(),
        (ORDER_PLACED, version) => Err(unknown_version(&head, version, "1 or 2")),
        (STOCK_RECEIVED | STOCK_ADJUSTED, version) => Err(unknown_version(&head, version, "1")),
        (unknown, _) => {
            let name: String = unknown.chars().take(64).collect();
            Err(DecodeError::new(ParkReason::UnknownType, format!("type `{}` is not known", name.escape_default())))
        }
    }
}

fn unknown_version(head: &Head<'_>, found: u32, expected: &str) -> DecodeError {
    let detail = format!("version {found} of {} is not known, expected {expected}", head.event_type);
    DecodeError::new(ParkReason::UnknownVersion, detail)
}

fn parse<'a, T: Deserialize<'a>>(value: &'a [u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(value).map_err(|error| DecodeError::new(ParkReason::Undecodable, error.to_string()))
}

fn field<T>(name: &str, parsed: Result<T, Violation>) -> Result<T, DecodeError> {
    parsed.map_err(|violation| DecodeError::field(name, &violation))
}

fn time(name: &str, text: &str) -> Result<DateTime<Utc>, DecodeError> {
    field(name, parse_timestamp(text))
}

impl OrderPlacedV1<'_> {
    fn into_event(self) -> Result<Event, DecodeError> {
        self.into_order(None).map(Event::OrderPlaced)
    }

    /// A channel stands last on the wire but for the total's rule, which needs all fields.
    fn into_order(self, channel: Option<&str>) -> Result<Order, DecodeError> {
        let order_id = field("order_id", OrderId::parse(&self.order_id))?;
        let user_id = field("user_id", UserId::parse(&self.user_id))?;
        let product_id = field("product_id", ProductId::parse(&self.product_id))?;
        let quantity = field("quantity", Quantity::new(self.quantity))?;
        let unit_price = field("unit_price", UnitPrice::new(self.unit_price))?;
        let placed_at = time("placed_at", &self.placed_at)?;
        let channel = channel.map(|channel| field("channel", Channel::parse(channel))).transpose()?;
        let order = Order::new(order_id, user_id, product_id, quantity, unit_price, Some(self.total_price), placed_at);
        let order = field("total_price", order)?;
        Ok(match channel {
            Some(channel) => order.over(channel),
            None => order,
        })
    }
}

impl OrderPlacedV2<'_> {
    fn into_event(self) -> Result<Event, DecodeError> {
        let Self { order_id, user_id, product_id, quantity, unit_price, total_price, placed_at, channel } = self;
        let first = OrderPlacedV1 { order_id, user_id, product_id, quantity, unit_price, total_price, placed_at };
        first.into_order(channel.as_deref()).map(Event::OrderPlaced)
    }
}

impl StockReceivedV1<'_> {
    fn into_event(self) -> Result<Event, DecodeError> {
        let movement_id = field("movement_id", MovementId::parse(&self.movement_id))?;
        let product_id = field("product_id", ProductId::parse(&self.product_id))?;
        let quantity = field("quantity", Quantity::new(self.quantity))?;
        let occurred_at = time("occurred_at", &self.occurred_at)?;
        Ok(Event::StockMoved(Movement::new(movement_id, product_id, MovementKind::Receipt(quantity), occurred_at)))
    }
}

impl StockAdjustedV1<'_> {
    fn into_event(self) -> Result<Event, DecodeError> {
        let movement_id = field("movement_id", MovementId::parse(&self.movement_id))?;
        let product_id = field("product_id", ProductId::parse(&self.product_id))?;
        let delta = field("delta", Delta::new(self.delta))?;
        let note = field("reason", AdjustmentNote::parse(&self.reason))?;
        let occurred_at = time("occurred_at", &self.occurred_at)?;
        Ok(Event::StockMoved(Movement::new(
            movement_id,
            product_id,
            MovementKind::Adjustment { delta, note },
            occurred_at,
        )))
    }
}
