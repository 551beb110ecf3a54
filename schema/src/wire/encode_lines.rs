//! Bytes of what only orders of several lines, holds and cancellation need: version 3 of `OrderPlaced`, what is asked of an order,
//! and what the partitions of its lines tell each other.
//!
//! It must never write version 3 of an order that version 1 or 2 can say. Next: [`super::decode()`].

use serde::Serialize;

use super::encode::{json, time_text};
use super::{
    HOLD_EXPIRED, LINE_CONFIRMED, LINE_DECIDED, LINE_RELEASED, LINE_REQUESTED, ORDER_CANCEL_REQUESTED,
    ORDER_CONFIRM_REQUESTED, ORDER_PLACED,
};
use crate::domain::{CancelNote, Channel, LineDecision, LineEvent, LineStep, Order, OrderRequest, RequestKind, Terms};
use crate::reason::LineStatus;

#[derive(Serialize)]
struct OrderPlacedV3<'a> {
    r#type: &'static str,
    version: u32,
    order_id: String,
    user_id: &'a str,
    lines: Vec<LineV3<'a>>,
    total_price: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_seconds: Option<i64>,
    placed_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
}

#[derive(Serialize)]
struct LineV3<'a> {
    line_no: i16,
    product_id: &'a str,
    quantity: i64,
    unit_price: i64,
    total_price: i64,
}

#[derive(Serialize)]
struct RequestV1<'a> {
    r#type: &'static str,
    version: u32,
    order_id: String,
    product_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    occurred_at: String,
}

#[derive(Serialize)]
struct LineEventV1<'a> {
    r#type: &'static str,
    version: u32,
    cause: String,
    order_id: String,
    line_no: i16,
    home_product_id: &'a str,
    product_id: &'a str,
    quantity: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// Whether only version 3 can say the order.
pub(super) fn needs_lines(order: &Order) -> bool {
    order.line_count() > 1 || order.terms() != Terms::default()
}

pub(super) fn order_of_lines(order: &Order) -> Vec<u8> {
    let Terms { currency, hold } = order.terms();
    let lines = order.lines().map(|(line_no, line)| LineV3 {
        line_no: line_no.get(),
        product_id: line.product_id().as_str(),
        quantity: line.quantity().get(),
        unit_price: line.unit_price().get(),
        total_price: line.total_price().get(),
    });
    json(&OrderPlacedV3 {
        r#type: ORDER_PLACED,
        version: 3,
        order_id: order.order_id().to_string(),
        user_id: order.user_id().as_str(),
        lines: lines.collect(),
        total_price: order.total_price().get(),
        currency: currency.as_ref().map(|currency| currency.as_str()),
        hold_seconds: hold.map(|hold| hold.get()),
        placed_at: time_text(order.placed_at()),
        channel: order.channel().map(Channel::as_str),
    })
}

/// The word of `type`.
pub(super) fn request_type(kind: &RequestKind) -> &'static str {
    match kind {
        RequestKind::Confirm => ORDER_CONFIRM_REQUESTED,
        RequestKind::Cancel { .. } => ORDER_CANCEL_REQUESTED,
        RequestKind::Expire => HOLD_EXPIRED,
    }
}

pub(super) fn order_requested(request: &OrderRequest) -> Vec<u8> {
    let note = match request.kind() {
        RequestKind::Cancel { note } => note.as_ref().map(CancelNote::as_str),
        RequestKind::Confirm | RequestKind::Expire => None,
    };
    json(&RequestV1 {
        r#type: request_type(request.kind()),
        version: 1,
        order_id: request.order_id().to_string(),
        product_id: request.home_product_id().as_str(),
        note,
        occurred_at: time_text(request.occurred_at()),
    })
}

/// The word of `type`.
pub(super) fn step_type(step: LineStep) -> &'static str {
    match step {
        LineStep::Requested => LINE_REQUESTED,
        LineStep::Decided(_) => LINE_DECIDED,
        LineStep::Released => LINE_RELEASED,
        LineStep::Confirmed => LINE_CONFIRMED,
    }
}

pub(super) fn line_told(told: &LineEvent) -> Vec<u8> {
    let (status, reason) = match told.step {
        LineStep::Decided(LineDecision::Reserved) => (Some(LineStatus::Reserved.as_str()), None),
        LineStep::Decided(LineDecision::Rejected(reason)) => {
            (Some(LineStatus::Rejected.as_str()), Some(reason.as_str()))
        }
        LineStep::Requested | LineStep::Released | LineStep::Confirmed => (None, None),
    };
    let target = &told.target;
    json(&LineEventV1 {
        r#type: step_type(told.step),
        version: 1,
        cause: told.cause.to_string(),
        order_id: target.order_id.to_string(),
        line_no: target.line_no.get(),
        home_product_id: target.home_product_id.as_str(),
        product_id: target.product_id.as_str(),
        quantity: target.quantity.get(),
        status,
        reason,
    })
}
