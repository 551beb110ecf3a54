//! One record about a product: what it asked for, what became of it, and what was left. Folded by itself, so that its effects are its own.

use chrono::{DateTime, SecondsFormat, Utc};
use ledger_fold::{BatchEffects, Decision, OrderRow, ReservationState};
use ledger_kafka::record::OwnedRecord;
use ledger_schema::wire::Event;
use ledger_schema::{LineNo, LineStep, Order, Position, ProductId, RequestKind};
use serde::Serialize;

/// One record about the product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// `PARTITION:OFFSET`.
    pub position: String,
    /// As the event says, else when the log took it; `None` where neither says it.
    pub time: Option<String>,
    /// `order`, `receipt`, `adjustment`; `confirm`, `cancel`, `expire` of an order; `line-requested`, `line-decided`, `line-confirmed`,
    /// `line-released`; or `unreadable`.
    pub event: &'static str,
    /// Of the order or the movement.
    pub id: Option<String>,
    /// Which line of the order is of this product.
    pub line_no: Option<i16>,
    /// Who ordered, why it was adjusted or cancelled, or of a line the product of the order's line 1.
    pub by: Option<String>,
    /// The change that it asks for, in pieces: what a cancelled or expired order gives back, too.
    pub asked: i64,
    /// Of an order its status after it; of a line `reserved`, `confirmed`, `released` or `rejected`; `duplicate`, `overruled` (the log
    /// had decided otherwise before) or `parked`.
    pub outcome: &'static str,
    /// Why it was rejected, cancelled or parked.
    pub reason: Option<&'static str>,
    /// What was available after it; `None` before the first receipt.
    pub balance: Option<i64>,
    /// What was held after it, likewise.
    pub held: Option<i64>,
}

/// The entry of a record that is about `product`: by its key, or since an order has a line of it here. Its balance is the caller's to add.
pub(super) fn entry(
    record: &OwnedRecord,
    event: Option<&Event>,
    product: &ProductId,
    effects: &BatchEffects,
) -> Option<Entry> {
    let row = effects.orders.first().or(effects.changed_orders.first());
    let line = row.and_then(|row| line_of(&row.order, product));
    let is_named = record.key() == Some(product.as_str().as_bytes());
    let is_placed = matches!(event, Some(Event::OrderPlaced(order)) if line_of(order, product).is_some());
    let is_moved = effects.stock.iter().any(|row| row.product_id == *product);
    if !(is_named || is_placed || is_moved || line.is_some()) {
        return None;
    }
    let (outcome, reason) = fate(effects, line.map(|(line_no, _)| line_no));
    let blank = Entry {
        position: Position { partition: record.partition, offset: record.offset }.to_string(),
        time: record.time_ms.and_then(DateTime::from_timestamp_millis).and_then(shown),
        event: "unreadable",
        id: None,
        line_no: line.map(|(line_no, _)| line_no.get()),
        by: None,
        asked: 0,
        outcome,
        reason,
        balance: None,
        held: None,
    };
    Some(match event {
        Some(event) => said(event, product, row, blank),
        None => Entry { time: None, ..blank },
    })
}

fn line_of(order: &Order, product: &ProductId) -> Option<(LineNo, i64)> {
    let mut lines = order.lines().filter(|(_, line)| line.product_id() == product);
    lines.next().map(|(line_no, line)| (line_no, line.quantity().get()))
}

fn shown(time: DateTime<Utc>) -> Option<String> {
    Some(time.to_rfc3339_opts(SecondsFormat::Micros, true))
}

/// What the event says.
fn said(event: &Event, product: &ProductId, row: Option<&OrderRow>, blank: Entry) -> Entry {
    match event {
        Event::OrderPlaced(order) => {
            let line = line_of(order, product);
            Entry {
                time: shown(order.placed_at()),
                event: "order",
                id: Some(order.order_id().to_string()),
                line_no: line.map(|(line_no, _)| line_no.get()),
                by: Some(order.user_id().as_str().to_owned()),
                asked: line.map_or(0, |(_, quantity)| -quantity),
                ..blank
            }
        }
        Event::StockMoved(movement) => Entry {
            time: shown(movement.occurred_at()),
            event: movement.kind_word(),
            id: Some(movement.movement_id().to_string()),
            by: movement.note().map(|note| note.as_str().to_owned()),
            asked: movement.delta().get(),
            ..blank
        },
        Event::OrderRequested(request) => {
            let (event, by, gives_back) = match request.kind() {
                RequestKind::Confirm => ("confirm", None, false),
                RequestKind::Cancel { note } => ("cancel", note.as_ref().map(|note| note.as_str().to_owned()), true),
                RequestKind::Expire => ("expire", None, true),
            };
            // A request that changed nothing asks for nothing here: which order it was about does not say which pieces.
            let quantity = row.and_then(|row| line_of(&row.order, product)).map_or(0, |(_, quantity)| quantity);
            Entry {
                time: shown(request.occurred_at()),
                event,
                id: Some(request.order_id().to_string()),
                by,
                asked: if gives_back { quantity } else { 0 },
                ..blank
            }
        }
        Event::LineTold(told) => {
            let quantity = told.target.quantity.get();
            let (event, asked) = match told.step {
                LineStep::Requested => ("line-requested", -quantity),
                LineStep::Released => ("line-released", quantity),
                LineStep::Confirmed => ("line-confirmed", 0),
                LineStep::Decided(_) => ("line-decided", 0),
            };
            Entry {
                event,
                id: Some(told.target.order_id.to_string()),
                line_no: Some(told.target.line_no.get()),
                by: Some(told.target.home_product_id.to_string()),
                asked,
                ..blank
            }
        }
    }
}

/// What became of a record, by what its fold did. `line_no` is the order's line of this product.
fn fate(effects: &BatchEffects, line_no: Option<LineNo>) -> (&'static str, Option<&'static str>) {
    if let Some(parked) = effects.parked.first() {
        return ("parked", Some(parked.reason.as_str()));
    }
    if let Some(row) = effects.orders.first().or(effects.changed_orders.first()) {
        let reason = line_no.map_or_else(|| row.state.reason(), |line_no| row.state.reason_of(line_no));
        return (row.state.status().as_str(), reason.map(|reason| reason.as_str()));
    }
    if let Some(row) = effects.reservations.first().or(effects.changed_reservations.first()) {
        return match row.state {
            ReservationState::Reserved => ("reserved", None),
            ReservationState::Confirmed => ("confirmed", None),
            ReservationState::Released => ("released", None),
            ReservationState::Rejected(reason) => ("rejected", Some(reason.as_str())),
        };
    }
    if let Some(row) = effects.movements.first() {
        return match row.decision {
            Decision::Confirmed => ("confirmed", None),
            Decision::Rejected(reason) => ("rejected", Some(reason.as_str())),
        };
    }
    if effects.overruled_count > 0 {
        return ("overruled", None);
    }
    assert!(effects.duplicate_count > 0, "INV-8: a record has an effect, or is counted, or is parked");
    ("duplicate", None)
}
