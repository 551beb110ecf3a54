//! What is asked of an order (confirm, cancel, expire), and what the partitions of its lines tell each other.
//!
//! It must never take a line event whose sender is not named by its cause: that check is the fold's, which knows the partitions.
//! Next: [`super::json`] (the grammar).

use super::decode::{DecodeError, field};
use super::members::{Member, Members};
use super::{
    Event, HOLD_EXPIRED, LINE_CONFIRMED, LINE_DECIDED, LINE_RELEASED, LINE_REQUESTED, ORDER_CANCEL_REQUESTED,
    ORDER_CONFIRM_REQUESTED,
};
use crate::domain::{
    CancelNote, LineDecision, LineEvent, LineNo, LineStep, LineTarget, OrderId, OrderRequest, ProductId, Quantity,
    RequestKind, parse_timestamp, shown,
};
use crate::position::EventId;
use crate::reason::{LineStatus, ParkReason, RejectionReason};

type Read = fn(&Members<'_>) -> Result<Event, DecodeError>;

/// What reads version 1 of an event of that type; `None` when it is none of these.
pub(super) fn asked_or_told(event_type: &str) -> Option<Read> {
    Some(match event_type {
        ORDER_CONFIRM_REQUESTED => |members| request(members, RequestKind::Confirm),
        ORDER_CANCEL_REQUESTED => cancel,
        HOLD_EXPIRED => |members| request(members, RequestKind::Expire),
        LINE_REQUESTED => |members| line_event(members, LineStep::Requested),
        LINE_DECIDED => line_decided,
        LINE_RELEASED => |members| line_event(members, LineStep::Released),
        LINE_CONFIRMED => |members| line_event(members, LineStep::Confirmed),
        _ => return None,
    })
}

fn request(members: &Members<'_>, kind: RequestKind) -> Result<Event, DecodeError> {
    let order_id = members.text(Member::OrderId)?;
    let product_id = members.text(Member::ProductId)?;
    let occurred_at = members.text(Member::OccurredAt)?;

    let order_id = field(Member::OrderId, OrderId::parse(&order_id))?;
    let product_id = field(Member::ProductId, ProductId::parse(&product_id))?;
    let occurred_at = field(Member::OccurredAt, parse_timestamp(&occurred_at))?;
    Ok(Event::OrderRequested(OrderRequest::new(order_id, product_id, kind, occurred_at)))
}

fn cancel(members: &Members<'_>) -> Result<Event, DecodeError> {
    let note = members.optional_text(Member::Note)?;
    let note = note.map(|note| field(Member::Note, CancelNote::parse(&note))).transpose()?;
    request(members, RequestKind::Cancel { note })
}

fn line_decided(members: &Members<'_>) -> Result<Event, DecodeError> {
    let status = members.text(Member::Status)?;
    let reason = members.optional_text(Member::Reason)?;
    let refused = |member: Member, expected: &str, found: &str| {
        let detail = format!("{} must be {expected}, found {found}", member.name());
        Err(DecodeError::new(ParkReason::InvalidField, detail))
    };
    let in_ticks = |text: &str| format!("`{}`", shown(text));
    let decision = match (LineStatus::from_word(&status), reason) {
        (Some(LineStatus::Reserved), None) => LineDecision::Reserved,
        (Some(LineStatus::Reserved), Some(reason)) => {
            return refused(Member::Reason, "missing where the line is reserved", &in_ticks(&reason));
        }
        (Some(LineStatus::Rejected), reason) => {
            const EXPECTED: &str = "unknown-product or out-of-stock";
            match reason.as_deref().map(|word| (word, RejectionReason::from_word(word))) {
                Some((_, Some(reason @ (RejectionReason::UnknownProduct | RejectionReason::OutOfStock)))) => {
                    LineDecision::Rejected(reason)
                }
                Some((other, _)) => return refused(Member::Reason, EXPECTED, &in_ticks(other)),
                None => return refused(Member::Reason, EXPECTED, "none"),
            }
        }
        _ => return refused(Member::Status, "reserved or rejected", &in_ticks(&status)),
    };
    line_event(members, LineStep::Decided(decision))
}

fn line_event(members: &Members<'_>, step: LineStep) -> Result<Event, DecodeError> {
    let cause = members.text(Member::Cause)?;
    let order_id = members.text(Member::OrderId)?;
    let line_no = members.integer(Member::LineNo)?;
    let home_product_id = members.text(Member::HomeProductId)?;
    let product_id = members.text(Member::ProductId)?;
    let quantity = members.integer(Member::Quantity)?;

    let cause: EventId = cause
        .parse()
        .map_err(|error| DecodeError::new(ParkReason::InvalidField, format!("{} {error}", Member::Cause.name())))?;
    let target = LineTarget {
        order_id: field(Member::OrderId, OrderId::parse(&order_id))?,
        line_no: field(Member::LineNo, LineNo::new(line_no))?,
        home_product_id: field(Member::HomeProductId, ProductId::parse(&home_product_id))?,
        product_id: field(Member::ProductId, ProductId::parse(&product_id))?,
        quantity: field(Member::Quantity, Quantity::new(quantity))?,
    };
    Ok(Event::LineTold(LineEvent { cause, target, step }))
}
