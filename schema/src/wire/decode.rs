//! Bytes of the log -> [`Event`]. Total: whatever the bytes are, the answer is an event or a [`DecodeError`] that
//! depends on them alone, so that a replay parks the same records for the same reasons, in the same words.
//!
//! It must never leave to a library what is accepted, or how a refusal is worded: both are part of the fold's version, and
//! `projector/fold/tests/corpus/` holds them. Next: [`super::json`] (the grammar), [`super::members`] (the words).

use std::borrow::Cow;

use thiserror::Error;

use super::decode_lines::order_of_lines;
use super::decode_requests::asked_or_told;
use super::foreign;
use super::members::{Member, Members};
use super::{Event, ORDER_PLACED, STOCK_ADJUSTED, STOCK_RECEIVED};
use crate::domain::{
    AdjustmentNote, Channel, Delta, Movement, MovementId, MovementKind, Order, OrderId, ProductId, Quantity, UnitPrice,
    UserId, Violation, parse_timestamp, shown,
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
    /// Names the field, or the byte where JSON ends; what is expected there, and what was found. A few hundred characters
    /// at most, all of them printable.
    pub detail: String,
}

impl DecodeError {
    pub(super) fn new(reason: ParkReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    /// The same, of the line of that number.
    pub(super) fn in_line(self, number: usize) -> Self {
        Self { detail: format!("line {number}: {}", self.detail), ..self }
    }

    pub(super) fn field(member: Member, violation: &Violation) -> Self {
        let too_much = |max: &i64, what: &str| {
            let detail = format!("{} must be at most {max}, found that {what} is more", member.name());
            Self::new(ParkReason::WrongTotal, detail)
        };
        let reason = match violation {
            Violation::TotalOverflow { max } => return too_much(max, "quantity * unit price"),
            Violation::SumOverflow { max } => return too_much(max, "the sum over the lines"),
            Violation::WrongTotal { .. } | Violation::WrongSum { .. } => ParkReason::WrongTotal,
            _ => ParkReason::InvalidField,
        };
        Self::new(reason, format!("{} {violation}", member.name()))
    }
}

/// Decodes one value of the log.
///
/// # Errors
/// [`DecodeError`] with the reason under which the record is parked. Rules are checked in this order: size, JSON, an
/// object with `type` and `version`, known type, known version, fields present once and of the right kind (in wire
/// order), each field's own rule in wire order, the total.
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
    let members = Members::read(value)?;
    let (event_type, version) = head(&members).map_err(|error| with_envelope(error, &members))?;
    match (&*event_type, version) {
        (ORDER_PLACED, 1) => order_placed(&members, None),
        (ORDER_PLACED, 2) => order_placed(&members, Some(Member::Channel)),
        (ORDER_PLACED, 3) => order_of_lines(&members),
        (STOCK_RECEIVED, 1) => stock_received(&members),
        (STOCK_ADJUSTED, 1) => stock_adjusted(&members),
        (ORDER_PLACED, version) => Err(unknown_version(ORDER_PLACED, version, "1, 2 or 3")),
        (event_type, version) => match (asked_or_told(event_type), version) {
            (Some(read), 1) => read(&members),
            (None, _) if !matches!(event_type, STOCK_RECEIVED | STOCK_ADJUSTED) => {
                Err(DecodeError::new(ParkReason::UnknownType, format!("type `{}` is not known", shown(event_type))))
            }
            _ => Err(unknown_version(event_type, version, "1")),
        },
    }
}

/// What decides how the rest is read.
fn head<'a>(members: &Members<'a>) -> Result<(Cow<'a, str>, i64), DecodeError> {
    Ok((members.text(Member::Type)?, members.version()?))
}

fn with_envelope(error: DecodeError, members: &Members<'_>) -> DecodeError {
    match foreign::envelope(members) {
        Some(what) => DecodeError::new(error.reason, format!("{}; {what}", error.detail)),
        None => error,
    }
}

fn unknown_version(event_type: &str, found: i64, expected: &str) -> DecodeError {
    let detail = format!("version {found} of {event_type} is not known, expected {expected}");
    DecodeError::new(ParkReason::UnknownVersion, detail)
}

pub(super) fn field<T>(member: Member, parsed: Result<T, Violation>) -> Result<T, DecodeError> {
    parsed.map_err(|violation| DecodeError::field(member, &violation))
}

/// Versions 1 and 2, which differ by the channel: `channel` is `None` where the version has no such member.
fn order_placed(members: &Members<'_>, channel: Option<Member>) -> Result<Event, DecodeError> {
    let order_id = members.text(Member::OrderId)?;
    let user_id = members.text(Member::UserId)?;
    let product_id = members.text(Member::ProductId)?;
    let quantity = members.integer(Member::Quantity)?;
    let unit_price = members.integer(Member::UnitPrice)?;
    let total_price = members.integer(Member::TotalPrice)?;
    let placed_at = members.text(Member::PlacedAt)?;
    let channel = channel.map(|member| members.optional_text(member)).transpose()?.flatten();

    let order_id = field(Member::OrderId, OrderId::parse(&order_id))?;
    let user_id = field(Member::UserId, UserId::parse(&user_id))?;
    let product_id = field(Member::ProductId, ProductId::parse(&product_id))?;
    let quantity = field(Member::Quantity, Quantity::new(quantity))?;
    let unit_price = field(Member::UnitPrice, UnitPrice::new(unit_price))?;
    let placed_at = field(Member::PlacedAt, parse_timestamp(&placed_at))?;
    let channel = channel.map(|channel| field(Member::Channel, Channel::parse(&channel))).transpose()?;
    // The total comes last: its rule needs the other fields to be right.
    let order = Order::new(order_id, user_id, product_id, quantity, unit_price, Some(total_price), placed_at);
    let order = field(Member::TotalPrice, order)?;
    Ok(Event::OrderPlaced(match channel {
        Some(channel) => order.over(channel),
        None => order,
    }))
}

fn stock_received(members: &Members<'_>) -> Result<Event, DecodeError> {
    let movement_id = members.text(Member::MovementId)?;
    let product_id = members.text(Member::ProductId)?;
    let quantity = members.integer(Member::Quantity)?;
    let occurred_at = members.text(Member::OccurredAt)?;

    let movement_id = field(Member::MovementId, MovementId::parse(&movement_id))?;
    let product_id = field(Member::ProductId, ProductId::parse(&product_id))?;
    let quantity = field(Member::Quantity, Quantity::new(quantity))?;
    let occurred_at = field(Member::OccurredAt, parse_timestamp(&occurred_at))?;
    Ok(Event::StockMoved(Movement::new(movement_id, product_id, MovementKind::Receipt(quantity), occurred_at)))
}

fn stock_adjusted(members: &Members<'_>) -> Result<Event, DecodeError> {
    let movement_id = members.text(Member::MovementId)?;
    let product_id = members.text(Member::ProductId)?;
    let delta = members.integer(Member::Delta)?;
    let reason = members.text(Member::Reason)?;
    let occurred_at = members.text(Member::OccurredAt)?;

    let movement_id = field(Member::MovementId, MovementId::parse(&movement_id))?;
    let product_id = field(Member::ProductId, ProductId::parse(&product_id))?;
    let delta = field(Member::Delta, Delta::new(delta))?;
    let note = field(Member::Reason, AdjustmentNote::parse(&reason))?;
    let occurred_at = field(Member::OccurredAt, parse_timestamp(&occurred_at))?;
    let kind = MovementKind::Adjustment { delta, note };
    Ok(Event::StockMoved(Movement::new(movement_id, product_id, kind, occurred_at)))
}
