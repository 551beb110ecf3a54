//! The outcomes that tell what the rules decided.
//!
//! A confirmation carries what is left, a rejection carries why: neither can be published without, so neither has to be
//! looked up again, or guessed. It must never decide anything itself. Next: [`crate::batch`], which does.

use ledger_schema::wire::{
    AdjustmentRejected, OrderCancelled, OrderConfirmed, OrderHeld, OrderMoved, OrderRejected, Outcome, OutcomeLine,
    OutcomeOfLines, StockChanged, StockReleased, time_text,
};
use ledger_schema::{LineNo, Movement, Order, OrderId, OrderReason, ProductId, Quantity, RejectionReason};

use crate::effects::OrderRow;
use crate::order_state::Stage;
use crate::state::Level;

const DECIDED: &str = "a pending order has no outcome";

/// The outcome of an order that is not pending. `level` is what the product of its line 1 has afterwards.
pub(crate) fn order_outcome(row: &OrderRow, level: Option<Level>, event_id: String) -> Outcome {
    if row.order.line_count() > 1 {
        return Outcome::OfLines(of_lines(row, event_id));
    }
    let order = &row.order;
    let version = Outcome::VERSION;
    let order_id = order.order_id().to_string();
    let user_id = order.user_id().to_string();
    let product_id = order.product_id().to_string();
    let quantity = order.first_line().quantity().get();
    let unit_price = order.first_line().unit_price().get();
    let total_price = order.total_price().get();
    let (currency, hold_seconds) = terms(order);
    let available = || level.map(|level| level.available).expect("a product of which pieces were taken has stock");
    let reason = || row.state.reason().map(|reason| reason.to_string()).expect("what has ended has a reason");
    // One by one: the types differ by a member, and each is what its readers know.
    macro_rules! outcome {
        ($name:ident { $($member:ident: $value:expr),+ }) => {
            Outcome::$name($name {
                version, event_id, order_id, user_id, product_id, quantity, unit_price, total_price,
                $($member: $value,)+ currency, hold_seconds,
            })
        };
    }
    match row.state.stage() {
        Stage::Confirmed => outcome!(OrderConfirmed { available: available() }),
        Stage::Rejected => outcome!(OrderRejected { reason: reason() }),
        Stage::Held => outcome!(OrderHeld { expires_at: expires_at(order), available: available() }),
        Stage::Cancelled(_) => outcome!(OrderCancelled { reason: reason(), available: available() }),
        Stage::Pending => unreachable!("{DECIDED}"),
    }
}

fn of_lines(row: &OrderRow, event_id: String) -> OutcomeOfLines {
    let order = &row.order;
    let moved = match row.state.stage() {
        Stage::Held => OrderMoved::Held,
        Stage::Confirmed => OrderMoved::Confirmed,
        Stage::Rejected => OrderMoved::Rejected,
        Stage::Cancelled(_) => OrderMoved::Cancelled,
        Stage::Pending => unreachable!("{DECIDED}"),
    };
    let word = |reason: OrderReason| reason.as_str().to_owned();
    let line = |(line_no, line): (LineNo, &ledger_schema::Line)| OutcomeLine {
        line_no: line_no.get(),
        product_id: line.product_id().to_string(),
        quantity: line.quantity().get(),
        unit_price: line.unit_price().get(),
        total_price: line.total_price().get(),
        status: row.state.line(line_no).status().as_str().to_owned(),
        reason: row.state.reason_of(line_no).map(word),
    };
    let (currency, hold_seconds) = terms(order);
    OutcomeOfLines {
        moved,
        version: Outcome::VERSION_OF_LINES,
        event_id,
        order_id: order.order_id().to_string(),
        user_id: order.user_id().to_string(),
        lines: order.lines().map(line).collect(),
        total_price: order.total_price().get(),
        reason: row.state.reason().map(word),
        expires_at: (moved == OrderMoved::Held).then(|| expires_at(order)),
        currency,
        hold_seconds,
    }
}

fn terms(order: &Order) -> (Option<String>, Option<i64>) {
    let terms = order.terms();
    (terms.currency.map(|currency| currency.to_string()), terms.hold.map(|hold| hold.get()))
}

fn expires_at(order: &Order) -> String {
    time_text(order.expires_at().expect("only an order with a hold is held"))
}

/// Pieces of a line that came back; `available` is what the product has afterwards.
pub(crate) fn release_outcome(
    order_id: OrderId,
    line_no: LineNo,
    product_id: &ProductId,
    quantity: Quantity,
    available: i64,
    event_id: String,
) -> Outcome {
    Outcome::StockReleased(StockReleased {
        version: Outcome::VERSION_OF_LINES,
        event_id,
        order_id: order_id.to_string(),
        line_no: line_no.get(),
        product_id: product_id.to_string(),
        kind: StockReleased::KIND.to_owned(),
        delta: quantity.get(),
        available,
    })
}

/// `judged` is what the product has afterwards, or why the movement was refused.
pub(crate) fn movement_outcome(
    movement: &Movement,
    judged: Result<Level, RejectionReason>,
    event_id: String,
) -> Outcome {
    let version = Outcome::VERSION;
    let movement_id = movement.movement_id().to_string();
    let product_id = movement.product_id().to_string();
    let delta = movement.delta().get();
    match judged {
        Ok(Level { available, .. }) => Outcome::StockChanged(StockChanged {
            version,
            event_id,
            movement_id,
            product_id,
            kind: movement.kind_word().to_owned(),
            delta,
            available,
        }),
        Err(reason) => Outcome::AdjustmentRejected(AdjustmentRejected {
            version,
            event_id,
            movement_id,
            product_id,
            delta,
            reason: reason.as_str().to_owned(),
        }),
    }
}
